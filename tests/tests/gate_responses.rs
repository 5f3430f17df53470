//! What hostile servers answer, and what reaches the guest of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use hotcell_protocol::Code;
use hotcell_protocol::Verdict;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::Scene;
use hotcell_tests::Upstream;
use hotcell_tests::asks;
use hotcell_tests::is;
use serde_json::Value;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn d1_d5_redirects_come_back_unfollowed_and_without_their_dangerous_parts() {
    let elsewhere = Upstream::start(|_| Raw::ok("never")).await;
    let to = elsewhere.origin();
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("Location: {to}/collect?code=secret#part");
        let scene = Scene::new(move |_, _| Raw::answer(status, &[&location, "Refresh: 0; url=/x"], "")).await;
        let hotcell = scene.open();
        let (got, _) = asks(&hotcell, scene.arguments("post", "/api/x", &[], Some("data"))).await;
        let got = got.unwrap();
        assert!(got.starts_with(&status[..3]), "{got}");
        assert!(got.contains(&format!("location: {to}/collect\n")), "{got}");
        assert!(!got.contains("secret") && !got.to_lowercase().contains("refresh"), "{got}");
        assert_eq!(scene.upstream.seen().len(), 1);
    }
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
}

/// A form in which a server gives the token away.
type Form = fn(&str) -> Vec<u8>;

