//! Tools in Rust and C, from nothing to an authorised call, with the commands that their authors type; and what goes wrong on the way.

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

use std::time::Duration;

use hotcell_tests::Ran;
use hotcell_tests::ToolProject;
use serde_json::Value;
use serde_json::json;

/// Shows the time that a step took, as the docs state it.
fn measured(name: &str, steps: &[(&str, Duration)]) {
    let steps: Vec<_> = steps.iter().map(|(step, took)| format!("{step} {:.2} s", took.as_secs_f64())).collect();
    println!("{name}: {}", steps.join(", "));
}

/// `new` is done; builds, checks, installs, signs in, and calls, twice. Gives the first result.
fn to_a_call(project: &ToolProject, scopes: &[&str], call: &[&str]) -> Value {
    let (built, first) = project.timed(&["build", "--json"]);
    let built = built.exits(0).json();
    let (again, second) = project.timed(&["build", "--json"]);
    assert_eq!(again.exits(0).json()["digest"], built["digest"], "the same sources make the same component");
    let file = project.folder().join("dist").join(format!("{}.wasm", project.name));
    assert_eq!(built["bytes"].as_u64().unwrap(), std::fs::metadata(&file).unwrap().len());
    project.run(&["check"]).exits(0).says("nothing must be repaired").says("no earlier version");

    let (installed, install) = project.timed(&["install", "--yes", &format!("dist/{}.wasm", project.name)]);
    installed.exits(0);
    project.cell.sign_in("github", scopes);
    let compiled = project.compiled();
    assert!(!compiled.is_empty());
    let (called, one) = project.timed(call);
    let (called_again, two) = project.timed(call);
    assert_eq!(project.compiled(), compiled, "a call of an unchanged tool compiles nothing");
    let result = called.exits(0).json();
    assert_eq!(called_again.exits(0).json(), result);
    project.run(&["check"]).exits(0).says("the very version that is in use");
    let steps =
        [("first build", first), ("second build", second), ("install", install), ("call", one), ("next call", two)];
    measured(&format!("{} ({} bytes)", project.name, built["bytes"]), &steps);
    result
}

/// Every request had the token, once; and the tool saw none of it: the cell's end searches all that is left.
fn every_request_was_authorised(project: &ToolProject) {
    let token = format!("Bearer {}", project.cell.canary().token());
    for seen in project.server.seen() {
        assert_eq!(seen.header("authorization"), [token.as_str()], "{}", seen.line());
    }
}

