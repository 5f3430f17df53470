//! The author's test kit from end to end: the example tools' own cases, cases that do not hold, hostile tools, live records.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

mod dev;
mod hostile;
mod record;

use std::path::Path;
use std::path::PathBuf;

use hotcell_tests::Cell;
use hotcell_tests::Ran;
use hotcell_tests::ToolProject;
use hotcell_tests::programs;
use serde_json::Value;
use serde_json::json;

/// The folder of an example tool.
fn example(tool: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("example-tools").join(tool)
}

/// Runs the cases of a folder against a built guest.
fn test(cell: &Cell, folder: &Path, guest: &str, more: &[&str]) -> Ran {
    let (folder, guest) = (folder.display().to_string(), programs::guest(guest).display().to_string());
    let args: Vec<&str> = ["test", &folder, "--component", &guest].into_iter().chain(more.iter().copied()).collect();
    cell.hotcell_with(&args, "", &[("HOTCELL_LOG", "warn"), ("RUST_LOG", "off")])
}

/// A project in the cell, with these cases and the operator's side of an example tool.
fn project(cell: &Cell, cases: &str, services: &str) -> PathBuf {
    let folder = cell.path().join("project");
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    std::fs::write(folder.join("tests/cases.toml"), cases).unwrap();
    std::fs::write(folder.join("service.toml"), services).unwrap();
    folder
}

fn github() -> String {
    std::fs::read_to_string(example("github-issues").join("service.toml")).unwrap()
}

/// Whether a made-up credential is in a text.
fn holds_a_fake(text: &str) -> bool {
    let letters = |rest: &str| rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    text.match_indices("fake_").any(|(at, _)| letters(&text[at + 5..]) >= 8)
}

#[test]
fn every_example_tool_holds_its_own_cases() {
    let cell = Cell::new("ghp_");
    for (tool, cases, used, granted) in
        [("github-issues", 6, 2, 3), ("supabase-registry", 5, 3, 3), ("prober", 1, 3, 3)]
    {
        let ran = test(&cell, &example(tool), tool, &["--json"]);
        assert_eq!(ran.code, 0, "{tool}: {ran:?}");
        let report = ran.json();
        assert_eq!((report["passed"].as_u64(), report["failed"].as_u64()), (Some(cases), Some(0)), "{tool}");
        let coverage = &report["coverage"];
        assert_eq!(
            (coverage["used"].as_u64(), coverage["granted"].as_u64()),
            (Some(used), Some(granted)),
            "{coverage}"
        );
        assert!(!holds_a_fake(&ran.stdout), "a made-up credential came out");
    }
}

#[test]
fn an_openly_hostile_tool_sees_no_made_up_credential_and_its_memory_holds_none() {
    let cell = Cell::new("ghp_");
    let report = test(&cell, &example("prober"), "prober", &["--json"]).exits(0).json();
    let case = &report["cases"][0];
    let sent = case["requests"].as_array().unwrap().iter().filter(|request| request["attempts"] == 1);
    assert!(sent.filter(|request| !request["scope"].is_null()).count() >= 3, "no credential was ever attached: {case}");
    let findings = case["verdict"]["returned"].as_array().unwrap();
    assert!(findings.len() > 25 && findings.iter().all(|finding| finding["got-token"] == false), "{findings:?}");
    assert!(findings.iter().any(|finding| finding["outcome"].as_str().unwrap().ends_with(" 0 tokens")));
}

#[test]
fn cases_need_no_store_and_open_none() {
    let cell = Cell::new("ghp_");
    cell.config(&github());
    cell.sign_in("github", &["issues:read"]);
    // A store whose key is gone cannot be opened: whoever tries is refused.
    std::fs::remove_file(cell.key_file()).unwrap();
    assert_ne!(cell.hotcell(&["auth", "status"]).code, 0);
    test(&cell, &example("github-issues"), "github-issues", &[]).exits(0);
    // Nor does a mistake in the operator's configuration reach a case.
    cell.config("nonsense");
    test(&cell, &example("github-issues"), "github-issues", &[]).exits(0);
}

