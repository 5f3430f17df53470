//! MCP over HTTP: the same tools, behind a token, a name and limits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::io::Read as _;
use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use hotcell_tests::Cell;
use hotcell_tests::Got;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use hotcell_tests::Upstream;
use serde_json::Value;
use serde_json::json;

const LIST: &str = "github-issues_list-issues";
const CREATE: &str = "github-issues_create-issue";

async fn api() -> Upstream {
    Upstream::start(|seen| {
        let issue = json!({"number": 7, "title": "x", "state": "open", "html_url": "https://example.com/7",
            "user": {"login": "ada"}, "comments": 0, "labels": []});
        match seen.line().starts_with("POST") {
            true => Raw::answer("201 Created", &["Content-Type: application/json"], issue.to_string()),
            false => Raw::ok(json!([issue]).to_string()),
        }
    })
    .await
}

fn cell(upstream: &Upstream) -> Cell {
    let cell = Cell::new("ghp_");
    let origin = upstream.origin();
    cell.config(&format!(
        "[service.github]\norigins = [\"{origin}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n\
         [service.upstream]\norigins = [\"{origin}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n"
    ));
    cell.sign_in("github", &["issues:read", "issues:write"]);
    cell.install("github-issues");
    cell.install("hostile");
    cell
}

fn repo() -> Value {
    json!({"name": LIST, "arguments": {"owner": "a", "repo": "b"}})
}

