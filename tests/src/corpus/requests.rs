//! H: requests that mean something else to somebody else. Each is refused, and nothing is sent.

use hotcell_protocol::Code;
use serde_json::Value;
use serde_json::json;

use super::Ask;
use super::Does;
use super::Ends;
use super::Row;
use super::guests::sending;
use super::wat_guests::RUN;
use super::wat_guests::RUN_U32;

const fn row(id: &'static str, name: &'static str, asks: fn(&str) -> Vec<Ask>, code: Code) -> Row {
    Row { id, name, does: Does::Asks(asks), ends: Ends::Denied(code), most_ms: 500, most_mib: 16 }
}

const fn trapped(id: &'static str, name: &'static str, bytes: fn(&str) -> Vec<u8>) -> Row {
    let ends = Ends::Stopped(Code::GuestTrapped);
    Row { id, name, does: Does::Text(bytes, "{}"), ends, most_ms: 500, most_mib: 24 }
}

pub(super) const ROWS: &[Row] = &[
    row("H1a", "sets-authorization", |o| headers(o, AUTHORIZATION), Code::HeaderForbidden),
    row("H1b", "sets-authorization-with-spaces", |o| headers(o, SPACED), Code::BadRequest),
    row("H2a", "line-ends-in-a-header-value", |o| values(o, VALUES), Code::BadRequest),
    row(
        "H2b",
        "line-ends-in-the-path",
        |o| paths(o, &["/a\r\nHost: evil", "/a\nb", "/a\0b", "/a\tb"]),
        Code::BadRequest,
    ),
    row("H3", "sets-framing-and-routing", |o| headers(o, FRAMING), Code::HeaderForbidden),
    row(
        "H4",
        "absolute-form-path",
        |o| paths(o, &["/http://evil.example/", "/api/https://evil.example/"]),
        Code::BadRequest,
    ),
    row("H5", "user-name-before-the-host", user_names, Code::BadRequest),
    row(
        "H6",
        "backslash-tab-and-space-in-the-url",
        |o| paths(o, &["\\api\\x", "/api\\..\\x", "/api/\tx", "/api/ x"]),
        Code::BadRequest,
    ),
    row("H7a", "homographs-and-upper-case", |_| urls(HOMOGRAPHS), Code::BadRequest),
    row("H7b", "hosts-that-look-like-it", |_| urls(LOOK_ALIKES), Code::OriginNotGranted),
    row("H8", "numeric-and-embedded-hosts", |_| urls(NUMERIC), Code::BadRequest),
    row("H9", "path-traversal-in-each-spelling", |o| paths(o, TRAVERSAL), Code::BadRequest),
    row("H10", "sets-a-method-override", |o| headers(o, OVERRIDES), Code::HeaderForbidden),
    trapped("H11", "method-that-does-not-exist", |origin| sent(origin, 9, 0)),
    row("H12", "ten-thousand-headers", many_headers, Code::RequestTooLarge),
    trapped("H13a", "body-of-a-gibibyte", |origin| sent(origin, 2, 0x4000_0000)),
    Row {
        id: "H13b",
        name: "body-just-over-the-limit",
        does: Does::Text(large_body, "{}"),
        // `err` (1), and the case `too-large` (3).
        ends: Ends::Returns(|value| *value == 103),
        most_ms: 500,
        most_mib: 16,
    },
    row("H14", "url-of-nine-kilobytes", |o| paths(o, &[&format!("/api/{}", "x".repeat(9_000))]), Code::BadRequest),
    row("H15", "other-scheme", |o| urls(&[&format!("{}/", o.replace("http:", "https:"))]), Code::OriginNotGranted),
    row(
        "H16",
        "wrong-port",
        |_| urls(&["http://127.0.0.1:1/", "http://127.0.0.1/", "https://localhost:1/"]),
        Code::OriginNotGranted,
    ),
    row(
        "H17",
        "address-of-cloud-metadata",
        |_| urls(&["http://169.254.169.254/latest/", "http://[fd00:ec2::254]/"]),
        Code::BadRequest,
    ),
    row(
        "H18",
        "path-that-no-rule-has",
        |o| paths(o, &["/", "/ap", "/apix", "/api", "/API/x", "/other"]),
        Code::PathNotGranted,
    ),
    row(
        "H19",
        "path-that-is-always-denied",
        |o| paths(o, &["/api/admin", "/api/Admin/x", "/api/ADMIN/"]),
        Code::PathNotGranted,
    ),
    row(
        "H20",
        "fragment-and-odd-characters",
        |o| paths(o, &["/api/x#y", "/api/<x>", "/api/x|y", "/api/é"]),
        Code::BadRequest,
    ),
    row("H21", "other-schemes-than-http", |_| urls(SCHEMES), Code::BadRequest),
    row("H22", "same-header-twice", |o| vec![with(o, &[("accept", "a"), ("Accept", "b")])], Code::BadRequest),
    row(
        "H24",
        "query-that-no-rule-lists",
        |o| {
            let queries = [
                "action=delete",
                "state=a&action=b",
                "state=a&state=b",
                "state=a;b=c",
                "State=a",
                "%73tate=a",
                "state[]=a",
            ];
            urls(&queries.map(|query| format!("{o}/listed/x?{query}")).iter().map(String::as_str).collect::<Vec<_>>())
        },
        Code::QueryNotGranted,
    ),
    Row {
        id: "H23",
        name: "requests-without-end",
        does: Does::Hostile("ask-often", |origin, _| json!({"url": format!("{origin}/api/x"), "times": 1_000})),
        ends: Ends::Returns(sixty_four_answers),
        most_ms: 1_500,
        most_mib: 16,
    },
];

