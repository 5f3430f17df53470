//! Tools of IronClaw's world `near:agent/sandboxed-tool@0.4.1`: they run unchanged, and their requests go through the gate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic, and read what they installed"
)]

use hotcell_protocol::Code;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use serde_json::Value;
use serde_json::json;

fn open<'a>(cell: &'a Cell, upstream: &Upstream) -> Embedded<'a> {
    let scopes = "{ use = [\"GET,POST /api/**\"] }";
    let config = format!("[service.upstream]\norigins = [\"{}\"]\nscopes = {scopes}\n", upstream.origin());
    let other = "[service.other]\norigins = [\"https://other.example\"]\nscopes = { use = [\"GET /**\"] }\n";
    let hotcell = Embedded::new(cell, &(config + other));
    hotcell.sign_in("upstream", &["use"]);
    hotcell.install("iron", None);
    hotcell
}

/// The success or the failure's code.
async fn executes(hotcell: &Embedded<'_>, params: &Value) -> Result<Value, String> {
    let request = json!({"req": {"params": params.to_string(), "context": null}});
    let response = hotcell.returns("iron", "tool.execute", request).await;
    match response["success"].as_str() {
        Some(text) => Ok(serde_json::from_str(text).unwrap()),
        None => Err(response["failure"]["code"].as_str().unwrap().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_for_ironclaw_runs_unchanged_and_its_requests_get_the_credential() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|seen| Raw::answer("200 OK", &["ETag: 1"], &seen.body)).await;
    let hotcell = open(&cell, &upstream);
    let url = format!("{}/api/x", upstream.origin());
    let headers = json!({"Content-Type": "text/plain", "User-Agent": "ironclaw"});
    let post = json!({"method": "POST", "url": url, "headers": headers, "body": "hello"});
    let got = executes(&hotcell, &post).await.unwrap();
    assert_eq!((&got["status"], &got["body"], &got["headers"]["etag"]), (&json!(200), &json!("hello"), &json!("1")));
    let seen = upstream.seen().remove(0);
    assert_eq!(seen.line(), "POST /api/x");
    assert_eq!(seen.header("authorization"), [format!("Bearer {}", cell.canary().token())]);
    assert!(!seen.head.contains("ironclaw"));
    assert_eq!(hotcell.returns("iron", "tool.description", json!({})).await, "Sends a request.");
    assert_eq!(hotcell.returns("iron", "tool.schema", json!({})).await, r#"{"type":"object"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_a_tool_for_ironclaw_learns_of_its_own_services_alone_and_of_nothing_around_it() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|_| Raw::ok("fine")).await;
    let hotcell = open(&cell, &upstream);
    for (name, exists) in [("upstream", true), ("upstream_token", true), ("UPSTREAM_API_KEY", true)] {
        assert_eq!(executes(&hotcell, &json!({"secret": name})).await.unwrap(), exists, "{name}");
    }
    // One that is there and was not granted, and one that is not there, look the same.
    for name in ["other", "other_token", "nothing", "", "up", "upstreamer", "*"] {
        assert_eq!(executes(&hotcell, &json!({"secret": name})).await.unwrap(), false, "{name}");
    }
    let around = executes(&hotcell, &json!({"around": true})).await.unwrap();
    assert_eq!((&around["file"], &around["tool"]), (&Value::Null, &json!(false)));
    assert!(around["year"].as_u64().unwrap() > 2020);
    assert!(hotcell.lines.all().contains(&"hello from iron".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_b3_b11_what_is_not_a_tool_for_ironclaws_to_say_is_not_sent() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|_| Raw::ok("fine")).await;
    let hotcell = open(&cell, &upstream);
    let url = format!("{}/api/x", upstream.origin());
    let ask = |headers: Value| json!({"method": "GET", "url": url, "headers": headers});
    let cases = [
        (ask(json!({"Authorization": "Bearer x"})), "HttpErrorKind::NetworkDenied denied false"),
        (ask(json!({"cookie": "a=b"})), "HttpErrorKind::NetworkDenied denied false"),
        (ask(json!("[1]")), "HttpErrorKind::Input bad-request false"),
        (ask(json!({"accept": 1})), "HttpErrorKind::Input bad-request false"),
        (ask(json!(r#"{"accept":"a","Accept":"b"}"#)), "HttpErrorKind::Input bad-request false"),
        (json!({"method": "TRACE", "url": url, "headers": {}}), "HttpErrorKind::Input bad-request false"),
        (json!({"method": "DELETE", "url": url, "headers": {}}), "HttpErrorKind::NetworkDenied denied false"),
        (
            json!({"method": "GET", "url": "https://other.example/", "headers": {}}),
            "HttpErrorKind::NetworkDenied denied false",
        ),
    ];
    for (params, failure) in cases {
        assert_eq!(executes(&hotcell, &params).await.unwrap_err(), failure, "{params}");
    }
    assert_eq!(upstream.seen().len(), 0, "{:?}", upstream.seen());
    let hasty = json!({"method": "GET", "url": url, "headers": {}, "timeout": 0});
    assert_eq!(executes(&hotcell, &hasty).await.unwrap_err(), "HttpErrorKind::Client timed-out true");
    executes(&hotcell, &ask(json!({}))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_near_agent_is_refused_at_installation_unless_the_manifest_asks_for_it() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, "");
    let bytes = || std::fs::read(hotcell_tests::programs::guest("iron")).unwrap();
    let refusal = hotcell.try_install(bytes(), "name = \"iron\"\nversion = \"1\"\n").unwrap_err();
    assert_eq!(refusal.code, Code::ImportNotAllowed);
    assert!(refusal.hint.contains("imports = [\"near:agent\"]"), "{refusal:?}");
    hotcell.try_install(bytes(), "name = \"iron\"\nversion = \"1\"\nimports = [\"near:agent\"]\n").unwrap();
}