fn message(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn is_fine(got: &Got) -> bool {
    got.status == 200 && got.answer()["result"]["structuredContent"]["result"] == "fine"
}

fn fine(server: &Serving<'_>) -> bool {
    is_fine(&server.ask("tools/call", json!({"name": "hostile_fine", "arguments": {}}), &json!({})))
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_each_revision_list_and_call_over_http() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let found = server.ask("server/discover", json!({}), &json!({})).answer();
    assert_eq!(found["result"]["resultType"], "complete", "{found}");
    let listed = server.ask("tools/list", json!({}), &json!({})).answer();
    assert!(listed.to_string().contains(LIST) && listed["result"]["ttlMs"].is_u64(), "{listed}");
    let called = server.ask("tools/call", repo(), &json!({})).answer();
    assert_eq!(called["result"]["structuredContent"]["result"][0]["number"], 7, "{called}");
    for revision in [Revision::June2025, Revision::November2025] {
        let session = server.open(revision, &json!({}));
        let listed = server.post(&session, &message(2, "tools/list", json!({}))).answer();
        assert!(listed.to_string().contains(LIST) && listed["result"].get("ttlMs").is_none(), "{listed}");
        let called = server.post(&session, &message(3, "tools/call", repo())).answer();
        assert_eq!(called["result"]["structuredContent"]["result"][0]["number"], 7, "{called}");
    }
    for path in ["/healthz", "/readyz"] {
        let host = format!("Host: localhost:{}", server.port);
        assert_eq!(server.send(&[&format!("GET {path} HTTP/1.1"), &host], "").status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_goes_over_http_in_the_newest_revision() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let can = json!({"elicitation": {"form": {}}});
    let issue = json!({"owner": "a", "repo": "b", "title": "x", "labels": []});
    let asked = server.ask("tools/call", json!({"name": CREATE, "arguments": issue}), &can).answer();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let state = &asked["result"]["requestState"];
    let yes = json!({"approval": {"action": "accept", "content": {"approve": true}}});
    let again = json!({"name": CREATE, "arguments": issue, "requestState": state, "inputResponses": yes});
    let done = server.ask("tools/call", again.clone(), &can).answer();
    assert_eq!(done["result"]["structuredContent"]["number"], 7, "{done}");
    let replayed = server.ask("tools/call", again, &can).answer();
    assert_eq!(replayed["result"]["_meta"]["hotcell/refusal"]["code"], "not-approved", "{replayed}");
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_the_token() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    assert!(server.token.len() > 40, "the token is shown at the first start");
    let host = format!("Host: 127.0.0.1:{}", server.port);
    let body = message(1, "initialize", Revision::June2025.initialize(&json!({}))).to_string();
    let doubled = format!("Authorization: Bearer {}\r\nAuthorization: Bearer x", server.token);
    let cut = format!("Authorization: Bearer {}", &server.token[..server.token.len() - 1]);
    let basic = format!("Authorization: Basic {}", server.token);
    for wrong in ["X-Nothing: 1", "Authorization: Bearer ", "Authorization: Bearer hcs_x", &doubled, &cut, &basic] {
        for first in ["POST /mcp HTTP/1.1", "GET /mcp HTTP/1.1", "DELETE /mcp HTTP/1.1"] {
            let json = "Content-Type: application/json";
            let accept = "Accept: application/json, text/event-stream";
            let got = server.send(&[first, &host, wrong, json, accept], &body);
            assert_eq!(got.status, 401, "{first} {wrong}: {got:?}");
            assert_eq!(got.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert!(fine(&server));

    // The token is kept as a hash, the next start shows none, and --new-token makes the old one worthless.
    let old = server.token.clone();
    drop(server);
    let kept = std::fs::read_to_string(cell.places().state.join("serve.token")).unwrap();
    assert!(!kept.contains(&old[4..]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(cell.places().state.join("serve.token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut second = Serving::start(&cell, &[]);
    assert_eq!(second.token, "");
    second.token.clone_from(&old);
    assert!(fine(&second));
    drop(second);
    let mut third = Serving::start(&cell, &["--new-token"]);
    assert!(third.token != old && fine(&third));
    third.token = old;
    assert_eq!(third.ask("tools/list", json!({}), &json!({})).status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_name_gets_nowhere() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let bearer = format!("Authorization: Bearer {}", server.token);
    let own = format!("Host: 127.0.0.1:{}", server.port);
    let evil = format!("Host: evil.example:{}", server.port);
    let cases: [&[&str]; 8] = [
        &[&evil],
        &["Host: 127.0.0.1"],
        &["X-No-Host: 1"],
        &[&own, &evil],
        &[&own, "Origin: https://evil.example"],
        &[&own, "Origin: null"],
        &[&own, "Origin: http://localhost:5173"],
        &[&own, "Origin: http://127.0.0.1.evil.example"],
    ];
    let body = message(1, "initialize", Revision::June2025.initialize(&json!({}))).to_string();
    for fields in cases {
        for first in ["POST /mcp HTTP/1.1", "GET /healthz HTTP/1.1", "OPTIONS /mcp HTTP/1.1"] {
            let lines: Vec<&str> = [&[first, &bearer, "Content-Type: application/json"], fields].concat();
            let got = server.send(&lines, &body);
            assert!(got.status == 403 || got.status == 400, "{lines:?}: {got:?}");
            assert!(got.header("access-control-allow-origin").is_none() && got.header("mcp-session-id").is_none());
        }
    }
    assert!(fine(&server));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_foreign_page_can_make_a_browser_send_runs_nothing() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let (token, host) = (server.token.clone(), format!("Host: 127.0.0.1:{}", server.port));
    let call = message(1, "tools/call", Revision::July2026.with_meta(repo(), &json!({}))).to_string();
    let mcp = ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: github-issues_list-issues"];
    let query = format!("/mcp?access_token={token}&token={token}");
    let cookie = format!("Cookie: token={token}; Authorization=Bearer {token}");
    // A browser adds no bearer token by itself, and a page cannot read one: a form, an image and a fetch without one, from
    // anywhere or from nowhere, wherever else the token might stand.
    for origin in ["Origin: https://evil.example", "Origin: null", "X-No-Origin: 1"] {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json"] {
            for first in ["POST /mcp HTTP/1.1", "GET /mcp HTTP/1.1", &format!("POST {query} HTTP/1.1")] {
                let kind = format!("Content-Type: {kind}");
                let lines = [&[first, &host, origin, &kind, &cookie, "Accept: */*"][..], &mcp].concat();
                let got = server.send(&lines, &call);
                assert!(got.status == 403 || got.status == 401, "{lines:?}: {got:?}");
            }
        }
    }
    // A preflight is never answered with a yes.
    let preflight = [
        "OPTIONS /mcp HTTP/1.1",
        &host,
        "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization",
    ];
    let got = server.send(&preflight, "");
    assert!(got.status == 403 && !got.head.to_ascii_lowercase().contains("access-control-"), "{got:?}");
    // No other spelling of the path leads around the token.
    for path in
        ["/mcp/", "//mcp", "/MCP", "/%6dcp", "/./mcp", "/healthz/../mcp", "/mcp;x", "/mcp%00", "/healthz/mcp", "*"]
    {
        let got = server.send(&[&format!("POST {path} HTTP/1.1"), &host, "Content-Type: application/json"], &call);
        assert!((400..500).contains(&got.status), "{path}: {got:?}");
    }
    assert!(upstream.seen().is_empty() && fine(&server));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_too_deep_and_half_a_request_are_refused_and_the_next_call_works() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let huge = json!({"name": "hostile_say", "arguments": {"text": "x".repeat(4 * 1024 * 1024)}});
    assert_eq!(server.ask("tools/call", huge, &json!({})).status, 413);
    let lines = server.lines(&[]);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for body in [
        "[".repeat(100_000),
        format!("{{\"a\":{}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        "nul".into(),
        "[]".into(),
    ] {
        let got = server.send(&lines, &body);
        assert!((400..500).contains(&got.status), "{got:?}");
    }
    let head = "x".repeat(64 * 1024);
    let got = server.send(&["GET /healthz HTTP/1.1", &format!("X-Long: {head}")], "");
    assert!(got.status == 431 || got.status == 0, "{got:?}");

    // A client that never ends its head is cut off, and holds up nobody meanwhile.
    let started = Instant::now();
    let mut slow = server.connect();
    slow.write_all(b"POST /mcp HTTP/1.1\r\nHost: ").unwrap();
    assert!(fine(&server));
    let mut rest = Vec::new();
    drop(slow.read_to_end(&mut rest));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(fine(&server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_its_headers_contradict_is_refused() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let call = message(1, "tools/call", Revision::July2026.with_meta(repo(), &json!({})));
    let version = format!("MCP-Protocol-Version: {}", Revision::July2026.text());
    for fields in [
        vec![version.clone(), "Mcp-Method: tools/list".into(), format!("Mcp-Name: {LIST}")],
        vec![version.clone(), "Mcp-Method: tools/call".into(), "Mcp-Name: hostile_fine".into()],
        vec![version, format!("Mcp-Name: {LIST}")],
        vec!["MCP-Protocol-Version: 2025-06-18".into(), "Mcp-Method: tools/call".into(), format!("Mcp-Name: {LIST}")],
        vec!["MCP-Protocol-Version: 1999-01-01".into(), "Mcp-Method: tools/call".into(), format!("Mcp-Name: {LIST}")],
    ] {
        let got = server.post(&fields, &call);
        assert!((400..500).contains(&got.status), "{fields:?}: {got:?}");
    }
    let forged = vec!["Mcp-Session-Id: 00000000-0000-0000-0000-000000000000".to_owned()];
    assert_eq!(server.post(&forged, &message(1, "tools/list", json!({}))).status, 404);
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_nothing_is_served_unless_the_operator_names_a_host() {
    let cell = Cell::new("ghp_");
    let ran = cell.hotcell(&["serve", "--http", "0.0.0.0:0"]).exits(6).says("bad-config").says("[serve]");
    assert!(!ran.stderr.contains("hcs_"), "no token is made for nobody");
    assert!(!cell.places().state.join("serve.token").exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_ends_what_runs_and_goes() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let mut server = Serving::start(&cell, &[]);
    assert!(fine(&server));
    let session = server.open(Revision::June2025, &json!({}));
    let sleeping = message(9, "tools/call", json!({"name": "hostile_sleep", "arguments": {"seconds": 1}}));
    let got = std::thread::scope(|scope| {
        let call = scope.spawn(|| server.post(&session, &sleeping));
        std::thread::sleep(Duration::from_millis(400));
        let told = std::process::Command::new("kill").args(["-TERM", &server.process().to_string()]).status();
        assert!(told.unwrap().success());
        call.join().unwrap()
    });
    assert_eq!(got.answer()["result"]["isError"], false, "{got:?}");
    assert_eq!(server.wait(), 0);
}
