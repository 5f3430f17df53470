//! Tools without code, from manifest to answer: the three that ship, through workers and over MCP; what a value cannot do; and
//! the chain, with somebody's hand at each of its links. Each test ends with the sweep for its canary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

mod cases;
mod chain;
mod docs;
mod refused;

use std::path::Path;

use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Ran;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Seen;
use hotcell_tests::Upstream;
use hotcell_tests::programs;
use serde_json::Value;
use serde_json::json;

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("example-tools");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn executor() -> String {
    programs::guest("http-executor").display().to_string()
}

/// Writes a manifest into the cell's folder.
fn write(cell: &Cell, text: &str) -> String {
    let file = cell.path().join("tool.toml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Installs a manifest as a person does.
fn install(cell: &Cell, text: &str) -> Ran {
    let file = write(cell, text);
    cell.hotcell(&["install", "--yes", "--executor", &executor(), &file])
}

/// The operator's service of an example, at a server of the test.
fn service(name: &str, origin: &str, upstream: &Upstream) -> String {
    let text = example(&format!("{name}/service.toml"));
    assert!(text.contains(origin), "{text}");
    // A preset's own sign-in wants an origin of its own; here a token is put in.
    text.replace(origin, &upstream.origin()).replace("preset = \"supabase\"\n", "")
}

/// A server that shows what it was asked, as JSON.
async fn mirror() -> Upstream {
    Upstream::start(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let line = seen.line().to_owned();
        let answer = if line.contains("/missing/") {
            return Raw::answer("404 Not Found", &["Content-Type: application/json"], "{\"message\": \"Not Found\"}");
        } else if line.contains("/text/") {
            return Raw::ok("plain words");
        } else if line.contains("/empty/") {
            return Raw::answer("204 No Content", &[], "");
        } else {
            json!([{"line": line, "body": body}])
        };
        Raw::answer("200 OK", &["Content-Type: application/json"], answer.to_string())
    })
    .await
}

fn last(upstream: &Upstream) -> Seen {
    upstream.seen().pop().unwrap()
}

fn private(upstream: &Upstream) -> Cell {
    let cell = Cell::new("ghp_");
    cell.config(&service("private-api", "https://api.github.com", upstream));
    cell.sign_in("github", &["issues:read", "issues:write"]);
    install(&cell, &example("private-api/hotcell.toml")).exits(0).says("executor").says("issues:read");
    cell
}

fn call(cell: &Cell, tool: &str, action: &str, arguments: &Value) -> Ran {
    cell.hotcell(&["call", tool, action, "--json", &arguments.to_string()])
}

#[tokio::test(flavor = "multi_thread")]
async fn private_api_runs_with_a_token_that_it_never_sees() {
    let upstream = mirror().await;
    let cell = private(&upstream);
    let args =
        ["call", "private-api", "list-issues", "-a", "owner=a b", "-a", "repo=r", "-a", "labels=x", "-a", "labels=y z"];
    let answer = cell.hotcell(&args).exits(0).json();
    let line = "GET /repos/a%20b/r/issues?labels=x%2Cy%20z&per_page=30&state=open";
    assert_eq!(answer, json!([{"line": line, "body": null}]));
    let seen = last(&upstream);
    assert_eq!(seen.header("authorization"), [format!("Bearer {}", cell.canary().token())]);
    assert_eq!(seen.header("accept"), ["application/vnd.github+json"]);

    let issue = json!({"owner": "a", "repo": "r", "title": "\"}, ${owner}", "labels": ["p", "q"]});
    let answer = call(&cell, "private-api", "create-issue", &issue).exits(0).json();
    assert_eq!(answer[0]["body"], json!({"title": "\"}, ${owner}", "labels": ["p", "q"]}));
    assert_eq!(last(&upstream).header("content-type"), ["application/json"]);

    // Each action has its own grant: one that may read cannot write, whatever the executor could do.
    let explained =
        cell.hotcell(&["explain", "private-api", &format!("{}/repos/a/r/issues", upstream.origin()), "POST"]);
    let text = explained.exits(0).stderr;
    assert!(text.contains("create-issue: allowed") && text.contains("list-issues: insufficient-scope"), "{text}");

    let list = cell.hotcell(&["list", "--json"]).exits(0).json();
    assert_eq!(list[0]["declared"]["executor"], "http");
    let shown = cell.hotcell(&["inspect", "private-api"]).exits(0).stdout;
    for words in ["list-issues(owner: string, repo: string", "sends: GET ${service.github}/repos", "1 to 100; 30 where"]
    {
        assert!(shown.contains(words), "no `{words}` in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_server_are_the_tools_own_errors_with_status_and_body() {
    let upstream = mirror().await;
    let cell = private(&upstream);
    let ask = |owner: &str| call(&cell, "private-api", "list-issues", &json!({"owner": owner, "repo": "r"}));
    ask("missing").exits(1).says("\"status\":404").says("Not Found");
    assert_eq!(ask("text").exits(0).json(), json!("plain words"));
    assert_eq!(ask("empty").exits(0).json(), Value::Null);
    cell.hotcell(&["auth", "logout", "github"]).exits(0);
    ask("a").exits(4).says("needs-login");
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_searches_without_a_token_and_publishes_with_one_at_the_operators_table() {
    let upstream = mirror().await;
    let cell = Cell::new("sbp_");
    let config = service("registry", "https://project.supabase.co", &upstream);
    let manifest = example("registry/hotcell.toml");
    cell.config(&config.replace("table = \"registry\"", ""));
    install(&cell, &manifest).exits(6).says("needs the variable `table`").says("[tool.registry.variables]");
    cell.config(&config);
    cell.sign_in("supabase", &["registry:write"]);
    let ran = install(&cell, &manifest).exits(0).says("table = \"registry\"");
    assert!(!ran.stderr.contains("would be refused"), "{}", ran.stderr);

    let answer = cell.hotcell(&["call", "registry", "search", "-a", "query=js&on,(x)"]).exits(0).json();
    let line = "GET /rest/v1/registry?limit=20&name=ilike.%2Ajs%26on%2C%28x%29%2A&order=name.asc&select=name%2Cversion%2Cdescription%2Cpath";
    assert_eq!(answer[0]["line"], line);
    assert!(last(&upstream).header("authorization").is_empty(), "a search needs no token");

    let published = json!({"name": "left-pad", "version": "1.0.0", "tags": ["text"]});
    let answer = call(&cell, "registry", "publish", &published).exits(0).json();
    let body = json!({"name": "left-pad", "version": "1.0.0", "tags": ["text"], "path": "packages/left-pad/1.0.0.tgz"});
    assert_eq!(answer, json!({"line": "POST /rest/v1/registry", "body": body}), "`select` takes the first row");
    assert_eq!(last(&upstream).header("authorization"), [format!("Bearer {}", cell.canary().token())]);

    // A table that no rule knows: a person hears of it before the first call.
    cell.config(&config.replace("table = \"registry\"", "table = \"other\""));
    install(&cell, &manifest).exits(0).says("search: its request would be refused: path-not-granted");
    cell.hotcell(&["call", "registry", "search", "-a", "query=x"]).exits(1).says("path-not-granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn public_api_asks_what_its_rule_allows_and_nothing_else() {
    let upstream = Upstream::start(|seen| Raw::ok(json!({"current": {"line": seen.line()}}).to_string())).await;
    let cell = Cell::new("ghp_");
    let manifest = example("public-api/hotcell.toml");
    install(&cell, &manifest).exits(0).says("(public)");
    let origin = "https://api.open-meteo.com";
    let allowed = format!("{origin}/v1/forecast?current=x&latitude=1&longitude=2&temperature_unit=celsius");
    cell.hotcell(&["explain", "public-api", &allowed]).exits(0).says("without a token");
    cell.hotcell(&["explain", "public-api", &format!("{origin}/v1/forecast?apikey=x")])
        .exits(3)
        .says("query-not-granted");
    // A rule of `public` is for servers of the internet alone, so it is asked here under a service without a token.
    cell.config(&format!(
        "[service.weather]\norigins = [\"{}\"]\nanonymous = [\"GET /v1/forecast\"]\n",
        upstream.origin()
    ));
    let here = manifest
        .replace(
            "public = [\"GET https://api.open-meteo.com/v1/forecast?latitude&longitude&current&temperature_unit\"]",
            "services = { weather = [] }",
        )
        .replace(origin, "${service.weather}");
    install(&cell, &here).exits(0);
    let place = json!({"latitude": 52.5, "longitude": -13});
    let answer = call(&cell, "public-api", "current", &place).exits(0).json();
    let query = "current=temperature_2m%2Cwind_speed_10m&latitude=52.5&longitude=-13&temperature_unit=celsius";
    assert_eq!(answer, json!({"line": format!("GET /v1/forecast?{query}")}));
    call(&cell, "public-api", "current", &json!({"latitude": 91, "longitude": 0})).exits(6).says("is more than 90");
    call(&cell, "public-api", "current", &json!({"latitude": 1, "longitude": 0, "unit": "kelvin"}))
        .exits(6)
        .says("unit");
    assert_eq!(upstream.seen().len(), 1, "what does not fit is refused before anything is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_b8_b12_b17_a_value_never_leaves_its_place() {
    let upstream = mirror().await;
    let cell = private(&upstream);
    let ask = |owner: &str| call(&cell, "private-api", "list-issues", &json!({"owner": owner, "repo": "r"}));
    for bad in ["..", "../../admin", "a/b", "%2e%2e", "%252e", "a%2Fb", "a;b", "a\\b", "", "a\r\nx: y", "\u{0}"] {
        ask(bad).exits(1).says("owner: it cannot be a segment of a path");
    }
    assert_eq!(upstream.connections(), 0);
    for (odd, encoded) in [
        ("?admin=1", "%3Fadmin%3D1"),
        ("#x", "%23x"),
        ("@evil.example", "%40evil.example"),
        ("ü", "%C3%BC"),
        ("${repo}", "%24%7Brepo%7D"),
        ("${var.table}", "%24%7Bvar.table%7D"),
    ] {
        ask(odd).exits(0);
        let line = format!("GET /repos/{encoded}/r/issues?per_page=30&state=open");
        assert_eq!(last(&upstream).line(), line);
    }
    // A credential in an argument or in a variable of the operator's goes nowhere.
    ask(cell.canary().token()).exits(3).says("leak-stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn g13_a_credential_in_a_variable_of_the_operators_goes_nowhere() {
    let upstream = mirror().await;
    let cell = Cell::new("sbp_");
    // In the test's own file alone, which the sweep is told about: the operator made the mistake.
    let config = service("registry", "https://project.supabase.co", &upstream);
    cell.config(&config);
    cell.sign_in("supabase", &["registry:write"]);
    install(&cell, &example("registry/hotcell.toml")).exits(0);
    let token = cell.canary().token();
    cell.config(&config.replace("table = \"registry\"", &format!("table = \"{token}\"")));
    call(&cell, "registry", "search", &json!({"query": "x"}))
        .exits(3)
        .says("leak-stopped")
        .says("tool.registry.variables");
    cell.config(&config.replace("table = \"registry\"", "api_token = \"x\""));
    cell.hotcell(&["list"]).exits(6).says("named like a secret");
    cell.config(&config);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_see_typed_parameters_and_call_through_workers() {
    let upstream = mirror().await;
    let cell = private(&upstream);
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    let list = agent.ask("tools/list", json!({}))["result"]["tools"].clone();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["private-api_create-issue", "private-api_list-issues"],
        "the executor's own function is no tool"
    );
    let tool = &list[1];
    let schema = &tool["inputSchema"];
    assert_eq!(schema["required"], json!(["owner", "repo"]));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["owner"]["type"], "string");
    assert_eq!(schema["properties"]["state"]["anyOf"][0]["enum"], json!(["open", "closed", "all"]));
    assert_eq!((&tool["annotations"]["readOnlyHint"], &tool["outputSchema"]), (&json!(true), &Value::Null));
    assert!(tool["description"].as_str().unwrap().contains("newest first"), "{tool}");

    let answer = agent.call("private-api_list-issues", json!({"owner": "a", "repo": "r", "limit": 5}));
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("per_page=5"), "{answer}");
    assert_eq!(answer["result"]["_meta"]["hotcell/untrusted"], true);
    for bad in [
        json!({"owner": "a", "repo": "r", "limit": 500}),
        json!({"owner": "a"}),
        json!({"owner": "a", "repo": "r", "x": 1}),
    ] {
        let answer = agent.call("private-api_list-issues", bad);
        assert_eq!(answer["result"]["_meta"]["hotcell/refusal"]["code"], "bad-arguments", "{answer}");
    }
    let unknown = agent.call("private-api_http_run", json!({"request": "{}", "values": "{}"}));
    assert!(unknown["error"].is_object(), "{unknown}");
    assert_eq!(agent.end(), 0);
}
