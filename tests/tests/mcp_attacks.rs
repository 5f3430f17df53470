//! An agent that means harm, or is made to: it tries every method, forged names and floods (disconnects: `mcp_disconnects.rs`). Nothing is granted,
//! nothing leaks, the server stays up, and the next call works.

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
use hotcell_tests::Serving;
use hotcell_tests::Upstream;
use serde_json::Value;
use serde_json::json;

/// Every method of the protocol, of extensions and of nobody, that is not for listing and calling tools.
const METHODS: [&str; 38] = [
    "auth/set",
    "auth/signin",
    "completion/complete",
    "elicitation/create",
    "grant",
    "hotcell/grant",
    "hotcell/install",
    "initialize",
    "install",
    "logging/setLevel",
    "notifications/initialized",
    "notifications/tools/list_changed",
    "prompts/get",
    "prompts/list",
    "resources/directory/read",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "roots/list",
    "rpc.discover",
    "sampling/createMessage",
    "serve",
    "shutdown",
    "skills/get",
    "skills/list",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/update",
    "tools",
    "tools/",
    "tools/call/../list",
    "tools/install",
    "TOOLS/LIST",
    "",
];

async fn api() -> Upstream {
    Upstream::start(|seen| match seen.line().contains("/api/leak") {
        true => Raw::ok(format!("you sent {:?}", seen.header("authorization"))),
        false => Raw::ok("[]"),
    })
    .await
}

fn cell(upstream: &Upstream) -> Cell {
    let cell = Cell::new("up_");
    cell.config(&format!(
        "[service.upstream]\norigins = [\"{}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n",
        upstream.origin()
    ));
    cell.sign_in("upstream", &["use"]);
    cell.install("hostile");
    cell
}

fn works(agent: &mut Agent<'_>) -> bool {
    agent.call("hostile_fine", json!({}))["result"]["structuredContent"]["result"] == "fine"
}

