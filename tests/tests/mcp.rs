//! MCP over standard input and output, in each revision that clients speak.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::time::Duration;
use std::time::Instant;

use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Upstream;
use serde_json::Value;
use serde_json::json;

fn config(upstream: &Upstream, further: &str) -> String {
    let origin = upstream.origin();
    format!(
        "{further}\n[service.github]\norigins = [\"{origin}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n\
         [service.upstream]\norigins = [\"{origin}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n"
    )
}

/// An API that has one issue, and makes one.
async fn api() -> Upstream {
    Upstream::start(|seen| {
        let issue = json!({"number": 7, "title": "A \u{202e}title\u{1b}[2J", "state": "open",
            "html_url": "https://example.com/7", "user": {"login": "ada"}, "comments": 2, "labels": []});
        match seen.line().starts_with("POST") {
            true => Raw::answer("201 Created", &["Content-Type: application/json"], issue.to_string()),
            false => Raw::ok(json!([issue]).to_string()),
        }
    })
    .await
}

/// A cell with both tools, signed in.
fn cell(upstream: &Upstream, further: &str) -> Cell {
    let cell = Cell::new("ghp_");
    cell.config(&config(upstream, further));
    cell.sign_in("github", &["issues:read", "issues:write"]);
    cell.install("github-issues");
    cell.install("hostile");
    cell
}

const LIST: &str = "github-issues_list-issues";
const CREATE: &str = "github-issues_create-issue";

fn repo() -> Value {
    json!({"owner": "a", "repo": "b"})
}