const AUTHORIZATION: &[&str] =
    &["Authorization", "authorization", "AUTHORIZATION", "Proxy-Authorization", "Cookie", "X-Api-Key", "DPoP"];
const SPACED: &[&str] =
    &[" authorization", "authorization ", "authorization\t", "authorization:", "a\r\nauthorization", ""];
const VALUES: &[&str] = &["a\r\nAuthorization: b", "a\nb", "a\rb", "a\0b", " a", "a ", "\u{2028}"];
const FRAMING: &[&str] = &[
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Connection",
    "Upgrade",
    "Trailer",
    "Expect",
    "Range",
    "Accept-Encoding",
    "Forwarded",
    "X-Forwarded-Host",
    "X-Original-URL",
];
const OVERRIDES: &[&str] = &["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];
const HOMOGRAPHS: &[&str] = &[
    "https://LOCALHOST:1/",
    "https://localhost.:1/",
    "https://loc\u{430}lhost/",
    "https://ⓛocalhost/",
    "https://local%68ost/",
    "https://-localhost/",
];
const LOOK_ALIKES: &[&str] = &[
    "https://localhost.evil.example/",
    "https://evil-localhost/",
    "https://xn--loclhost-2fg.example/",
    "https://api.localhost/",
];
const NUMERIC: &[&str] = &[
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.0.2/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1%25eth0]/",
    "http://10.0.0.1/",
];
const TRAVERSAL: &[&str] = &[
    "/api/../admin",
    "/api/%2e%2e/admin",
    "/api/%2E%2E/admin",
    "/api/.%2e/admin",
    "/api/..%20/admin",
    "/api/.../admin",
    "/api/..%2fadmin",
    "/api/%252e%252e/admin",
    "/api//admin",
    "/api/..;/admin",
    "/api/%5c..%5cadmin",
    "/api/%00/admin",
    "/api/./admin",
    "/api/x/..",
];
const SCHEMES: &[&str] =
    &["file:///etc/passwd", "data:text/plain,x", "ftp://127.0.0.1/", "javascript:1", "//127.0.0.1/", "/api/x", ""];

fn urls(urls: &[&str]) -> Vec<Ask> {
    urls.iter().map(|url| Ask { url: (*url).to_owned(), ..Ask::default() }).collect()
}

fn paths(origin: &str, paths: &[&str]) -> Vec<Ask> {
    paths.iter().map(|path| Ask { url: format!("{origin}{path}"), ..Ask::default() }).collect()
}

fn with(origin: &str, headers: &[(&str, &str)]) -> Ask {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ask { url: format!("{origin}/api/x"), headers, ..Ask::default() }
}

fn headers(origin: &str, names: &[&str]) -> Vec<Ask> {
    names.iter().map(|name| with(origin, &[(name, "x")])).collect()
}

fn values(origin: &str, values: &[&str]) -> Vec<Ask> {
    values.iter().map(|value| with(origin, &[("accept", value)])).collect()
}

fn user_names(origin: &str) -> Vec<Ask> {
    let host = origin.trim_start_matches("http://");
    urls(&[
        &format!("http://user@{host}/api/x"),
        &format!("http://user:password@{host}/api/x"),
        &format!("http://@{host}/api/x"),
        &format!("http://{host}@evil.example/api/x"),
        &format!("http://{host}%40evil.example/api/x"),
    ])
}

fn many_headers(origin: &str) -> Vec<Ask> {
    let headers = (0..10_000).map(|_| ("accept".to_owned(), "x".to_owned())).collect();
    vec![Ask { url: format!("{origin}/api/x"), headers, ..Ask::default() }]
}

fn large_body(origin: &str) -> Vec<u8> {
    let code = r#"(func (export "run") (result i32) (drop (memory.grow (i32.const 32)))
        (call $send (i32.const 2) (i32.const 64) (global.get $length)
            (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1048577) (i32.const 0))
        (i32.add (i32.mul (i32.const 100) (i32.load8_u (i32.const 0))) (i32.load8_u (i32.const 4))))"#;
    sending(&format!("{origin}/api/x"), code, RUN_U32)
}

/// A request with this number for a method, and a body that is said to have so many bytes.
fn sent(origin: &str, method: u32, body: u32) -> Vec<u8> {
    let code = format!(
        r#"(func (export "run") (call $send (i32.const {method}) (i32.const 64) (global.get $length)
            (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const {body}) (i32.const 0)))"#
    );
    sending(&format!("{origin}/api/x"), &code, RUN)
}

/// `[["200", 64], ["…", 936]]`: no more than 64 requests were answered.
fn sixty_four_answers(value: &Value) -> bool {
    let counts = value.as_array().into_iter().flatten();
    counts.filter(|count| count[0] == "200").all(|count| count[1] == 64)
}
