//! U: servers that hang, flood, lie about lengths, compress, redirect, or are not who they should be.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::GzBuilder;
use flate2::write::GzEncoder;
use flate2::write::ZlibEncoder;
use hotcell_protocol::Code;

use super::Ask;
use super::Does;
use super::Ends;
use super::Row;
use super::Script;
use super::Step::Close;
use super::Step::Forever;
use super::Step::Hang;
use super::Step::Reset;
use super::Step::Send;
use super::Step::Slowly;
use super::tls::Wrong;
use crate::Raw;

const UNREACHABLE: Ends = Ends::Denied(Code::UpstreamUnreachable);
const TOO_LARGE: Ends = Ends::Denied(Code::ResponseTooLarge);
const WITHHELD: Ends = Ends::Denied(Code::LeakStopped);
/// The deadline of a call, three seconds, and what a busy machine adds.
const LATE_MS: u64 = 3_500;

const fn row(id: &'static str, name: &'static str, script: fn(&str) -> Script, ends: Ends) -> Row {
    Row { id, name, does: Does::Server(script), ends, most_ms: 1_000, most_mib: 16 }
}

const fn late(id: &'static str, name: &'static str, script: fn(&str) -> Script) -> Row {
    Row { id, name, does: Does::Server(script), ends: Ends::Late, most_ms: LATE_MS, most_mib: 16 }
}

const fn tls(id: &'static str, name: &'static str, wrong: Wrong) -> Row {
    Row { id, name, does: Does::Tls(wrong), ends: UNREACHABLE, most_ms: 1_000, most_mib: 16 }
}