fn errors(ran: &Ran) -> Vec<String> {
    let found = ran.json()["findings"].as_array().unwrap().clone();
    let errors = found.into_iter().filter(|finding| finding["weight"] == "error");
    errors
        .map(|finding| format!("{}: {}", finding["rule"].as_str().unwrap(), finding["what"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_in_rust_goes_from_nothing_to_an_authorised_call() {
    let Some(project) = ToolProject::new("rust", "api", "rust-api").await else { return };
    let list = ["call", "rust-api", "list-issues", "--arg", "owner=a", "--arg", "repo=b", "--arg", "state=all"];
    let found = to_a_call(&project, &["issues:read", "issues:write"], &list);
    assert_eq!(found[0]["title"], "Found a bug");
    assert_eq!(project.server.seen()[0].line(), "GET /repos/a/b/issues?state=all&per_page=30");
    let create = ["call", "rust-api", "create-issue", "--json", r#"{"owner":"a","repo":"b","title":"t"}"#];
    assert_eq!(project.run(&create).exits(0).json()["number"], 1347);
    let sent: Value = serde_json::from_slice(&project.server.seen().last().unwrap().body).unwrap();
    assert_eq!(sent, json!({"title": "t", "body": null}));
    let missing = ["call", "rust-api", "list-issues", "--arg", "owner=a", "--arg", "repo=missing"];
    project.run(&missing).exits(1).says("not-found");
    every_request_was_authorised(&project);

    // What stands in the code is in the manifest that was packed.
    let manifest = project.run(&["inspect", "rust-api", "--json"]).exits(0).json()["manifest"].clone();
    assert_eq!(manifest["actions"]["list-issues"]["services"], json!({"github": ["issues:read"]}));
    assert_eq!(manifest["actions"]["create-issue"]["description"], "Creates an issue.");
    let built = project.run(&["build", "--json"]).exits(0).json();
    assert!(built["from_code"].as_array().unwrap().contains(&json!("list-issues: scope issues:read of github")));

    a_mistake_in_rust_is_shown_as_the_compiler_says_it(&project);
}

fn a_mistake_in_rust_is_shown_as_the_compiler_says_it(project: &ToolProject) {
    let before = std::fs::read(project.folder().join("dist/rust-api.wasm")).unwrap();
    let source = project.read("src/lib.rs");
    project.write("src/lib.rs", &source.replace("http::service(\"github\")?", "http::sevrice(\"github\")?"));
    let ran = project.run(&["build"]).exits(6).says("build-failed: `cargo` failed").says("src/lib.rs:").says("sevrice");
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    assert_eq!(std::fs::read(project.folder().join("dist/rust-api.wasm")).unwrap(), before, "the last good one stays");
    project.run(&["check"]).exits(0).says("stale: src/lib.rs was changed after the last build");
    // A cargo that is not there, and a target that is not.
    project.run_with(&["build"], "PATH", "/nowhere").exits(6).says("cargo is not installed").says("https://rustup.rs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blank_tool_in_rust_greets() {
    let Some(project) = ToolProject::new("rust", "blank", "rust-blank").await else { return };
    let call = ["call", "rust-blank", "hello", "--arg", "name=Ada"];
    assert_eq!(to_a_call(&project, &[], &call), "Hello, Ada!");
    assert_eq!(project.server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_in_c_goes_from_nothing_to_an_authorised_call() {
    let Some(project) = ToolProject::new("c", "api", "c-api").await else { return };
    let list = ["call", "c-api", "list-issues", "--arg", "owner=a", "--arg", "repo=b c", "--arg", "limit=500"];
    let found = to_a_call(&project, &["issues:read"], &list);
    let found: Value = serde_json::from_str(found.as_str().unwrap()).unwrap();
    assert_eq!(found[0]["title"], "Found a bug");
    assert_eq!(project.server.seen()[0].line(), "GET /repos/a/b%20c/issues?state=open&per_page=100");
    let of = |repo: &str| {
        project.run(&["call", "c-api", "list-issues", "--arg", "owner=a", "--arg", &format!("repo={repo}")])
    };
    of("missing").exits(1).says("the server answered with status 404");
    let before = project.server.seen().len();
    for odd in ["..", "", "a/b", "a;b"] {
        of(odd).exits(1).says("a path segment is empty, a dot segment, or has a separator in it");
    }
    assert_eq!(project.server.seen().len(), before, "an odd segment goes nowhere");
    every_request_was_authorised(&project);
    let source = project.read("src/tool.c");
    project.write("src/tool.c", &source.replace("request.problem);", "request.problem)"));
    project.run(&["build"]).exits(6).says("clang` failed").says("src/tool.c:").says("expected ';'");
    project
        .run_with(&["build"], "WASI_SDK_PATH", "/nowhere")
        .exits(6)
        .says("clang is missing in /nowhere")
        .says("unset WASI_SDK_PATH");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_callers_is_found_before_they_meet_it() {
    let Some(project) = ToolProject::new("c", "blank", "c-blank").await else { return };
    let call = ["call", "c-blank", "hello", "--arg", "name=Ada"];
    assert_eq!(to_a_call(&project, &[], &call), "Hello, Ada!");
    let installed = project.folder().join("old.wasm");
    std::fs::copy(project.folder().join("dist/c-blank.wasm"), &installed).unwrap();

    let (wit, source) = (project.read("wit/world.wit"), project.read("src/tool.c"));
    project.write("wit/world.wit", &wit.replace("(name: string)", "(name: string, times: u8)"));
    project.write(
        "src/tool.c",
        &source
            .replace("(tool_string_t *name, ", "(tool_string_t *name, uint8_t times, ")
            .replace("char *text", "(void)times;\n  char *text"),
    );
    project.run(&["build"]).exits(0).says("c-blank 0.1.0");
    let broken = "breaking: hello: parameter times: it is new and must be given (since 0.1.0)";
    for args in [&["check", "--json"][..], &["check", "--json", "--against", "old.wasm"]] {
        assert_eq!(errors(&project.run(args).exits(6)), [broken]);
    }
    project.run(&["check"]).exits(6).says(broken).says("the version is 0.1.0, as it was").says("1 to repair");
    assert!(
        errors(&project.run(&["check", "dist/c-blank.wasm", "--json", "--against", "dist/c-blank.wasm"]).exits(0))
            .is_empty()
    );

    let manifest = project.read("hotcell.toml");
    project.write("hotcell.toml", &manifest.replace("0.1.0", "0.2.0"));
    project.run(&["check"]).exits(6).says("stale: hotcell.toml");
    project.run(&["build"]).exits(0);
    project.run(&["check"]).exits(0).says(&format!("warning {broken}")).says("the new version announces it");

    // What would be refused at installation is an error, and what asks for more is told.
    let asks = "[actions.hello]\nservices = { github = [\"issues:raed\"], nobody = [\"x\"] }\npublic = [\"GET https://example.com/**\"]\n";
    project.write("hotcell.toml", &format!("{}{asks}", manifest.replace("0.1.0", "0.2.0")));
    project.run(&["build"]).exits(0);
    let ran = project.run(&["check"]).exits(6).says("scope: hello asks for the scope `issues:raed` of github");
    let ran = ran
        .says("service: hello asks for the service `nobody`")
        .says("rights: it asks for more than 0.1.0: hello: service github");
    ran.says("asks-too-much");
    project.write("hotcell.toml", &format!("{manifest}[actions.bye]\ndescription = \"x\"\n"));
    project.run(&["build"]).exits(6).says("actions.bye").says("the component's actions are: hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_word_of_an_author_is_answered_with_the_repair() {
    let Some(project) = ToolProject::new("rust", "blank", "mistakes").await else { return };
    project.run(&["new", "My Tool"]).exits(6).says("`My Tool` cannot be a tool's name").says("hotcell new my-tool");
    project.run(&["new", "sdk"]).exits(6).says("is there already, and not empty");
    project.run(&["new", "x", "--lang", "cobol"]).exits(2).says("rust");
    project.run(&["build", "/"]).exits(6).says("there is no hotcell.toml in /").says("hotcell new NAME");
    project.run(&["check"]).exits(6).says("dist/mistakes.wasm is not built yet").says("hotcell build");
    let manifest = project.read("hotcell.toml");
    for (from, to, said) in [
        ("lang = \"rust\"", "lang = \"go\"", "unknown variant `go`"),
        ("lang = \"rust\"", "lang = \"rust\"\nopt = 3", "unknown field `opt`"),
        ("lang = \"rust\"", "lang = \"rust\"\nwit = \"../wit\"", "leads out of the project"),
        ("lang = \"rust\"", "lang = \"rust\"\nwit = \"none\"", "there is no such folder"),
        ("[build]\nlang = \"rust\"", "", "has no table [build]"),
        ("version = \"0.1.0\"", "version = \"\"", "`version` is empty"),
    ] {
        assert!(manifest.contains(from));
        project.write("hotcell.toml", &manifest.replace(from, to));
        project.run(&["build"]).exits(6).says(said).says("hint: ");
    }
    project.write("hotcell.toml", &manifest);
    project.write("Cargo.toml", &project.read("Cargo.toml").replace("cdylib", "rlib"));
    project.run(&["build"]).exits(6).says("made no component of it").says("crate-type = [\"cdylib\"]");
}
