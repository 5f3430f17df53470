//! Clients that nobody here wrote: MCP's official SDKs, and its official conformance suite, for each revision.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use hotcell_tests::Cell;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use hotcell_tests::Upstream;
use hotcell_tests::programs;
use serde_json::Value;
use serde_json::json;

/// The actions of the tool.
const CREATE: &str = "github-issues_create-issue";
const LIST: &str = "github-issues_list-issues";
const LEFT_OUT: &str = "left out: real clients (--no-servers)";

/// Scenarios of the suite that every revision which has them must pass whole.
const REQUIRED: [&str; 17] = [
    "tools-call-simple-text",
    "tools-call-error",
    "server-initialize",
    "server-session-lifecycle",
    "ping",
    "tools-list",
    "server-sse-polling",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
    "http-header-validation",
    "sep-2164-resource-not-found",
    "input-required-result-missing-input-response",
    "input-required-result-unsupported-methods",
    "input-required-result-ignore-extra-params",
    "input-required-result-validate-input",
    "server-stateless",
    "caching",
];
/// Scenarios that do not apply, by the start of their names, and why.
const OTHERS: [(&str, &str); 14] = [
    ("logging-", "no MCP logging: deprecated, and a tool's log is the operator's"),
    ("completion-", "no completion"),
    ("resources-", "no resources"),
    ("prompts-", "no prompts"),
    ("tools-call-image", "calls a tool of the suite's own; tools return values, not images"),
    ("tools-call-audio", "calls a tool of the suite's own; tools return values, not sound"),
    ("tools-call-embedded-resource", "calls a tool of the suite's own; no resources"),
    ("tools-call-mixed-content", "calls a tool of the suite's own; no images"),
    ("tools-call-with-", "calls a tool of the suite's own, by name"),
    ("tools-call-", "sampling is not asked for; approvals have their own tests"),
    ("json-schema-2020-12", "wants a tool of the suite's own, with references in its schema"),
    ("elicitation-", "calls a tool of the suite's own; approvals have one plain form"),
    ("http-custom-header-server-validation", "wants a tool with x-mcp-header, which no component can ask for"),
    ("input-required-result-", "calls a tool of the suite's own; approvals have their own tests"),
];
/// Single checks that do not apply, in scenarios that do.
const CHECKS: [(&str, &str); 7] = [
    ("sep-2575-server-rejects-undeclared-capability", "wants a tool of the suite's own"),
    ("sep-2575-missing-capability-http-400", "wants a tool of the suite's own"),
    ("sep-2575-http-server-no-independent-requests-on-stream", "wants a tool of the suite's own"),
    ("sep-2575-server-no-log-without-loglevel", "wants a tool of the suite's own"),
    ("sep-2549-prompts-list-caching-hints", "no prompts"),
    ("sep-2549-resources-list-caching-hints", "no resources"),
    ("sep-2549-resources-templates-list-caching-hints", "no resources"),
];

