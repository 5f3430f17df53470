//! Handles that an agent holds: the state of a question, a session, a page. Another user's, another server's and one that was
//! used open nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    reason = "tests may panic, and are a browser at the page"
)]

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;

use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use hotcell_tests::Upstream;
use serde_json::Value;
use serde_json::json;

const CREATE: &str = "github-issues_create-issue";
const ASK: &str = "hostile_ask";

async fn api() -> Upstream {
    Upstream::start(|_| {
        let issue = json!({"number": 7, "title": "x", "state": "open", "html_url": "https://example.com/7",
            "user": {"login": "ada"}, "comments": 0, "labels": []});
        Raw::answer("201 Created", &["Content-Type: application/json"], issue.to_string())
    })
    .await
}

/// A user: folders and a store of their own, with the same tools. Nobody answers at the issuer: nothing gets so far.
fn user(upstream: &Upstream) -> Cell {
    let cell = Cell::new("ghp_");
    let origin = upstream.origin();
    cell.config(&format!(
        "[service.github]\norigins = [\"{origin}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n\
         [service.upstream]\norigins = [\"{origin}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n\
         [service.upstream.oauth]\nissuer = \"http://127.0.0.1:9\"\nclient_id = \"cli\"\ndiscovery = true\n"
    ));
    cell.sign_in("github", &["issues:read", "issues:write"]);
    cell.install("github-issues");
    cell.install("hostile");
    cell
}

fn capabilities() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}})
}

fn create() -> Value {
    json!({"name": CREATE, "arguments": {"owner": "a", "repo": "b", "title": "mine", "labels": []}})
}

fn ask(upstream: &Upstream) -> Value {
    let url = format!("{}/api/x", upstream.origin());
    json!({"name": ASK, "arguments": {"method": "get", "url": url, "headers": []}})
}

/// The same call with the answer to a question, and its state.
fn answered(mut call: Value, state: &Value) -> Value {
    call["requestState"] = state.clone();
    call["inputResponses"] = json!({
        "approval": {"action": "accept", "content": {"approve": true}},
        "sign-in": {"action": "accept"},
    });
    call
}

#[track_caller]
fn state(answer: &Value) -> &Value {
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    &answer["result"]["requestState"]
}

#[track_caller]
fn not_approved(answer: &Value) {
    assert_eq!(answer["result"]["_meta"]["hotcell/refusal"]["code"], "not-approved", "{answer}");
}

#[track_caller]
fn page(answer: &Value) -> String {
    state(answer);
    answer["result"]["inputRequests"]["sign-in"]["params"]["url"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn j4_l8_the_state_handles_of_other_users_open_nothing() {
    let upstream = api().await;
    let (ada, eve) = (user(&upstream), user(&upstream));
    let mut of_ada = Agent::start(&ada, Revision::July2026, capabilities());
    let mut of_eve = Agent::start(&eve, Revision::July2026, capabilities());
    for call in [create(), ask(&upstream)] {
        let hers = of_ada.ask("tools/call", call.clone());
        not_approved(&of_eve.ask("tools/call", answered(call.clone(), state(&hers))));
        // Another server of the same user has another key: what was asked ends with the server that asked.
        let mut second = Agent::start(&ada, Revision::July2026, capabilities());
        not_approved(&second.ask("tools/call", answered(call, state(&hers))));
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn j4_a_state_that_comes_back_many_times_at_once_counts_once() {
    let upstream = api().await;
    let ada = user(&upstream);
    let mut agent = Agent::start(&ada, Revision::July2026, json!({"elicitation": {"form": {}}}));
    let asked = agent.ask("tools/call", create());
    let mut retry = create();
    retry["requestState"] = state(&asked).clone();
    retry["inputResponses"] = json!({"approval": {"action": "accept", "content": {"approve": true}}});
    let ids: Vec<_> = (0..20).map(|_| agent.begin("tools/call", retry.clone())).collect();
    let answers: Vec<_> = ids.into_iter().map(|id| agent.answer(id)).collect();
    let (ran, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer["result"]["structuredContent"]["number"] == 7);
    assert_eq!((ran.len(), upstream.seen().len()), (1, 1), "{answers:?}");
    refused.into_iter().for_each(not_approved);
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_sessions_and_pages_of_other_users_open_nothing() {
    let upstream = api().await;
    let (ada, eve) = (user(&upstream), user(&upstream));
    let (of_ada, of_eve) = (Serving::start(&ada, &[]), Serving::start(&eve, &[]));
    let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
    let session = of_ada.open(Revision::November2025, &json!({}));
    assert_eq!(of_eve.post(&session, &list).status, 404, "her session at another server");
    // Her session, and the token of another user.
    for first in ["POST /mcp HTTP/1.1", "GET /mcp HTTP/1.1", "DELETE /mcp HTTP/1.1"] {
        let mut lines = of_ada.lines(&session);
        first.clone_into(&mut lines[0]);
        lines[2] = format!("Authorization: Bearer {}", of_eve.token);
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(of_ada.send(&lines, &list.to_string()).status, 401, "{first}");
    }
    assert_eq!(of_ada.post(&session, &list).status, 200, "her session goes on");

    let hers = page(&of_ada.ask("tools/call", ask(&upstream), &capabilities()).answer());
    let other = page(&of_eve.ask("tools/call", ask(&upstream), &capabilities()).answer());
    let path = |page: &str| page.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    let authority = |page: &str| page.split('/').nth(2).unwrap().to_owned();
    let shown = browse(&authority(&hers), &path(&hers), None);
    let form = shown.split_once("name=\"token\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    for (path, expected) in [(path(&hers), "404"), (path(&other), "403")] {
        let got = browse(&authority(&other), &path, Some(&format!("token={form}")));
        assert!(got.starts_with(&format!("HTTP/1.1 {expected}")), "{path}: {got}");
    }
    assert!(upstream.seen().is_empty());
}

/// One request of a browser's that is at the page already; the whole answer.
fn browse(authority: &str, path: &str, form: Option<&str>) -> String {
    let method = if form.is_some() { "POST" } else { "GET" };
    let form = form.unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\norigin: http://{authority}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut read = String::new();
    stream.read_to_string(&mut read).unwrap();
    read
}