fn refusal(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    answer["result"]["_meta"]["hotcell/refusal"]["code"].as_str().unwrap_or_else(|| panic!("no refusal: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_each_revision_list_the_tools_and_call_them() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    for revision in Revision::ALL {
        let mut agent = Agent::start(&cell, revision, json!({}));
        let list = agent.ask("tools/list", json!({}))["result"].clone();
        let names: Vec<_> =
            list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert!(names.is_sorted() && names.contains(&LIST) && names.contains(&"hostile_fine"), "{names:?}");
        for tool in list["tools"].as_array().unwrap() {
            for schema in [&tool["inputSchema"], &tool["outputSchema"]].into_iter().filter(|schema| !schema.is_null()) {
                assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
                assert!(schema.get("oneOf").is_none() && schema.get("anyOf").is_none(), "{tool}");
            }
        }
        let of = |name: &str| list["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap();
        assert_eq!(of(LIST)["annotations"]["readOnlyHint"], true);
        assert_eq!(of(CREATE)["annotations"]["destructiveHint"], true);
        assert_eq!(of("hostile_fine")["annotations"]["openWorldHint"], false);
        assert_eq!(list["ttlMs"].is_u64(), revision == Revision::July2026, "{list}");
        assert_eq!(list["cacheScope"] == "private", revision == Revision::July2026);

        let answer = agent.call(LIST, repo());
        let result = &answer["result"];
        assert_eq!(result["structuredContent"]["result"][0]["number"], 7, "{answer}");
        assert_eq!(result["_meta"]["hotcell/untrusted"], true);
        assert_eq!(result["resultType"] == "complete", revision == Revision::July2026);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("\\u{202e}") && !text.contains('\u{202e}') && !text.contains('\u{1b}'), "{text}");
        assert_eq!(agent.end(), 0);
    }
    let token = format!("Bearer {}", cell.canary().token());
    assert!(upstream.seen().iter().all(|seen| seen.header("authorization") == [token.as_str()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_forged_index_changes_no_tool_and_a_changed_component_is_not_run() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    let list = || Agent::start(&cell, Revision::June2025, json!({})).ask("tools/list", json!({}))["result"].clone();
    let first = list();
    let index = cell.places().state.join("described.json");
    assert!(index.is_file());
    for text in ["", "nonsense", "{}", r#"{"version": "0", "tools": {}}"#] {
        std::fs::write(&index, text).unwrap();
        assert_eq!(list(), first, "{text}");
    }
    std::fs::remove_file(&index).unwrap();
    assert_eq!(list(), first);

    // The list comes from the index; what runs is checked by its digest.
    for entry in std::fs::read_dir(cell.places().state.join("tools")).unwrap().flatten() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        bytes.push(0);
        std::fs::write(entry.path(), bytes).unwrap();
    }
    let mut agent = Agent::start(&cell, Revision::June2025, json!({}));
    assert_eq!(refusal(&agent.call("hostile_fine", json!({}))), "tool-not-trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_are_named_by_their_path_and_a_tools_error_is_the_tools() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    let mut agent = Agent::start(&cell, Revision::November2025, json!({}));
    for (arguments, path) in [
        (json!({"owner": 1, "repo": "b"}), "arguments.owner"),
        (json!({"owner": "a"}), "arguments.repo"),
        (json!({"owner": "a", "repo": "b", "token": "x"}), "arguments.token"),
    ] {
        let answer = agent.call(LIST, arguments);
        assert_eq!(refusal(&answer), "bad-arguments");
        assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains(path), "{answer}");
    }
    let denied = agent.call("hostile_ask", json!({"method": "get", "url": "https://evil.example/", "headers": []}));
    assert_eq!(refusal(&denied), "origin-not-granted");
    assert_eq!(denied["result"]["content"][0]["_meta"]["hotcell/untrusted"], true);
    assert!(!denied.to_string().contains("/api/**") && !denied.to_string().contains("evil.example/…"), "{denied}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_sign_in_says_which_one_and_what_a_person_runs() {
    let upstream = api().await;
    let cell = Cell::new("ghp_");
    cell.config(&config(&upstream, ""));
    cell.install("github-issues");
    let mut agent = Agent::start(&cell, Revision::June2025, json!({}));
    let answer = agent.call(LIST, repo());
    assert_eq!(refusal(&answer), "needs-login");
    assert_eq!(answer["result"]["_meta"]["auth_required"], json!({"service": "github", "scope": "issues:read"}));
    assert!(answer.to_string().contains("hotcell auth set github --scope issues:read"), "{answer}");
    assert!(upstream.seen().is_empty());

    // The person does it in another window, and the same call works. Out again, and it does not.
    cell.sign_in("github", &["issues:read"]);
    assert_eq!(agent.call(LIST, repo())["result"]["structuredContent"]["result"][0]["number"], 7);
    cell.hotcell(&["auth", "logout", "github"]).exits(0);
    // The store looks for changes of others five times a second.
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(refusal(&agent.call(LIST, repo())), "needs-login");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_reaches_the_client_that_asked_and_only_forwards() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    let params = json!({"name": "hostile_say", "arguments": {"text": "on\u{1b}[31m"}, "_meta": {"progressToken": "p"}});
    let id = agent.begin("tools/call", params);
    let told = agent.message("notifications/progress");
    assert_eq!(told["params"]["progressToken"], "p");
    assert_eq!((&told["params"]["progress"], &told["params"]["total"]), (&json!(1.0), &json!(2.0)));
    assert!(!told["params"]["message"].as_str().unwrap().contains('\u{1b}'), "{told}");
    assert_eq!(agent.answer(id)["result"]["isError"], false);
    assert_eq!(agent.call("hostile_say", json!({"text": "x"}))["result"]["isError"], false);
    assert!(agent.aside.is_empty(), "nobody asked for {:?}", agent.aside);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_stops_at_once_and_others_go_on() {
    let upstream = api().await;
    let cell = cell(&upstream, "[limits]\ndeadline_seconds = 60\ncpu_seconds = 60");
    let mut agent = Agent::start(&cell, Revision::November2025, json!({}));
    agent.call("hostile_fine", json!({}));
    let started = Instant::now();
    let spinning = agent.begin("tools/call", json!({"name": "hostile_spin", "arguments": {}}));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(agent.call("hostile_fine", json!({}))["result"]["structuredContent"]["result"], "fine");
    agent.tell("notifications/cancelled", json!({"requestId": spinning, "reason": "enough"}));
    assert_eq!(agent.call("hostile_fine", json!({}))["result"]["structuredContent"]["result"], "fine");
    assert_eq!(agent.end(), 0);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shorter_deadline_counts() {
    let upstream = api().await;
    let cell = cell(&upstream, "[limits]\ndeadline_seconds = 2");
    let mut agent = Agent::start(&cell, Revision::November2025, json!({}));
    agent.call("hostile_fine", json!({}));
    for (wanted, least, most) in [(500, 400, 1_900), (3_600_000, 1_900, 10_000)] {
        let started = Instant::now();
        let meta = json!({"hotcell/deadline-ms": wanted});
        let answer = agent.ask("tools/call", json!({"name": "hostile_spin", "arguments": {}, "_meta": meta}));
        assert_eq!(refusal(&answer), "deadline-exceeded");
        let took = u64::try_from(started.elapsed().as_millis()).unwrap();
        assert!(took >= least, "{took} ms");
        assert!(took < most + 3_000, "{took} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_installs_or_removes_a_tool_is_noticed() {
    let upstream = api().await;
    let cell = Cell::new("ghp_");
    cell.config(&config(&upstream, ""));
    cell.install("hostile");
    let mut old = Agent::start(&cell, Revision::June2025, json!({}));
    let mut new = Agent::start(&cell, Revision::July2026, json!({}));
    let listening = new.begin("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    new.message("notifications/subscriptions/acknowledged");
    old.ask("tools/list", json!({}));

    cell.install("github-issues");
    for agent in [&mut old, &mut new] {
        agent.message("notifications/tools/list_changed");
        assert!(agent.ask("tools/list", json!({})).to_string().contains(LIST));
    }
    cell.hotcell(&["remove", "github-issues"]).exits(0);
    for agent in [&mut old, &mut new] {
        agent.message("notifications/tools/list_changed");
        assert!(!agent.ask("tools/list", json!({})).to_string().contains(LIST));
        let gone = agent.call(LIST, repo());
        assert_eq!(gone["error"]["code"], -32602, "{gone}");
    }
    new.tell("notifications/cancelled", json!({"requestId": listening}));
    assert_eq!(new.call("hostile_fine", json!({}))["result"]["isError"], false);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_server_although_its_input_is_open() {
    let upstream = api().await;
    let cell = cell(&upstream, "");
    let mut agent = Agent::start(&cell, Revision::June2025, json!({}));
    agent.call("hostile_fine", json!({}));
    let started = Instant::now();
    let kill = std::process::Command::new("kill").args(["-TERM", &agent.process().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(agent.wait(), 0);
    assert!(started.elapsed() < Duration::from_secs(10));
}
