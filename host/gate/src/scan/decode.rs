//! Undoes the encoding of a body, within bounds, so that the scan sees what the tool would see (threat E3).
//!
//! No encoding is asked for (`accept-encoding: identity`); some servers send gzip or deflate all the same. What expands too far
//! (a bomb), is encoded twice, breaks off, has a wrong checksum or something behind its end is not decoded, and so withheld: two
//! readers of such a body would see two texts, and the scan is only one of them.

use std::io::Read;

use flate2::Decompress;
use flate2::FlushDecompress;
use flate2::Status;
use flate2::bufread::GzDecoder;
use hotcell_protocol::limits;
use http::HeaderMap;
use http::header;

/// How often longer than its encoding a body may be (deflate itself ends at 1,032), and what is granted besides.
pub(crate) const RATIO: usize = 100;
pub(crate) const ALLOWANCE: usize = 256 * 1024;
/// Bytes that are decoded between two looks at the bounds.
const STEP: usize = 64 * 1024;
/// Members of a gzip body (RFC 1952 §2.2). Each costs a decoder, and an empty one takes 20 bytes.
const MEMBERS: usize = 16;

/// Why a body is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Undecoded {
    /// It broke off, has a wrong checksum, or something behind its end.
    Broken,
    /// It is longer than a response may be.
    TooLarge,
    /// It grows as no honest body does.
    TooMuch,
    /// It is encoded twice, or in a way that is not known here.
    Unknown,
}

/// The body as it was before it was encoded; `None` if it was not.
pub(crate) fn decoded(headers: &HeaderMap, body: &[u8]) -> Result<Option<Vec<u8>>, Undecoded> {
    let values =
        headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let mut codings = values.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    let Some(coding) = codings.next() else { return Ok(None) };
    if codings.next().is_some() {
        return Err(Undecoded::Unknown);
    }
    let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
    // The answer to a HEAD has the header and no body (RFC 9110 §9.3.2).
    let decoded = match () {
        () if is("identity") => return Ok(None),
        () if body.is_empty() => Vec::new(),
        () if is("gzip") || is("x-gzip") => gzip(body)?,
        () if is("deflate") => zlib(body)?,
        () => return Err(Undecoded::Unknown),
    };
    if is_compressed(&decoded) { Err(Undecoded::Unknown) } else { Ok(Some(decoded)) }
}

