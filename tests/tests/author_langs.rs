//! Tools in JavaScript and Python: from nothing to a call, with the builders that their users have, and hostile ones.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out and what they measured, and prepare files"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hotcell_tests::Agent;
use hotcell_tests::Revision;
use hotcell_tests::SLOW;
use hotcell_tests::ToolProject;
use hotcell_tests::memory::children;
use hotcell_tests::memory::whole;
use serde_json::Value;
use serde_json::json;

/// How many calls the memory of a worker is searched in.
const CALLS: usize = 3;
const LIST: [&str; 7] = ["call", "tool", "list-issues", "--arg", "owner=a", "--arg", "repo=b"];

/// What differs between the languages.
struct Language {
    name: &'static str,
    source: &'static str,
    /// A mistake, and what a person is shown of it.
    mistakes: [(&'static str, &'static str); 3],
    /// Types for editors.
    types: &'static str,
}

const JAVASCRIPT: Language = Language {
    name: "js",
    source: "src/tool.js",
    mistakes: [
        ("export function hello() {\n  return \"x\" +;\n}\n", "src/tool.js:2"),
        ("export function bye() {}\n", "src/tool.js does not export a \"hello\" function"),
        ("export function hello() {}\nnothing.here();\n", "src/tool.js:2:1 ReferenceError: nothing is not defined"),
    ],
    types: ".hotcell/types/wit.d.ts",
};

const PYTHON: Language = Language {
    name: "python",
    source: "src/tool.py",
    mistakes: [
        ("def hello(:\n    pass\n", "File \"src/tool.py\", line 1"),
        (
            "import wit_world\nclass WitWorld(wit_world.WitWorld):\n    pass\n",
            "each function that wit/ exports needs a method",
        ),
        ("import no_such_package\n", "packages that the component needs stand in requirements.txt"),
    ],
    types: ".hotcell/bindings/wit_world/__init__.py",
};