#[tokio::test(flavor = "multi_thread")]
async fn e1_e5_an_answer_that_holds_the_token_is_withheld_whole() {
    let forms: [(&str, Form); 9] = [
        ("the body", |token| Raw::ok(format!("Bearer {token}"))),
        ("the body of an error", |token| Raw::answer("401 Unauthorized", &[], format!("bad token {token}"))),
        ("base64", |token| Raw::ok(STANDARD.encode(format!("Bearer {token}")))),
        ("base64, one byte on", |token| Raw::ok(STANDARD.encode(format!("xBearer {token}")))),
        ("base64, two bytes on", |token| Raw::ok(STANDARD.encode(format!("xxBearer {token} more")))),
        ("a header", |token| Raw::answer("200 OK", &[&format!("ETag: \"{token}\"")], "")),
        ("a cookie", |token| Raw::answer("200 OK", &[&format!("Set-Cookie: a={token}")], "")),
        ("a redirect's query", |token| Raw::answer("302 Found", &[&format!("Location: /x?t={token}")], "")),
        ("a header that no tool sees", |token| Raw::answer("200 OK", &[&format!("X-Debug: {token}")], "fine")),
    ];
    for (name, form) in forms {
        let scene = Scene::new(move |_, token| form(token)).await;
        let hotcell = scene.open();
        let (got, code) = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await;
        assert!(is(&got, "withheld"), "{name}: {got:?}");
        assert_eq!(code, Some(Code::LeakStopped), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_e4_what_cannot_be_scanned_is_withheld() {
    let forms: [(&str, Form); 7] = [
        ("gzip", |_| Raw::answer("200 OK", &["Content-Encoding: gzip"], [0x1f, 0x8b, 8, 0])),
        ("gzip without saying so", |_| Raw::ok([0x1f, 0x8b, 8, 0, 0, 0])),
        ("zstd without saying so", |_| Raw::ok([0x28, 0xb5, 0x2f, 0xfd, 0])),
        ("br", |_| Raw::answer("200 OK", &["Content-Encoding: br"], "x")),
        ("two encodings", |_| Raw::answer("200 OK", &["Content-Encoding: identity, gzip"], "x")),
        ("an unknown encoding", |_| Raw::answer("200 OK", &["Content-Encoding: x-own"], "x")),
        ("a part", |_| Raw::answer("206 Partial Content", &["Content-Range: bytes 0-0/9"], "x")),
    ];
    for (name, form) in forms {
        let scene = Scene::new(move |_, token| form(token)).await;
        let hotcell = scene.open();
        let (got, _) = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await;
        assert!(is(&got, "withheld"), "{name}: {got:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_an_encoded_answer_reaches_the_guest_decoded_and_without_saying_that_it_was_encoded() {
    let text = "an honest text, an honest text, an honest text";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let scene = Scene::new(move |_, _| Raw::answer("200 OK", &["Content-Encoding: gzip"], &gzip)).await;
    let hotcell = scene.open();
    let got = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await.0.unwrap();
    assert!(got.ends_with(&format!("\n\n{text}")) && !got.contains("content-encoding"), "{got}");
    assert_eq!(scene.upstream.seen()[0].header("accept-encoding"), ["identity"], "nobody asked for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn e9_an_answer_that_hands_out_a_new_credential_is_withheld_unless_the_operator_lets_it_pass() {
    let answer = r#"{"access_token": "gho_aNewOneThatIsInNoStore0123456789", "token_type": "bearer"}"#;
    let scene = Scene::new(move |_, _| Raw::answer("200 OK", &["Content-Type: application/json"], answer)).await;
    let hotcell = scene.open();
    let (got, code) = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await;
    assert!(is(&got, "withheld") && code == Some(Code::LeakStopped), "{got:?}");

    let scene = Scene::new(move |_, _| Raw::ok(answer)).await;
    let hotcell = scene.open_with("new_credentials = \"pass\"\n");
    let got = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await.0.unwrap();
    assert!(got.contains("gho_aNewOne"), "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e5_only_harmless_response_headers_reach_the_guest() {
    let headers = [
        "Content-Type: text/plain",
        "ETag: \"1\"",
        "X-RateLimit-Remaining: 5",
        "Set-Cookie: a=b",
        "WWW-Authenticate: Bearer",
        "X-Internal: yes",
        "Server: x",
        "Alt-Svc: h3=\":443\"",
        "Authentication-Info: x",
        "Proxy-Authenticate: Basic",
    ];
    let scene = Scene::new(move |_, _| Raw::answer("200 OK", &headers, "x")).await;
    let hotcell = scene.open();
    let (got, _) = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await;
    let got = got.unwrap();
    let names: Vec<_> = got.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    assert_eq!(names, ["content-type", "etag", "x-ratelimit-remaining"], "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e6_no_part_of_an_answer_that_is_too_long_or_breaks_off_is_handed_out() {
    let long = Scene::new(|_, token| Raw::ok(format!("{}{token}", "x".repeat(8 * 1024 * 1024 - 20)))).await;
    let hotcell = long.open();
    let (got, code) = asks(&hotcell, long.arguments("get", "/api/x", &[], None)).await;
    assert!(is(&got, "toolarge") && code == Some(Code::ResponseTooLarge), "{got:?}");

    let forms: [(&str, Form); 5] = [
        ("a length that is too long", |_| {
            b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\nshort".to_vec()
        }),
        ("a negative length", |_| b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx".to_vec()),
        ("a signed length", |_| b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nxxxxx".to_vec()),
        ("two lengths", |_| b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx".to_vec()),
        ("no HTTP", |_| b"220 smtp ready\r\n\r\n".to_vec()),
    ];
    for (name, form) in forms {
        let scene = Scene::new(move |_, token| form(token)).await;
        let hotcell = scene.open_with("[limits]\ndeadline_seconds = 8\n");
        let (got, _) = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await;
        assert!(is(&got, "unreachable") || is(&got, "timedout"), "{name}: {got:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_three_withheld_answers_suspend_the_tool_for_the_service() {
    let scene =
        Scene::new(|seen, token| if seen.head.contains("/fine") { Raw::ok("fine") } else { Raw::ok(token) }).await;
    let hotcell = scene.open();
    for _ in 0..3 {
        let (got, _) = asks(&hotcell, scene.arguments("get", "/api/leak", &[], None)).await;
        assert!(is(&got, "withheld"), "{got:?}");
    }
    let (got, code) = asks(&hotcell, scene.arguments("get", "/api/fine", &[], None)).await;
    assert!(is(&got, "withheld") && code == Some(Code::LeakStopped), "{got:?}");
    assert_eq!(scene.upstream.seen().len(), 3, "a suspended tool sent a request");
}

#[tokio::test(flavor = "multi_thread")]
async fn g14_the_audit_record_says_what_happened_and_holds_no_query_value_or_body() {
    let scene = Scene::new(|_, _| Raw::ok("the-answers-body")).await;
    let hotcell = scene.open();
    let arguments = scene.arguments(
        "post",
        "/api/private-name?q=private-query",
        &[("accept", "text/private")],
        Some("private-body"),
    );
    asks(&hotcell, arguments).await.0.unwrap();
    let text = std::fs::read_to_string(scene.cell.places().state.join("audit/audit.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["event"].as_str(), lines[1]["event"].as_str()), (Some("request"), Some("call")));
    assert_eq!(lines[0]["status"], 200);
    assert_eq!(lines[0]["call"], lines[1]["call"]);
    assert!(!text.contains("private") && !text.contains("answers-body"), "{text}");

    // What never ran is on record too, and so is where a refused request would have gone.
    let elsewhere = json!({"method": "get", "url": "https://evil.example/private", "headers": [], "body": null});
    asks(&hotcell, elsewhere).await.0.unwrap_err();
    hotcell.call("hostile", "say", json!({"text": scene.cell.canary().token()})).await.unwrap_err();
    hotcell.call("hostile", "private-action", json!({})).await.unwrap_err();
    let text = std::fs::read_to_string(scene.cell.places().state.join("audit/audit.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[2]["origin"], &lines[2]["refused"]),
        (&json!("https://evil.example"), &json!("origin-not-granted"))
    );
    assert_eq!((&lines[4]["action"], &lines[4]["refused"]), (&json!("say"), &json!("leak-stopped")));
    assert_eq!((&lines[5]["action"], &lines[5]["refused"]), (&json!(""), &json!("unknown-action")));
    assert!(!text.contains("private"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_no_more_than_the_calls_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cell = Cell::new("up_");
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let config = format!("[service.upstream]\norigins = [\"{origin}\"]\nscopes = {{ use = [\"GET /**\"] }}\n");
    let hotcell = Embedded::new(&cell, &config);
    hotcell.sign_in("upstream", &["use"]);
    hotcell.install("hostile", None);
    let arguments = json!({"method": "get", "url": format!("{origin}/x"), "headers": [], "body": null});
    let started = Instant::now();
    let deadline = Some(Duration::from_millis(700));
    let called = hotcell.call_within("hostile", "ask", arguments, deadline).await.unwrap();
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(690) && took < Duration::from_millis(1500), "{took:?}");
    let refused =
        matches!(&called.outcome.verdict, Verdict::Refused(refusal) if refusal.code == Code::DeadlineExceeded);
    let told = matches!(&called.outcome.verdict, Verdict::Failed(_));
    assert!(refused || told, "{:?}", called.outcome.verdict);
}

#[tokio::test(flavor = "multi_thread")]
async fn j8_a_call_has_64_requests_and_no_more() {
    let scene = Scene::new(|_, _| Raw::ok("x")).await;
    let hotcell = scene.open();
    let arguments = json!({"url": scene.url("/api/x"), "times": 100});
    let counts = hotcell.returns("hostile", "ask-often", arguments).await;
    assert_eq!(scene.upstream.seen().len(), 64);
    let total: u64 = counts.as_array().unwrap().iter().map(|count| count[1].as_u64().unwrap()).sum();
    assert_eq!(total, 100);
}