pub(super) const ROWS: &[Row] = &[
    late("U1", "head-slow-loris", |_| vec![Slowly(Raw::ok("x".repeat(99)), Duration::from_millis(100))]),
    late("U2a", "body-slow-loris", |_| {
        vec![Send(head("Content-Length: 9999")), Slowly(vec![b'x'; 999], Duration::from_millis(100))]
    }),
    Row {
        id: "U2b",
        name: "body-that-stops",
        does: Does::Patient(|_| vec![Send(head("Content-Length: 9999")), Send(b"x".to_vec()), Hang]),
        ends: Ends::Denied(Code::UpstreamTimedOut),
        most_ms: 5_700,
        most_mib: 16,
    },
    late("U3", "silent-after-accept", |_| vec![Hang]),
    row("U4a", "reset-in-the-head", |_| vec![Send(b"HTTP/1.1 200 OK\r\nCont".to_vec()), Reset], UNREACHABLE),
    row(
        "U4b",
        "reset-in-the-body",
        |_| vec![Send(head("Content-Length: 99")), Send(b"x".to_vec()), Reset],
        UNREACHABLE,
    ),
    row("U4c", "closed-without-a-word", |_| vec![Close], UNREACHABLE),
    Row {
        most_mib: 48,
        ..row("U5", "infinite-body", |_| vec![Send(head("Connection: close")), Forever(vec![b'x'; 65_536])], TOO_LARGE)
    },
    row("U6a", "length-too-long", |_| vec![Send(head("Content-Length: 99")), Send(b"x".to_vec()), Close], UNREACHABLE),
    // What follows is no answer to anything: the next request must not get it.
    Row { does: Does::Twice(smuggling), ..row("U6b", "length-too-short", smuggling, Ends::Answers(200)) },
    row("U6c", "two-lengths", |_| whole("Content-Length: 1\r\nContent-Length: 2", "xx"), UNREACHABLE),
    row("U6d", "signed-length", |_| whole("Content-Length: +5", "xxxxx"), UNREACHABLE),
    row("U6e", "negative-length", |_| whole("Content-Length: -1", "x"), UNREACHABLE),
    row("U6f", "length-of-an-exabyte", |_| vec![Send(head("Content-Length: 1152921504606846976")), Hang], TOO_LARGE),
    row("U6g", "length-that-overflows", |_| whole("Content-Length: 99999999999999999999999", "x"), UNREACHABLE),
    row("U7a", "chunk-of-a-huge-size", |_| whole(CHUNKED, "FFFFFFFFFFFFFFFFF\r\nx"), UNREACHABLE),
    row("U7b", "chunk-size-that-is-none", |_| whole(CHUNKED, "+1\r\nx\r\n0\r\n\r\n"), UNREACHABLE),
    row(
        "U7c",
        "bad-trailer",
        |_| vec![Send([head(CHUNKED), b"1\r\nx\r\n0\r\nno colon\r\n\r\n".to_vec()].concat()), Close],
        UNREACHABLE,
    ),
    row(
        "U7d",
        "chunked-and-a-length",
        |_| whole("Content-Length: 1\r\nTransfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n"),
        Ends::Answers(200),
    ),
    row("U8a", "gzip-bomb", |_| coded("gzip", gzip_bomb()), WITHHELD),
    row("U8b", "gzip-bomb-that-does-not-say-so", |_| vec![Send(Raw::ok(gzip_bomb()))], WITHHELD),
    row("U8c", "deflate-bomb", |_| coded("deflate", deflated(&[0; 16 << 20])), WITHHELD),
    row("U8d", "brotli", |_| coded("br", vec![0x8b, 0x00, 0x80, 0x41, 0x03]), WITHHELD),
    row("U8e", "zstd-bomb", |_| coded("zstd", zstd_bomb()), WITHHELD),
    row("U8f", "nested-codings", |_| coded("gzip, gzip, identity", gzip_bomb()), WITHHELD),
    row("U8g", "gzip-of-an-honest-text", |_| coded("gzip", gzipped("fine")), Ends::Answers(200)),
    row("U8h", "deflate-of-an-honest-text", |_| coded("deflate", deflated(b"fine")), Ends::Answers(200)),
    row("U8i", "token-in-gzip", |token| coded("gzip", gzipped(token)), WITHHELD),
    row("U8j", "token-in-deflate", |token| coded("deflate", deflated(token.as_bytes())), WITHHELD),
    row("U8k", "token-in-the-name-of-a-gzip-file", |token| coded("gzip", named(token)), WITHHELD),
    row(
        "U8l",
        "token-in-the-second-member",
        |token| coded("gzip", [gzipped("fine"), gzipped(token)].concat()),
        WITHHELD,
    ),
    row("U8m", "gzip-that-breaks-off", |_| coded("gzip", cut(gzipped("fine"), 3)), WITHHELD),
    row("U8n", "gzip-with-more-behind-it", |_| coded("gzip", [gzipped("fine"), b"more".to_vec()].concat()), WITHHELD),
    row("U8o", "gzip-with-a-wrong-checksum", |_| coded("gzip", stored_gzip("fine")), WITHHELD),
    row("U8p", "gzip-in-gzip-that-says-so-once", |token| coded("gzip", gzip(&gzipped(token))), WITHHELD),
    row("U8q", "gzip-of-a-thousand-members", |_| coded("gzip", gzipped("").repeat(1_000)), WITHHELD),
    row("U8r", "deflate-that-breaks-off", |_| coded("deflate", cut(deflated(b"fine"), 2)), WITHHELD),
    row(
        "U8s",
        "deflate-with-more-behind-it",
        |_| coded("deflate", [deflated(b"fine"), b"x".to_vec()].concat()),
        WITHHELD,
    ),
    row("U8t", "text-that-says-gzip", |_| coded("gzip", b"fine".to_vec()), WITHHELD),
    Row { most_mib: 48, ..row("U8u", "gzip-of-nine-megabytes", |_| coded("gzip", gzip(&many_numbers())), TOO_LARGE) },
    late("U9", "flood-of-1xx", |_| vec![Forever(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(100))]),
    row("U10", "hundred-thousand-headers", |_| whole(&"X-A: b\r\n".repeat(100_000), ""), UNREACHABLE),
    row("U11", "header-of-a-mebibyte", |_| whole(&format!("X-A: {}", "b".repeat(1 << 20)), ""), UNREACHABLE),
    row("U12a", "redirect-to-cloud-metadata", |_| redirect("http://169.254.169.254/latest/"), Ends::Answers(302)),
    row("U12b", "redirect-to-http", |_| redirect("http://127.0.0.1:1/"), Ends::Answers(302)),
    row("U12c", "redirect-to-another-host", |_| redirect("https://evil.example/collect"), Ends::Answers(302)),
    row("U12d", "redirect-with-user-name", |_| redirect("https://user:password@evil.example/"), Ends::Answers(302)),
    row("U12e", "redirect-loop", |_| redirect("/api/x"), Ends::Answers(302)),
    row("U13", "location-with-nul", |_| redirect("/a\0b"), UNREACHABLE),
    row(
        "U14",
        "401-for-ever",
        |_| vec![Send(Raw::answer("401 Unauthorized", &["WWW-Authenticate: Bearer"], "no"))],
        Ends::Answers(401),
    ),
    row(
        "U15",
        "retry-after-thirty-years",
        |_| vec![Send(Raw::answer("429 Slow Down", &["Retry-After: 1000000000"], ""))],
        Ends::Answers(429),
    ),
    tls("U16a", "certificate-expired", Wrong::Expired),
    tls("U16b", "certificate-for-another-host", Wrong::Host),
    tls("U16c", "certificate-that-nobody-vouches-for", Wrong::Unknown),
    tls("U16d", "certificate-not-valid-yet", Wrong::Soon),
    tls("U16e", "tls-1.0", Wrong::Hello([3, 1], [0xc0, 0x13])),
    tls("U16f", "tls-1.1", Wrong::Hello([3, 2], [0xc0, 0x13])),
    tls("U16g", "ssl-3.0", Wrong::Hello([3, 0], [0, 0x0a])),
    tls("U16h", "tls-1.2-with-a-cipher-that-nobody-offered", Wrong::Hello([3, 3], [0, 0x2f])),
    // What makes the four above refusals of what the server chose: the same message with a version and a cipher that are good
    // is waited on.
    Row {
        ends: Ends::Late,
        most_ms: LATE_MS,
        ..tls("U16i", "tls-1.2-that-stops-after-its-hello", Wrong::Hello([3, 3], [0xc0, 0x2f]))
    },
    tls("U16j", "http-where-tls-is-expected", Wrong::Plain),
    Row {
        id: "U17",
        name: "name-that-leads-to-this-machine",
        does: Does::Asks(|_| vec![Ask { url: "https://localhost:9/api/x".to_owned(), ..Ask::default() }]),
        ends: Ends::Denied(Code::AddressForbidden),
        most_ms: 1_000,
        most_mib: 16,
    },
    row(
        "U18",
        "switching-protocols",
        |_| vec![Send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_vec()), Hang],
        UNREACHABLE,
    ),
    row(
        "U19",
        "http-2-preface",
        |_| vec![Send(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0".to_vec()), Close],
        UNREACHABLE,
    ),
    row(
        "U20a",
        "invalid-utf-8-everywhere",
        |_| vec![Send(b"HTTP/1.1 200 \xff\xfe\r\nETag: \xff\xfe\r\nContent-Length: 2\r\n\r\n\xff\xfe".to_vec())],
        Ends::Answers(200),
    ),
    row("U20b", "no-http-at-all", |_| vec![Send(b"220 smtp ready\r\n".to_vec()), Close], UNREACHABLE),
    row(
        "U20c",
        "status-outside-http",
        |_| vec![Send(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n".to_vec())],
        UNREACHABLE,
    ),
    row(
        "U20d",
        "part-of-a-body",
        |_| vec![Send(Raw::answer("206 Partial Content", &["Content-Range: bytes 0-0/9"], "x"))],
        WITHHELD,
    ),
];

const CHUNKED: &str = "Transfer-Encoding: chunked";

fn head(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n", fields.trim_end()).into_bytes()
}

/// A head, a body, and the end of the connection.
fn whole(fields: &str, body: &str) -> Script {
    vec![Send([head(fields), body.as_bytes().to_vec()].concat()), Close]
}

fn redirect(location: &str) -> Script {
    vec![Send(Raw::answer("302 Found", &[&format!("Location: {location}")], ""))]
}

fn coded(coding: &str, body: Vec<u8>) -> Script {
    vec![Send(Raw::answer("200 OK", &[&format!("Content-Encoding: {coding}")], body))]
}

/// An answer with a second one behind it, in the same write.
fn smuggling(_: &str) -> Script {
    vec![Send([Raw::ok("fine"), Raw::ok("smuggled")].concat())]
}

/// 64 KiB that are a gigabyte: one block of RLE blocks (RFC 8878 §3.1.1.2).
fn zstd_bomb() -> Vec<u8> {
    // Magic number, no content size, a window of 2 MiB; then blocks of 128 KiB of one byte, four bytes each.
    let block = (0x0002_0000_u32 << 3 | 1 << 1).to_le_bytes();
    let blocks = [block[0], block[1], block[2], 0].repeat(8_192);
    [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58][..], &blocks, &[0x01, 0, 0]].concat()
}

/// 200 KB that are 200 MB: a zero, and copies of 258 bytes from one byte before (RFC 1951 §3.2.6).
fn gzip_bomb() -> Vec<u8> {
    let mut bits = vec![1, 1, 0];
    // The literal 0 is 00110000; length 258 is 11000101; distance 1 is 00000.
    bits.extend([0, 0, 1, 1, 0, 0, 0, 0]);
    bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0].repeat(125_000));
    bits.extend([0; 7]);
    let packed = bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0_u8, |sum, (at, bit)| sum | bit << at));
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255].into_iter().chain(packed).chain([0; 8]).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(text: &str) -> Vec<u8> {
    gzip(text.as_bytes())
}

/// A file's name in front of an honest text (RFC 1952 §2.3.1).
fn named(name: &str) -> Vec<u8> {
    let mut encoder = GzBuilder::new().filename(name).write(Vec::new(), Compression::default());
    encoder.write_all(b"fine").unwrap();
    encoder.finish().unwrap()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn cut(mut bytes: Vec<u8>, off: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - off);
    bytes
}

fn many_numbers() -> Vec<u8> {
    (0..2_000_000_u32)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b1).to_string().into_bytes())
        .take(9 << 20)
        .collect()
}

/// A text as gzip in one stored block, without its checksum (RFC 1952, RFC 1951 §3.2.4): whoever unpacks it has the text.
pub(super) fn stored_gzip(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend([0; 8]);
    bytes
}
