//! Encoded bodies: whatever comes, it is decoded within bounds or not at all, and as another reader would (threat E3).

use std::io::Read as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::read::ZlibDecoder;
use flate2::write::GzEncoder;
use flate2::write::ZlibEncoder;
use http::HeaderMap;
use http::HeaderValue;
use http::header;

use super::outcome;
use crate::scan::decode::ALLOWANCE;
use crate::scan::decode::RATIO;
use crate::scan::decode::decoded;
use crate::scan::decode::is_compressed;

/// What the bytes are, where one of them is changed, and to what; then the bytes.
pub fn bodies(data: &[u8]) -> u64 {
    let [kind, at, change, rest @ ..] = data else { return 0 };
    let gzip = kind & 1 == 0;
    let whole = match kind >> 1 & 3 {
        // As they come.
        0 => rest.to_vec(),
        1 => encoded(gzip, rest),
        // In two members, or with something behind the end.
        2 => [encoded(gzip, &rest[..rest.len() / 2]), encoded(gzip, &rest[rest.len() / 2..])].concat(),
        // Many times the same.
        _ => encoded(gzip, &rest.repeat(64)),
    };
    let mut body = whole.clone();
    let index = usize::from(*at) * body.len() / 256;
    if let Some(byte) = body.get_mut(index) {
        *byte ^= change;
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(if gzip { "gzip" } else { "deflate" }));
    let decoded = decoded(&headers, &body);
    if let Ok(Some(text)) = &decoded {
        assert!(text.len() <= body.len() * RATIO + ALLOWANCE, "{} bytes of {}", text.len(), body.len());
        assert!(!is_compressed(text), "encoded twice");
        let mut other = Vec::new();
        let read = if gzip {
            MultiGzDecoder::new(body.as_slice()).read_to_end(&mut other)
        } else {
            ZlibDecoder::new(body.as_slice()).read_to_end(&mut other)
        };
        assert!(body.is_empty() || read.is_ok() && other == *text, "another reader reads something else");
    }
    if body == whole && kind >> 1 & 3 == 1 && !is_compressed(rest) {
        assert_eq!(decoded.as_ref().ok().and_then(Option::as_deref), Some(rest), "not what was encoded");
    }
    outcome((kind & 7, body == whole, decoded.map(|text| text.map_or(0, |text| text.len().min(64)))))
}

fn encoded(gzip: bool, text: &[u8]) -> Vec<u8> {
    if gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    } else {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }
}