/// Whether a body begins as gzip (RFC 1952) or zstd (RFC 8878) does.
pub(crate) fn is_compressed(body: &[u8]) -> bool {
    body.starts_with(&[0x1f, 0x8b, 8]) || body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

fn gzip(body: &[u8]) -> Result<Vec<u8>, Undecoded> {
    let mut out = Vec::new();
    let mut rest = body;
    for _ in 0..MEMBERS {
        let mut member = GzDecoder::new(rest);
        loop {
            let before = out.len();
            let most = u64::try_from(STEP).unwrap_or(u64::MAX);
            let read = Read::take(&mut member, most).read_to_end(&mut out).map_err(|_| Undecoded::Broken)?;
            bounded(out.len(), body.len() - member.get_ref().len())?;
            if read == 0 || out.len() - before < STEP {
                break;
            }
        }
        rest = member.into_inner();
        if rest.is_empty() {
            return Ok(out);
        }
    }
    Err(Undecoded::Unknown)
}

/// `deflate` is zlib's form (RFC 9110 §8.4.1.2, RFC 1950), whatever some servers send instead.
fn zlib(body: &[u8]) -> Result<Vec<u8>, Undecoded> {
    let mut out = Vec::new();
    let mut decoder = Decompress::new(true);
    loop {
        let (taken, made) = (decoder.total_in(), decoder.total_out());
        let rest = usize::try_from(taken).ok().and_then(|taken| body.get(taken..)).unwrap_or_default();
        out.reserve(STEP);
        let status = decoder.decompress_vec(rest, &mut out, FlushDecompress::None).map_err(|_| Undecoded::Broken)?;
        let used = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
        bounded(out.len(), used)?;
        match status {
            Status::StreamEnd if used == body.len() => return Ok(out),
            Status::StreamEnd => return Err(Undecoded::Broken),
            // Nothing more to take: it broke off.
            _ if (decoder.total_in(), decoder.total_out()) == (taken, made) => return Err(Undecoded::Broken),
            _ => {}
        }
    }
}

fn bounded(out: usize, used: usize) -> Result<(), Undecoded> {
    match out {
        out if out > used.saturating_mul(RATIO) + ALLOWANCE => Err(Undecoded::TooMuch),
        out if out > limits::RESPONSE_BODY_BYTES => Err(Undecoded::TooLarge),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::GzBuilder;
    use flate2::write::GzEncoder;
    use flate2::write::ZlibEncoder;
    use http::HeaderValue;
    use std::io::Write as _;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zl(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(codings: &[&str], body: &[u8]) -> Result<Option<Vec<u8>>, Undecoded> {
        let mut headers = HeaderMap::new();
        for coding in codings {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
        }
        decoded(&headers, body)
    }

    #[test]
    fn e3_what_gzip_and_deflate_encoded_is_decoded_whole() {
        let long = b"{\"number\": 12}, ".repeat(5_000);
        for text in [&b""[..], b"x", b"{\"a\": 1}", &long] {
            for (coding, body) in
                [("gzip", gz(text)), ("X-GZip", gz(text)), ("deflate", zl(text)), (" gzip ", gz(text))]
            {
                assert_eq!(decode(&[coding], &body).unwrap().unwrap(), text, "{coding}");
            }
            for plain in [&[][..], &["identity"], &["Identity"], &[""]] {
                assert_eq!(decode(plain, text), Ok(None));
            }
        }
        assert_eq!(decode(&["gzip"], &[gz(b"a"), gz(b"b"), gz(b"c")].concat()).unwrap().unwrap(), b"abc");
        assert_eq!(decode(&["gzip"], b""), Ok(Some(Vec::new())), "the answer to a HEAD");
        // What a header says besides (a name, a comment) is nothing of the text.
        let named = GzBuilder::new().filename("token").comment("more").write(Vec::new(), Compression::fast());
        assert_eq!(decode(&["gzip"], &named.finish().unwrap()), Ok(Some(Vec::new())));
    }

    #[test]
    fn e3_what_two_readers_would_read_differently_is_not_decoded() {
        let text = b"a text that is long enough to be more than one symbol, and more, and more".repeat(20);
        for (coding, body) in [("gzip", gz(&text)), ("deflate", zl(&text))] {
            for length in 1..body.len() {
                assert_eq!(
                    decode(&[coding], &body[..length]),
                    Err(Undecoded::Broken),
                    "{coding} broke off at {length}"
                );
            }
            for behind in [&b"x"[..], &[0], &[0; 600], b"\x1f\x8b", b"a second text"] {
                let long = [&body[..], behind].concat();
                assert_eq!(decode(&[coding], &long), Err(Undecoded::Broken), "{coding} with {behind:?} behind it");
            }
            for at in body.len() - 4..body.len() {
                let mut wrong = body.clone();
                wrong[at] ^= 1;
                assert_eq!(decode(&[coding], &wrong), Err(Undecoded::Broken), "{coding} with a wrong sum or length");
            }
            assert_eq!(decode(&[coding], &text), Err(Undecoded::Broken), "not encoded at all");
        }
        let mut crc = gz(&text);
        let at = crc.len() - 8;
        crc[at] ^= 1;
        assert_eq!(decode(&["gzip"], &crc), Err(Undecoded::Broken));
        let raw = &zl(&text)[2..];
        assert_eq!(decode(&["deflate"], &raw[..raw.len() - 4]), Err(Undecoded::Broken), "deflate without zlib's form");
        for codings in [
            &["gzip, gzip"][..],
            &["gzip", "gzip"],
            &["identity, gzip"],
            &["deflate", "gzip"],
            &["br"],
            &["zstd"],
            &["x"],
        ] {
            assert_eq!(decode(codings, &gz(&text)), Err(Undecoded::Unknown), "{codings:?}");
        }
        assert_eq!(decode(&["gzip"], &gz(&gz(&text))), Err(Undecoded::Unknown), "twice, and said once");
        assert_eq!(decode(&["deflate"], &zl(&gz(&text))), Err(Undecoded::Unknown));
        assert_eq!(decode(&["gzip"], &gz(b"").repeat(MEMBERS + 1)), Err(Undecoded::Unknown), "too many members");
        assert!(decode(&["gzip"], &gz(b"").repeat(MEMBERS)).is_ok());
    }

    #[test]
    fn e3_a_bomb_ends_at_its_first_steps_and_a_long_text_at_the_limit() {
        let started = std::time::Instant::now();
        let zeroes = vec![0; 64 << 20];
        for (coding, body) in [("gzip", gz(&zeroes)), ("deflate", zl(&zeroes))] {
            assert_eq!(decode(&[coding], &body), Err(Undecoded::TooMuch), "{coding}");
        }
        assert!(decode(&["gzip"], &gz(&zeroes[..ALLOWANCE])).is_ok(), "small ones may be as dense as they like");
        drop(zeroes);
        // Text that is hardly compressed: xorshift (Marsaglia 2003).
        let mut state = 0x5eed_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(limits::RESPONSE_BODY_BYTES + 1)
        .collect();
        for (coding, one) in [("gzip", gz as fn(&[u8]) -> Vec<u8>), ("deflate", zl)] {
            assert_eq!(decode(&[coding], &one(&noise)), Err(Undecoded::TooLarge), "{coding}");
            assert!(decode(&[coding], &one(&noise[1..])).is_ok(), "{coding}");
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
    }
}