/// What a person granted, and what is in the state folder besides the record of calls.
fn state(cell: &Cell) -> Vec<(String, Vec<u8>)> {
    let folder = cell.places().state;
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn no_method_does_anything_but_list_and_call() {
    let upstream = api().await;
    let cell = cell(&upstream);
    for revision in Revision::ALL {
        let mut agent = Agent::start(&cell, revision, json!({"elicitation": {}, "sampling": {}, "roots": {}}));
        agent.ask("tools/list", json!({}));
        let before = state(&cell);
        for method in METHODS {
            for params in [json!({}), json!({"name": "hostile", "uri": "file:///etc/passwd", "level": "debug"})] {
                let answer = agent.ask(method, params);
                assert!(answer.get("error").is_some() || method == "initialize", "{method}: {answer}");
                assert!(!answer.to_string().contains("root:"), "{answer}");
            }
        }
        assert_eq!(state(&cell), before, "{revision:?}");
        assert!(works(&mut agent));
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_names_and_path_tricks_find_no_tool() {
    let upstream = api().await;
    let cell = cell(&upstream);
    for revision in Revision::ALL {
        let mut agent = Agent::start(&cell, revision, json!({}));
        forged_names(&mut agent);
        assert!(works(&mut agent));
    }
    assert!(upstream.seen().is_empty());
}

fn forged_names(agent: &mut Agent<'_>) {
    let long = "x".repeat(100_000);
    for name in [
        "hostile",
        "hostile.fine",
        "hostile/fine",
        "hostile_fine/",
        "../hostile_fine",
        "..%2fhostile_fine",
        "hostile_fine/../fine",
        "hostile_fine%00",
        "\\\\hostile\\fine",
        "tools/call",
        "hostile_../fine",
        "HOSTILE_FINE",
        "hostile_fine\0",
        " hostile_fine",
        "hostile__fine",
        "hostile_fine\u{202e}",
        "hоstile_fine",
        "file:///hostile_fine",
        "github-issues_list-issues",
        "_",
        "",
        "*",
        "${x}",
        "hostile_fine; rm -rf /",
        &long,
    ] {
        let answer = agent.call(name, json!({}));
        assert_eq!(answer["error"]["code"], -32602, "{name}: {answer}");
    }
    for params in [
        json!({}),
        json!({"name": 1}),
        json!({"name": ["hostile_fine"]}),
        json!({"name": "hostile_fine", "arguments": []}),
        json!([]),
    ] {
        let id = agent.begin("tools/call", params.clone());
        let answer = agent.any_answer(id);
        assert!(answer.get("error").is_some(), "{params}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_answered_or_dropped_and_the_next_call_works() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let mut agent = Agent::start(&cell, Revision::June2025, json!({}));
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":900,\"method\":\"tools/call\",\"params\":{}1{}}}",
        "[".repeat(90_000),
        "]".repeat(90_000)
    );
    let nested = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":901,\"method\":\"tools/call\",\"params\":{{\"name\":\"hostile_say\",\"arguments\":{{\"text\":{}1{}}}}}}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    let huge = json!({"jsonrpc": "2.0", "id": 902, "method": "tools/call",
        "params": {"name": "hostile_say", "arguments": {"text": "x".repeat(8 * 1024 * 1024)}}});
    for line in [
        "",
        "nonsense",
        "null",
        "[]",
        "[{}]",
        "{}",
        "\"text\"",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"tools/list\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"tools/list\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":7777,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7778,\"error\":{\"code\":1,\"message\":\"x\"}}",
        "\u{feff}{}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"nobody's\"}}",
        &deep,
        &nested,
        &huge.to_string(),
    ] {
        agent.raw(line);
        assert!(works(&mut agent), "{}", &line[..line.len().min(100)]);
    }
    let mut wide = serde_json::Map::new();
    for number in 0..50_000 {
        wide.insert(format!("field{number}"), json!(number));
    }
    assert_eq!(agent.call("hostile_say", Value::Object(wide))["result"]["isError"], true);
    assert!(works(&mut agent));
}

#[tokio::test(flavor = "multi_thread")]
async fn g13_a_token_in_an_argument_reaches_no_tool_and_one_in_a_response_no_agent() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let mut agent = Agent::start(&cell, Revision::November2025, json!({}));
    let url = format!("{}/api/leak", upstream.origin());
    for _ in 0..3 {
        let answer = agent.call("hostile_ask", json!({"method": "get", "url": url, "headers": []}));
        assert_eq!(answer["result"]["isError"], true);
        assert_eq!(answer["result"]["_meta"]["hotcell/refusal"]["code"], "leak-stopped", "{answer}");
        assert!(cell.canary().found_in(answer.to_string().as_bytes()).is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_in_flight_are_all_answered() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    let fine = json!({"name": "hostile_fine", "arguments": {}});
    let ids: Vec<_> = (0..1_000).map(|_| agent.begin("tools/call", fine.clone())).collect();
    let answers: Vec<_> = ids.into_iter().map(|id| agent.answer(id)).collect();
    let done = answers.iter().filter(|answer| answer["result"]["structuredContent"]["result"] == "fine").count();
    assert_eq!(done, 1_000, "{:?}", answers.iter().find(|answer| answer["result"]["isError"] == true));

    // More than there are places for: some are told to come again, none is lost.
    let slow = json!({"name": "hostile_sleep", "arguments": {"seconds": 1}});
    let ids: Vec<_> = (0..1_300).map(|_| agent.begin("tools/call", slow.clone())).collect();
    let codes: Vec<_> =
        ids.iter().map(|id| agent.answer(*id)["result"]["_meta"]["hotcell/refusal"]["code"].clone()).collect();
    assert!(codes.iter().any(|code| code == "too-many-requests"));
    assert!(works(&mut agent));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_cancelled_before_they_run_compile_nothing_twice() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let mut agent = Agent::start(&cell, Revision::November2025, json!({}));
    for _ in 0..200 {
        let id = agent.begin("tools/call", json!({"name": "hostile_spin", "arguments": {}}));
        agent.tell("notifications/cancelled", json!({"requestId": id}));
    }
    assert!(works(&mut agent));
    assert_eq!(agent.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_over_http_do_not_see_each_others_answers() {
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let sessions: Vec<_> = (0..8).map(|_| server.open(Revision::November2025, &json!({}))).collect();
    std::thread::scope(|scope| {
        for (number, session) in sessions.iter().enumerate() {
            let server = &server;
            scope.spawn(move || {
                for round in 0..5 {
                    let text = format!("for {number}, round {round}");
                    let params = json!({"name": "hostile_say", "arguments": {"text": text}});
                    let got = server
                        .post(session, &json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}));
                    assert_eq!(got.answer()["result"]["structuredContent"]["result"], text, "{got:?}");
                }
            });
        }
    });
}
