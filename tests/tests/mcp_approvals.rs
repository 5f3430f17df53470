//! Approvals: what changes something runs only after a person's yes, for just this call, once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Upstream;
use serde_json::Value;
use serde_json::json;

const CREATE: &str = "github-issues_create-issue";

async fn api() -> Upstream {
    Upstream::start(|_| {
        let issue = json!({"number": 7, "title": "x", "state": "open", "html_url": "https://example.com/7",
            "user": {"login": "ada"}, "comments": 0, "labels": []});
        Raw::answer("201 Created", &["Content-Type: application/json"], issue.to_string())
    })
    .await
}

fn cell(upstream: &Upstream, serve: &str) -> Cell {
    let cell = Cell::new("ghp_");
    cell.config(&format!(
        "{serve}\n[service.github]\norigins = [\"{}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n",
        upstream.origin()
    ));
    cell.sign_in("github", &["issues:read", "issues:write"]);
    cell.install("github-issues");
    cell
}

fn issue(title: &str) -> Value {
    json!({"owner": "a", "repo": "b", "title": title, "labels": []})
}

fn yes() -> Value {
    json!({"action": "accept", "content": {"approve": true}})
}

fn refusal(answer: &Value) -> &str {
    answer["result"]["_meta"]["hotcell/refusal"]["code"].as_str().unwrap_or_else(|| panic!("no refusal: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn j4_a_person_is_asked_in_the_middle_of_a_call_and_only_a_yes_sends_anything() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    for revision in [Revision::June2025, Revision::November2025] {
        let mut agent = Agent::start(&cell, revision, json!({"elicitation": {}}));
        let before = upstream.seen().len();
        for no in
            [json!({"action": "decline"}), json!({"action": "cancel"}), json!({"action": "accept", "content": {}})]
        {
            let id = agent.begin("tools/call", json!({"name": CREATE, "arguments": issue("no")}));
            let asked = agent.message("elicitation/create");
            let question = asked["params"]["message"].as_str().unwrap();
            assert!(question.contains("github-issues") && question.contains("create-issue"), "{question}");
            assert!(question.contains("\"title\": \"no\""), "{question}");
            agent.reply(&asked["id"], no);
            assert_eq!(refusal(&agent.answer(id)), "not-approved");
        }
        assert_eq!(upstream.seen().len(), before, "a no sends nothing");
        let id = agent.begin("tools/call", json!({"name": CREATE, "arguments": issue("yes")}));
        let asked = agent.message("elicitation/create");
        agent.reply(&asked["id"], yes());
        assert_eq!(agent.answer(id)["result"]["structuredContent"]["number"], 7);
        assert_eq!(upstream.seen().len(), before + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn j4_an_approval_of_2026_07_28_is_for_its_own_call_and_counts_once() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    let mut agent = Agent::start(&cell, Revision::July2026, json!({"elicitation": {"form": {}}}));
    let first = agent.call(CREATE, issue("mine"));
    assert_eq!(first["result"]["resultType"], "input_required", "{first}");
    assert_eq!(first["result"]["inputRequests"]["approval"]["method"], "elicitation/create");
    let state = first["result"]["requestState"].as_str().unwrap().to_owned();
    let mut retry = |arguments: Value, state: &str, answer: Value| {
        let responses = json!({"approval": answer});
        let params =
            json!({"name": CREATE, "arguments": arguments, "requestState": state, "inputResponses": responses});
        agent.ask("tools/call", params)
    };

    assert_eq!(refusal(&retry(issue("another"), &state, yes())), "not-approved", "other arguments");
    let mut forged = state.clone();
    forged.replace_range(6..8, "zz");
    for forged in [forged.as_str(), "", "rs1.AAAA.AAAA", &"x".repeat(100_000)] {
        assert_eq!(refusal(&retry(issue("mine"), forged, yes())), "not-approved", "forged");
    }
    assert!(upstream.seen().is_empty());
    let reordered = json!({"labels": [], "title": "mine", "repo": "b", "owner": "a"});
    assert_eq!(retry(reordered, &state, yes())["result"]["structuredContent"]["number"], 7);
    assert_eq!(refusal(&retry(issue("mine"), &state, yes())), "not-approved", "replayed");
    assert_eq!(upstream.seen().len(), 1);

    // An answer without a state, and a no that is turned into a yes.
    let unasked = agent
        .ask("tools/call", json!({"name": CREATE, "arguments": issue("mine"), "inputResponses": {"approval": yes()}}));
    assert_eq!(unasked["result"]["resultType"], "input_required", "{unasked}");
    let state = unasked["result"]["requestState"].as_str().unwrap().to_owned();
    for (answer, expected) in [(json!({"action": "decline"}), "not-approved"), (yes(), "not-approved")] {
        let params = json!({"name": CREATE, "arguments": issue("mine"), "requestState": state,
            "inputResponses": {"approval": answer}});
        assert_eq!(refusal(&agent.ask("tools/call", params)), expected);
    }
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_ask_is_refused_unless_the_operator_wrote_otherwise() {
    let upstream = api().await;
    for (serve, refused) in [
        ("", Some("not-approved")),
        ("[serve]\nwrites = \"deny\"", Some("not-approved")),
        ("[serve]\nwrites = \"allow\"", None),
    ] {
        let cell = cell(&upstream, serve);
        for revision in Revision::ALL {
            for capabilities in [json!({}), json!({"elicitation": {"url": {}}})] {
                let mut agent = Agent::start(&cell, revision, capabilities);
                let answer = agent.call(CREATE, issue("x"));
                match refused {
                    Some(code) => assert_eq!(refusal(&answer), code),
                    None => assert_eq!(answer["result"]["structuredContent"]["number"], 7, "{answer}"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_a_call_that_cannot_run_or_that_changes_nothing() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    let mut agent = Agent::start(&cell, Revision::November2025, json!({"elicitation": {}}));
    assert_eq!(refusal(&agent.call(CREATE, json!({"owner": "a"}))), "bad-arguments");
    agent.call("github-issues_list-issues", json!({"owner": "a", "repo": "b"}));
    assert!(agent.aside.is_empty(), "{:?}", agent.aside);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_removed_while_a_person_thinks_does_not_run() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    let mut agent = Agent::start(&cell, Revision::November2025, json!({"elicitation": {}}));
    let id = agent.begin("tools/call", json!({"name": CREATE, "arguments": issue("x")}));
    let asked = agent.message("elicitation/create");
    cell.hotcell(&["remove", "github-issues"]).exits(0);
    agent.reply(&asked["id"], yes());
    assert_eq!(refusal(&agent.answer(id)), "unknown-tool");
    assert!(upstream.seen().is_empty());
}
