//! The command as a person or a script uses it: exit codes, JSON on standard output, everything else on standard error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell_tests::Cell;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use hotcell_tests::programs;
use serde_json::json;

fn github(upstream: &Upstream) -> String {
    format!(
        "[service.github]\norigins = [\"{}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n",
        upstream.origin()
    )
}

async fn issues() -> Upstream {
    Upstream::start(|_| {
        Raw::ok(
            json!([{"number": 7, "title": "A title", "state": "open", "html_url": "https://example.com/7",
                    "user": {"login": "ada"}, "comments": 2, "labels": [{"name": "bug"}]}])
            .to_string(),
        )
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_result_and_back_to_nothing() {
    let cell = Cell::new("ghp_");
    let upstream = issues().await;
    cell.config(&github(&upstream));
    cell.hotcell(&["list"]).exits(0).says("no tool is installed");
    cell.hotcell(&["auth", "status", "github"]).exits(1);
    cell.sign_in("github", &["issues:read"]);
    cell.hotcell(&["auth", "status", "github"]).exits(0);
    cell.install("github-issues").says("asks for").says("issues:write").says("is installed");

    let list = cell.hotcell(&["list", "--json"]).exits(0).json();
    assert_eq!(list[0]["name"], "github-issues");
    let inspected = cell.hotcell(&["inspect", "github-issues", "--json"]).exits(0).json();
    assert_eq!(inspected["digest"], list[0]["digest"]);
    let actions: Vec<_> = inspected["actions"].as_array().unwrap().iter().map(|action| &action["name"]).collect();
    assert_eq!(actions, ["create-issue", "list-issues"]);

    let args = ["call", "github-issues", "list-issues", "--arg", "owner=a", "--arg", "repo=b", "--arg", "limit=5"];
    let result = cell.hotcell(&args).exits(0).json();
    assert_eq!(result[0]["labels"], json!(["bug"]));
    let seen = upstream.seen();
    assert_eq!(seen[0].line(), "GET /repos/a/b/issues?state=open&per_page=5");
    let token = format!("Bearer {}", cell.canary().token());
    assert_eq!(seen[0].header("authorization"), [token.as_str()], "the token is there, once");

    let report =
        cell.hotcell(&["call", "github-issues", "list-issues", "--report", "--json", r#"{"owner":"a","repo":"b"}"#]);
    let report = report.exits(0).json();
    assert_eq!(report["requests"][0]["rule"], "GET /repos/{owner}/{repo}/issues");
    assert_eq!(report["requests"][0]["scope"], "issues:read");

    cell.hotcell(&["remove", "github-issues"]).exits(0);
    cell.hotcell(&args).exits(6).says("unknown-tool");
    cell.hotcell(&["auth", "logout", "github"]).exits(0);
    cell.hotcell(&["auth", "logout", "github"]).exits(4);
    cell.hotcell(&["auth", "status", "github"]).exits(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_the_token_lacks_is_refused_before_anything_is_sent() {
    let cell = Cell::new("ghp_");
    let upstream = issues().await;
    cell.config(&github(&upstream));
    cell.sign_in("github", &["issues:read"]);
    cell.install("github-issues");
    let arguments = json!({"owner": "a", "repo": "b", "title": "t", "labels": []}).to_string();
    cell.hotcell(&["call", "github-issues", "create-issue", "--json", &arguments])
        .exits(4)
        .says("insufficient-scope: the token of github does not have the scope issues:write")
        .says("hint: ");
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_granted_where_nobody_can_be_asked() {
    let cell = Cell::new("ghp_");
    let upstream = issues().await;
    cell.config(&github(&upstream));
    let file = programs::guest("github-issues").display().to_string();
    cell.hotcell(&["install", &file]).exits(3).says("tool-not-trusted").says("--yes");
    cell.hotcell(&["list"]).exits(0).says("no tool is installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_file_that_changed_after_the_grant_does_not_run() {
    let cell = Cell::new("ghp_");
    let upstream = issues().await;
    cell.config(&github(&upstream));
    cell.sign_in("github", &["issues:read"]);
    cell.install("github-issues");
    let tools = cell.places().state.join("tools");
    let file = std::fs::read_dir(tools).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    cell.hotcell(&["call", "github-issues", "list-issues", "--json", r#"{"owner":"a","repo":"b"}"#])
        .exits(3)
        .says("tool-not-trusted");
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn g9_a_token_is_read_from_standard_input_and_never_from_an_argument() {
    let cell = Cell::new("ghp_");
    cell.config("[service.github]\norigins = [\"https://api.github.com\"]\nscopes = { \"a\" = [\"GET /a\"] }\n");
    let token = cell.canary().token().to_owned();
    // An argument is no place for it: the command line is wrong, and the message must not repeat it.
    let ran = std::process::Command::new(programs::hotcell()).args(["auth", "set", "github", "--token", "x"]).output();
    assert_eq!(ran.unwrap().status.code(), Some(2));
    for (stdin, code) in [("", 6), ("two words\n", 6), ("a\nb\n", 6)] {
        cell.hotcell_with(&["auth", "set", "github", "--store", "key-file"], stdin, &[]).exits(code);
    }
    cell.hotcell_with(&["auth", "set", "github", "--scope", "b"], &token, &[]).exits(6).says("none of this name");
    cell.hotcell_with(&["auth", "set", "nobody"], &token, &[]).exits(6).says("not set up");
    cell.hotcell_with(&["auth", "set", "github", "--scope", "a"], &token, &[]).exits(0);
    let status = cell.hotcell(&["auth", "status", "--json"]).exits(0).json();
    assert_eq!(status[0]["backend"], "key-file");
}

#[test]
fn without_a_choice_no_store_is_made() {
    let cell = Cell::new("ghp_");
    cell.config("[service.github]\norigins = [\"https://api.github.com\"]\n");
    let ran = cell.hotcell_with(&["auth", "set", "github"], cell.canary().token(), &[]);
    ran.exits(7).says("nobody to ask").says("--store passphrase");
    assert!(!cell.places().state.join("auth/store.json.enc").exists());
}

#[test]
fn a_passphrase_opens_the_store_and_another_one_does_not() {
    let cell = Cell::new("ghp_");
    cell.config("[service.github]\norigins = [\"https://api.github.com\"]\n");
    let phrase = |name: &str, text: &str| {
        let path = cell.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (phrase("right", "correct horse battery\n"), phrase("wrong", "correct horse batterz\n"));
    let with =
        |file: &str, args: &[&str], stdin: &str| cell.hotcell_with(args, stdin, &[("HOTCELL_PASSPHRASE_FILE", file)]);
    with(&right, &["auth", "set", "github", "--store", "passphrase"], cell.canary().token()).exits(0);
    with(&right, &["auth", "status"], "").exits(0);
    with(&wrong, &["auth", "status"], "").exits(3).says("passphrase");
    with(&wrong, &["auth", "logout", "github"], "").exits(7).says("passphrase");
}

#[test]
fn mistakes_name_the_field_and_the_repair() {
    let cell = Cell::new("ghp_");
    cell.config("[service.github]\norigins = [\"http://api.github.com\"]\n");
    cell.hotcell(&["list"]).exits(6).says("config.toml, line 2, column 12").says("use https");
    cell.config("[limits]\nmemory_mb = 5\n");
    cell.hotcell(&["list"]).exits(6).says("config.toml, line 2").says("memory_mb");
    cell.config("[service.github]\norigins = [\"https://api.github.com\"]\n");
    let file = programs::guest("github-issues").display().to_string();
    cell.hotcell(&["install", "--yes", &file]).exits(6).says("issues:write").says("[service.github.scopes]");
}

#[test]
fn completions_are_printed_for_each_shell() {
    let cell = Cell::new("ghp_");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = cell.hotcell(&["completions", shell]).exits(0);
        assert!(ran.stdout.contains("hotcell"), "{shell}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_named_by_their_path() {
    let cell = Cell::new("ghp_");
    cell.config("[service.github]\norigins = [\"https://api.github.com\"]\nscopes = { \"issues:read\" = [\"GET /a\"], \"issues:write\" = [\"POST /a\"] }\n");
    cell.install("github-issues");
    let call = |arguments: &str| cell.hotcell(&["call", "github-issues", "list-issues", "--json", arguments]);
    call(r#"{"owner": 5, "repo": "b"}"#).exits(6).says("bad-arguments").says("owner");
    call(r#"{"owner": "a"}"#).exits(6).says("repo");
    call(r#"{"owner": "a", "repo": "b", "state": "ajar"}"#).exits(6).says("state").says("open");
    call(r#"{"owner": "a", "repo": "b", "more": 1}"#).exits(6).says("more");
    call("[1]").exits(6).says("not an object");
    cell.hotcell(&["call", "github-issues", "no-such", "--json", "{}"]).exits(6).says("unknown-action");
}