/// A tool of which two actions have names that the suite looks for: `test_simple_text` and `test_error_handling`. The others
/// that it looks for have names or results that no component can have.
const TOOL: &str = r#"(component
  (core module $code
    (memory (export "memory") 1)
    (data (i32.const 0) "This is a simple text response for testing.")
    (data (i32.const 64) "This tool intentionally returns an error for testing")
    (data (i32.const 200) "\00\00\00\00\2b\00\00\00")
    (data (i32.const 240) "\01\00\00\00\40\00\00\00\34\00\00\00")
    (func (export "text") (result i32) (i32.const 200))
    (func (export "handling") (result i32) (i32.const 240)))
  (core instance $code (instantiate $code))
  (func $text (result string) (canon lift (core func $code "text") (memory (core memory $code "memory"))))
  (func $handling (result (result string (error string)))
    (canon lift (core func $code "handling") (memory (core memory $code "memory"))))
  (instance $simple (export "text" (func $text)))
  (instance $error (export "handling" (func $handling)))
  (export "simple" (instance $simple))
  (export "error" (instance $error)))"#;

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
    cell.config(&format!(
        "[service.github]\norigins = [\"{}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n",
        upstream.origin()
    ));
    cell.sign_in("github", &["issues:read", "issues:write"]);
    cell.install("github-issues");
    cell
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Runs a client, and gives what it printed; where that is nothing, its errors.
fn run(cell: &Cell, command: &mut Command) -> String {
    let output = started(cell, command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    format!("{text}\n{}", if text.trim().is_empty() { String::from_utf8_lossy(&output.stderr) } else { "".into() })
}

/// Runs a client to its end.
fn started(cell: &Cell, command: &mut Command) -> Output {
    let places = cell.places();
    let output = command
        .env("HOTCELL_CONFIG", &places.config)
        .env("HOTCELL_STATE", &places.state)
        .env("HOTCELL_CACHE", &places.cache)
        .env("HOTCELL_KEY_FILE", cell.key_file())
        .output()
        .unwrap();
    cell.sinks.keep("what a real client printed", output.stdout.clone());
    cell.sinks.keep("what a real client printed on standard error", output.stderr.clone());
    output
}

fn check(said: &str, names: &[&str]) {
    let seen: Vec<Value> = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
    let found: Vec<_> = seen.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(found, names);
    for one in &seen {
        assert_eq!(one["tools"], json!(["github-issues_create-issue", "github-issues_list-issues"]), "{one}");
        assert_eq!(one["listed"]["result"][0]["number"], 7, "{one}");
        assert_eq!(one["created"]["number"], 7, "{one}");
        assert_eq!(one["wrong"], json!([true, "bad-arguments"]), "{one}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_typescript_clients_list_call_and_approve() {
    let Some(servers) = programs::servers() else { return println!("{LEFT_OUT}") };
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let mut node = Command::new("node");
    node.arg(clients().join("sdk.mjs")).arg(servers.join("node")).arg(programs::hotcell());
    node.arg(format!("http://127.0.0.1:{}/mcp", server.port)).arg(&server.token);
    let said = run(&cell, &mut node);
    let names = [
        "v1 StdioClientTransport",
        "v1 StreamableHTTPClientTransport",
        "v2 StdioClientTransport",
        "v2 StreamableHTTPClientTransport",
    ];
    check(&said, &names);
    assert_eq!(said.matches(Revision::July2026.text()).count(), 2, "v2 speaks the newest revision: {said}");
    assert_eq!(upstream.seen().iter().filter(|seen| seen.line().starts_with("POST")).count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_lists_calls_and_approves() {
    let Some(servers) = programs::servers() else { return println!("{LEFT_OUT}") };
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let mut python = Command::new(servers.join("python/bin/python"));
    python.arg(clients().join("sdk.py")).arg(programs::hotcell());
    python.arg(format!("http://127.0.0.1:{}/mcp", server.port)).arg(&server.token);
    check(&run(&cell, &mut python), &["legacy stdio", "legacy http", "auto stdio", "auto http"]);
    assert_eq!(upstream.seen().iter().filter(|seen| seen.line().starts_with("POST")).count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspectors_command_lists_and_calls_over_both_transports() {
    let Some(servers) = programs::servers() else { return println!("{LEFT_OUT}") };
    let upstream = api().await;
    let cell = cell(&upstream);
    let server = Serving::start(&cell, &[]);
    let hotcell = programs::hotcell().display().to_string();
    let url = format!("http://127.0.0.1:{}/mcp", server.port);
    let token = format!("Authorization: Bearer {}", server.token);
    let asked = [
        vec!["--method", "tools/list"],
        vec!["--method", "tools/call", "--tool-name", LIST, "--tool-arg", "owner=a", "repo=b"],
        vec![
            "--method",
            "tools/call",
            "--tool-name",
            CREATE,
            "--tool-arg",
            "owner=a",
            "repo=b",
            "title=x",
            "labels=[]",
        ],
    ];
    // The command has no forms, so a call that would change something is refused, and says how a person runs it.
    for target in [vec![hotcell.as_str(), "serve"], vec![&url, "--transport", "http", "--header", &token]] {
        let [listed, called, refused] = asked.each_ref().map(|asked| inspector(&cell, &servers, &target, asked));
        let [listed, called, refused] = [listed, called, refused].map(|(said, _)| serde_json::from_str::<Value>(&said));
        let (listed, called, refused) = (listed.unwrap(), called.unwrap(), refused.unwrap());
        let names: Vec<_> = listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
        assert_eq!(names, [CREATE, LIST], "{listed}");
        assert_eq!(called["structuredContent"]["result"][0]["number"], 7, "{called}");
        assert_eq!(refused["_meta"]["hotcell/refusal"]["code"], "not-approved", "{refused}");
    }
    let (said, errors) = inspector(&cell, &servers, &[&url, "--transport", "http"], &asked[0]);
    assert!(
        said.trim().is_empty() && errors.contains("a bearer token is needed"),
        "without the token: {said} {errors}"
    );
    assert_eq!(upstream.seen().len(), 2, "{:?}", upstream.seen());
}

/// What the Inspector's command prints, on standard output and on standard error.
fn inspector(cell: &Cell, servers: &Path, target: &[&str], asked: &[&str]) -> (String, String) {
    // It looks for its own version from the folder that it is started in.
    let build = servers.join("node/node_modules/@modelcontextprotocol/inspector-cli/build");
    let mut node = Command::new("node");
    node.current_dir(build).args(["cli.js", "--cli"]).args(target).args(asked).env("HOTCELL_LOG", "off");
    let output = started(cell, &mut node);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_conformance_suite_passes_for_each_revision() {
    let Some(servers) = programs::servers() else { return println!("{LEFT_OUT}") };
    let upstream = api().await;
    let cell = cell(&upstream);
    let file = cell.path().join("test.wasm");
    std::fs::write(&file, wat::parse_str(TOOL).unwrap()).unwrap();
    std::fs::write(file.with_extension("toml"), "name = \"test\"\nversion = \"1\"\n").unwrap();
    cell.hotcell(&["install", "--yes", &file.display().to_string()]).exits(0);
    let server = Serving::start(&cell, &[]);
    let url = server.with_token_added();
    let suite = servers.join("node/node_modules/@modelcontextprotocol/conformance/dist/index.js");
    for revision in Revision::ALL {
        let mut node = Command::new("node");
        node.arg("--import").arg(clients().join("node20.mjs")).arg(&suite);
        node.args(["server", "--url", &url, "--suite", "all", "--spec-version", revision.text(), "-o"]);
        let folder = cell.path().join(revision.text());
        let said = run(&cell, node.arg(&folder));
        let scenarios = scenarios(&folder);
        assert!(scenarios.len() > 20, "{said}");
        let mut passed = 0;
        for (name, checks) in &scenarios {
            let failed: Vec<_> = checks.iter().filter(|check| check["status"] == "FAILURE").collect();
            if REQUIRED.contains(&name.as_str()) {
                let applies = |check: &&&Value| !CHECKS.iter().any(|(id, _)| check["id"] == *id);
                let bad: Vec<_> = failed.iter().filter(applies).collect();
                assert!(bad.is_empty(), "{} {name}: {bad:?}", revision.text());
                passed += 1;
            } else {
                assert!(
                    OTHERS.iter().any(|(start, _)| name.starts_with(start)),
                    "a scenario that nobody judged: {name}"
                );
            }
        }
        println!("{}: {passed} of {} scenarios apply and pass", revision.text(), scenarios.len());
        assert!(passed >= 4, "{} {scenarios:?}", revision.text());
    }
}

/// The scenarios that the suite ran, each with its checks: one folder `server-NAME-TIME` for each.
fn scenarios(folder: &Path) -> Vec<(String, Vec<Value>)> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut scenarios: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let name = name.strip_prefix("server-").unwrap();
            // The time has 24 characters, and a hyphen before it.
            let name = name[..name.len() - 25].to_owned();
            (name, serde_json::from_slice(&std::fs::read(entry.path().join("checks.json")).unwrap()).unwrap())
        })
        .collect();
    scenarios.sort_by(|(a, _), (b, _)| a.cmp(b));
    scenarios
}