#[test]
fn what_differs_is_shown_with_its_path_and_counts_in_the_exit_code() {
    let cell = Cell::new("ghp_");
    let cases = r#"
[[case]]
name = "wrong <b>&"
action = "list-issues"
arguments = { owner = "a", repo = "b" }
returns = [{ number = 7, title = "Other", state = "open", url = "", author = "", comments = 0, labels = [] }]
[[case.request]]
url = "/repos/a/b/issues?state=all&per_page=30"
reply = { json = [] }

[[case]]
name = "right"
action = "list-issues"
arguments = { owner = "a", repo = "b" }
returns = []
[[case.request]]
url = "/repos/a/b/issues?state=open&per_page=30"
reply = { json = [] }

[[case]]
name = "odd title"
action = "list-issues"
arguments = { owner = "a", repo = "b" }
returns_part = [{ title = "plain" }]
[[case.request]]
url = "/repos/a/b/issues?state=open&per_page=30"
reply = { json = [{ number = 1, title = "\u001b[2J\u202Eevil", state = "open", html_url = "" }] }
"#;
    let folder = project(&cell, cases, &github());
    let junit = cell.path().join("out.xml").display().to_string();
    let ran = test(&cell, &folder, "github-issues", &["--junit", &junit]).exits(1);
    for text in [
        "✗ wrong <b>&",
        "✓ right",
        "tests/cases.toml, line 2",
        "request 1\n      expected  GET /repos/a/b/issues?state=all&per_page=30",
        "got       GET /repos/a/b/issues?state=open&per_page=30",
        "returns[0].title\n      expected  \"plain\"",
        "1 passed, 2 failed",
        "policy coverage: 1 of 3 granted rules",
        "not used: POST /repos/{owner}/{repo}/issues (github issues:write)",
        "no case: create-issue",
    ] {
        assert!(ran.stdout.contains(text), "no `{text}` in:\n{}", ran.stdout);
    }
    // g5: nothing of a server's or a tool's steers the terminal.
    assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.stdout);
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"3\" failures=\"2\"") && xml.contains("name=\"wrong &lt;b&gt;&amp;\""), "{xml}");
    assert!(!xml.contains(['\u{1b}', '\u{202e}']), "{xml}");

    test(&cell, &folder, "github-issues", &["--case", "right"]).exits(0);
    test(&cell, &folder, "github-issues", &["--case", "none such"]).exits(6).says("there are: wrong");
    let file = folder.join("tests/cases.toml").display().to_string();
    let guest = programs::guest("github-issues").display().to_string();
    cell.hotcell(&["test", &file, "--component", &guest, "--case", "right"]).exits(0);
    cell.hotcell(&["test", &guest.replace(".wasm", ".toml"), "--component", &guest]).exits(6).says("no case file");
}

#[test]
fn mistakes_of_a_project_are_told_before_anything_runs() {
    let cell = Cell::new("ghp_");
    let case = "[[case]]\nname = \"a\"\naction = \"list-issues\"\nreturns = []\n";
    for (cases, services, says) in [
        (format!("{case}retruns = 1\n"), github(), "tests/cases.toml, line 5, column 1"),
        (case.replace("list-issues", "lost"), github(), "the tool has no action `lost`"),
        (
            format!("{case}token_scopes = {{ gitlab = [] }}\n"),
            github(),
            "line 1: `token_scopes` names the service gitlab",
        ),
        (format!("{case}token_scopes = {{ github = [\"no\"] }}\n"), github(), "a scope no that github has not"),
        (case.to_owned(), String::new(), "asks for the service github, which is not set up"),
        (case.to_owned(), "[service.github]\norigin = 1\n".to_owned(), "service.toml, line 2"),
    ] {
        let folder = project(&cell, &cases, &services);
        test(&cell, &folder, "github-issues", &[]).exits(6).says(says).says("hint: ");
    }
    std::fs::remove_dir_all(cell.path().join("project/tests")).unwrap();
    test(&cell, &cell.path().join("project"), "github-issues", &[]).exits(6).says("no cases");
}

/// What every language's template brings holds, built by its own builder.
#[tokio::test(flavor = "multi_thread")]
async fn the_cases_of_every_template_hold() {
    for (lang, template, name) in [
        ("rust", "api", "kit-rust-api"),
        ("rust", "blank", "kit-rust"),
        ("c", "api", "kit-c-api"),
        ("c", "blank", "kit-c"),
        ("js", "api", "kit-js-api"),
        ("js", "blank", "kit-js"),
        ("python", "api", "kit-py-api"),
        ("python", "blank", "kit-py"),
    ] {
        let Some(project) = ToolProject::new(lang, template, name).await else { continue };
        let report = project.run(&["test", "--json"]);
        assert_eq!(report.code, 0, "{lang} {template}: {report:?}");
        assert_eq!(report.json()["passed"], json!(1), "{lang} {template}");
        assert_eq!(project.server.connections(), 0, "a case was sent");
        project.run(&["test", "--no-build"]).exits(0);
    }
}

#[test]
fn every_example_of_the_page_is_one_of_the_cases_that_run() {
    let page = std::fs::read_to_string(example("../docs").join("testing.md")).unwrap();
    let cases =
        ["github-issues/tests/issues.toml", "supabase-registry/tests/registry.toml", "prober/tests/prober.toml"];
    let all: String = cases.map(|file| std::fs::read_to_string(example(file)).unwrap()).concat();
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 3, "{} examples", blocks.len());
    for block in blocks {
        assert!(all.contains(block.trim()), "not among the cases: {block}");
    }
}

/// The value of a case's verdict.
fn verdict(report: &Value, case: usize) -> &Value {
    &report["cases"][case]["verdict"]
}