#[tokio::test(flavor = "multi_thread")]
async fn h1_a_tool_in_javascript_does_authorised_calls_with_fetch_and_its_worker_never_holds_the_token() {
    from_nothing_to_a_call(JAVASCRIPT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_a_tool_in_python_does_authorised_calls_with_requests_and_its_worker_never_holds_the_token() {
    from_nothing_to_a_call(PYTHON).await;
}

async fn from_nothing_to_a_call(language: Language) {
    let Some(project) = ToolProject::new(language.name, "api", "tool").await else { return };
    let (built, first) = project.timed(&["build"]);
    assert!(built.exits(0).stderr.contains("(once)"), "nothing was brought");
    let (built, second) = project.timed(&["build"]);
    assert!(!built.exits(0).stderr.contains("(once)"), "it was brought again");
    checks_types(&project, &language);
    project.run(&["test", "--no-build"]).exits(0);
    project.run(&["check"]).exits(0);
    let bytes = std::fs::metadata(project.folder().join("dist/tool.wasm")).unwrap().len();
    let (installed, install) = project.timed(&["install", "--yes", "dist/tool.wasm"]);
    installed.exits(0);
    project.cell.sign_in("github", &["issues:read", "issues:write"]);

    let compiled = project.compiled();
    assert!(!compiled.is_empty());
    let (called, call) = project.timed(&LIST);
    assert_eq!(called.exits(0).json()[0]["number"], 1347);
    let (called, again) = project.timed(&LIST);
    assert!(called.exits(0).says("1 found").stdout.contains("Found a bug"), "what it prints is in its log");
    assert_eq!(project.compiled(), compiled, "a call compiled");
    assert_eq!(
        project.run(&with(&LIST, &["--arg", "state=closed", "--arg", "limit=3"])).exits(0).json()[0]["state"],
        "open"
    );
    let created =
        project.run(&["call", "tool", "create-issue", "--arg", "owner=a", "--arg", "repo=b", "--arg", "title=t"]);
    assert_eq!(created.exits(0).json()["title"], "Found a bug");
    let missing = project.run(&["call", "tool", "list-issues", "--arg", "owner=a", "--arg", "repo=missing"]);
    assert!(missing.exits(1).stderr.contains("404"), "the tool's own error");

    let seen = project.server.seen();
    assert!(seen.iter().all(|seen| seen.header("authorization").len() == 1));
    assert_eq!(seen[2].line(), "GET /repos/a/b/issues?state=closed&per_page=3");
    let sent: Value = serde_json::from_slice(&seen[3].body).unwrap();
    assert_eq!((seen[3].header("content-type")[0], &sent["title"]), ("application/json", &json!("t")));
    println!(
        "{}: {:.1} MB; first build {}, second {}, install {}, first call {}, next {}",
        language.name,
        bytes as f64 / 1e6,
        seconds(first),
        seconds(second),
        seconds(install),
        seconds(call),
        seconds(again),
    );
    workers_hold_no_token(project, "tool_list-issues", json!({"owner": "a", "repo": "slow"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_a5_b1_c3_e1_h1_a_hostile_tool_in_javascript_has_empty_hands() {
    let Some(project) = ToolProject::new("js", "api", "tool").await else { return };
    project.write("src/tool.js", include_str!("../langs/prober.js"));
    let dead = ["node:fs", "fs", "node:process", "./tool.js", "/etc/passwd", "wasi:filesystem/preopens@0.2.6"];
    has_empty_hands(project, &dead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_a4_a5_b1_c3_e1_h1_a_hostile_tool_in_python_has_empty_hands() {
    let Some(project) = ToolProject::new("python", "api", "tool").await else { return };
    project.write("src/tool.py", include_str!("../langs/prober.py"));
    let dead = ["none", "tcp", "udp", "lookup", "/0", "/python"];
    has_empty_hands(project, &dead).await;
}

async fn has_empty_hands(project: ToolProject, dead: &[&str]) {
    project.write("wit/world.wit", include_str!("../langs/prober.wit"));
    project.write("wit/deps/wasi-cli/environment.wit", include_str!("../langs/wasi-cli.wit"));
    let manifest = project.read("hotcell.toml");
    let (head, _) = manifest.split_once("[actions.").unwrap();
    let scopes = "services = { github = [\"issues:read\", \"probe:echo\"] }\n";
    project.write("hotcell.toml", &format!("{head}[actions.probe]\n{scopes}[actions.honest]\n{scopes}"));
    project.run(&["build"]).exits(0);
    project.install(&["issues:read", "probe:echo"]);
    for name in dead {
        let loaded = project.run(&["call", "tool", "load", "--arg", &format!("name={name}")]);
        assert!(loaded.code != 0 && loaded.stdout.is_empty(), "{name}: {loaded:?}");
        assert!(loaded.stderr.contains("guest-trapped"), "the host is to blame for {name}: {loaded:?}");
    }
    let honest = project.run(&["call", "tool", "honest"]).exits(0).stdout;
    assert!(honest.contains("Found a bug") && !honest.to_lowercase().contains("bearer"), "{honest}");

    let probed = project.run(&["call", "tool", "probe", "--arg", "marker=ghp_"]).exits(0).json();
    let findings = probed.as_array().unwrap();
    for finding in findings {
        println!("{}: {}", finding["attack"], finding["outcome"]);
        assert_eq!(finding["got-token"], false, "{finding}");
    }
    let outcome = |attack: &str| {
        let found = findings.iter().find(|finding| finding["attack"] == attack);
        found.unwrap_or_else(|| panic!("{attack} was not tried"))["outcome"].as_str().unwrap().to_owned()
    };
    assert!(["[]", "{}"].contains(&outcome("environment variables").as_str()), "{}", outcome("environment variables"));
    assert!(outcome("an honest request").contains("Found a bug"), "it tried nothing: {}", outcome("an honest request"));
    if let Some(second) = findings.iter().find(|finding| finding["attack"] == "an honest request with urllib") {
        assert!(second["outcome"].to_string().contains("Found a bug"), "{second}");
    }
    // Each of the pages that gives the token away was reached, and withheld, or not reached at all.
    assert!(project.server.seen().iter().any(|seen| seen.line().contains("/echo")), "no page was reached");
    assert!(project.server.seen().iter().all(|seen| seen.header("authorization").len() == 1));

    project.run(&["resume", "tool"]).exits(0);
    workers_hold_no_token(project, "tool_honest", json!({})).await;
}

/// The worker's whole memory has the token in no form: in the middle of a call that sent it, and after some more.
async fn workers_hold_no_token(project: ToolProject, action: &'static str, arguments: Value) {
    tokio::task::spawn_blocking(move || {
        let mut agent = Agent::start(&project.cell, Revision::July2026, json!({}));
        // The first call starts the worker.
        assert!(agent.call(action, arguments.clone()).to_string().contains("Found a bug"));
        for _ in 0..CALLS {
            let sent = project.server.seen().len();
            let call = agent.begin("tools/call", json!({"name": action, "arguments": arguments}));
            std::thread::sleep(SLOW / 2);
            let Some(broker) = whole(agent.process()) else {
                println!("left out: this user cannot read the memory of a hardened process (the superuser can)");
                return;
            };
            let canary = project.cell.canary();
            assert!(canary.found_in(&broker).is_some(), "the broker holds the token: the search would not find it");
            let workers = children(agent.process());
            assert!(!workers.is_empty());
            for worker in workers.keys() {
                let memory = whole(*worker).unwrap();
                assert!(memory.len() > 10_000_000, "{} bytes are no language's runtime", memory.len());
                assert_eq!(canary.found_in(&memory), None);
            }
            assert!(agent.answer(call).to_string().contains("Found a bug"));
            assert!(project.server.seen().len() > sent, "nothing was sent");
        }
    })
    .await
    .unwrap();
}

/// componentize-py's own event loop over `wasi:http`, and nothing of Hotcell's in the tool: as it was written for another host.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_python_for_wasi_http_runs_as_it_is_and_without_the_manifests_word_not_at_all() {
    let Some(project) = ToolProject::new("python", "blank", "tool").await else { return };
    project.write("src/tool.py", include_str!("../langs/wasi/tool.py"));
    project.write("wit/world.wit", include_str!("../langs/wasi/world.wit"));
    project.write("wit/deps/io/io.wit", include_str!("../langs/wasi/io.wit"));
    project.write("wit/deps/clocks/clocks.wit", include_str!("../langs/wasi/clocks.wit"));
    project.write("wit/deps/http/http.wit", include_str!("../../host/sandbox/wit/deps/http.wit"));
    let asks = "[actions.titles]\nservices = { github = [\"issues:read\"] }\n";
    let manifest = format!("{}\n{asks}", project.read("hotcell.toml"));
    project.write("hotcell.toml", &manifest);
    let refused = project.run(&["build"]);
    assert!(refused.code != 0 && refused.stderr.contains("imports = [\"wasi:http\"]"), "{}", refused.stderr);
    project.write("hotcell.toml", &manifest.replacen("[build]", "imports = [\"wasi:http\"]\n[build]", 1));
    project.run(&["build"]).exits(0);
    project.install(&["issues:read"]);
    let call = |path: &str| {
        let url = format!("url={}{path}", project.server.origin());
        project.run(&["call", "tool", "titles", "--arg", &url])
    };
    assert_eq!(call("/repos/a/b/issues").exits(0).json(), json!(["Found a bug"]));
    assert!(call("/repos/a/missing/issues").exits(1).stderr.contains("404"));
    // The gate refuses it; that a scope is missing is what the person is told.
    call("/echo").exits(4);
    let seen = project.server.seen();
    assert_eq!(seen.len(), 2, "what was not granted was sent");
    assert!(
        seen.iter().all(|seen| seen.header("authorization").len() == 1 && seen.header("user-agent") != ["another/1.0"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_javascript_or_python_is_shown_with_the_authors_own_line() {
    for language in [JAVASCRIPT, PYTHON] {
        let Some(project) = ToolProject::new(language.name, "blank", "tool").await else { return };
        project.run(&["build"]).exits(0);
        project.run(&["install", "--yes", "dist/tool.wasm"]).exits(0);
        let called = project.run(&["call", "tool", "hello", "--arg", "name=Ada"]).exits(0).says("greeting Ada");
        assert_eq!(called.json(), "Hello, Ada!");
        checks_types(&project, &language);
        project.run(&["test", "--no-build"]).exits(0);
        let whole = project.read(language.source);
        for (mistake, shown) in language.mistakes {
            project.write(language.source, mistake);
            let failed = project.run(&["build"]);
            assert!(failed.code != 0 && failed.stderr.contains(shown), "{shown}: {}", failed.stderr);
            assert!(
                !failed.stderr.contains("node_modules") && !failed.stderr.contains("backtrace"),
                "{}",
                failed.stderr
            );
        }
        std::fs::remove_file(project.folder().join(language.source)).unwrap();
        project
            .run(&["build"])
            .says(&format!("there is no {}", if language.name == "js" { "src/tool.js" } else { "module src/tool.py" }));
        project.write(language.source, &whole);
        project.run(&["build"]).exits(0);
    }
}

/// The templates and the types that were written for them agree, by the checkers that editors use.
fn checks_types(project: &ToolProject, language: &Language) {
    assert!(project.folder().join(language.types).is_file());
    let servers = hotcell_tests::programs::servers().unwrap();
    let mut checker = match language.name {
        "js" => {
            let mut node = Command::new("node");
            node.arg(servers.join("node/node_modules/typescript/bin/tsc")).args(["--project", "jsconfig.json"]);
            node
        }
        _ => {
            let mut mypy = Command::new(servers.join("python/bin/python"));
            mypy.args(["-m", "mypy", "--python-version", "3.14", "--cache-dir", "/dev/null"]);
            mypy
        }
    };
    let output = checker.current_dir(project.folder()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// What the pages for authors show is what the templates hold and what the tests above run.
#[test]
fn every_snippet_of_the_languages_pages_is_that_of_the_templates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    for (page, folder) in [("docs/javascript.md", "js"), ("docs/python.md", "python")] {
        let page = read(page);
        let mut blocks = 0;
        for block in page.split("\n```").skip(1).step_by(2) {
            let (language, text) = block.split_once('\n').unwrap();
            if language == "sh" || text.starts_with("# example") || text.starts_with("// example") {
                continue;
            }
            blocks += 1;
            let files = ["api", "blank", "."].map(|kind| root.join("host/templates").join(folder).join(kind));
            let texts = files.iter().flat_map(|folder| folder.read_dir().unwrap().flatten());
            let texts: Vec<_> = texts.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect();
            let named = |found: &String| found.replace("{{name}}", "issues").contains(text.trim_end());
            assert!(texts.iter().any(named), "a block of {folder} is in no template:\n{text}");
        }
        assert!(blocks >= 3, "{folder}: {blocks}");
        // The commands are those that `from_nothing_to_a_call` runs.
        let commands = format!("hotcell new issues --lang {folder}\ncd issues\nhotcell build\nhotcell test\n");
        let call =
            "hotcell install dist/issues.wasm\nhotcell call issues list-issues --arg owner=rust-lang --arg repo=rust\n";
        assert!(page.contains(&commands) && page.contains(call), "{folder}");
    }
}
