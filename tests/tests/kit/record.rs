//! `hotcell record`: a live call becomes a case that holds, and no token gets into it.

use hotcell_tests::Cell;
use hotcell_tests::Ran;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use serde_json::json;

use super::project;
use super::test;

fn services(upstream: &Upstream) -> String {
    format!(
        "[service.github]\norigins = [\"{}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n",
        upstream.origin()
    )
}

/// A server that gives the token away for the repository `echo`, in the given form.
async fn scene(form: fn(&str) -> String) -> (Cell, Upstream) {
    let cell = Cell::new("ghp_");
    let token = cell.canary().token().to_owned();
    let upstream = Upstream::start(move |seen| {
        assert_eq!(seen.header("authorization"), [format!("Bearer {token}")]);
        let title = if seen.line().contains("/echo/") { form(&token) } else { "A \u{202e}title".to_owned() };
        Raw::ok(json!([{"number": 7, "title": title, "state": "open", "html_url": "", "user": null}]).to_string())
    })
    .await;
    cell.config(&services(&upstream));
    cell.sign_in("github", &["issues:read"]);
    cell.install("github-issues");
    (cell, upstream)
}

fn record(cell: &Cell, owner: &str, more: &[&str]) -> Ran {
    let arguments = json!({"owner": owner, "repo": "b", "limit": 5}).to_string();
    std::fs::create_dir_all(cell.path().join("project/tests")).unwrap();
    let out = cell.path().join("project/tests/cases.toml").display().to_string();
    let args = ["record", "github-issues", "list-issues", "--arguments", &arguments, "--out", &out];
    cell.hotcell(&[&args[..], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_is_a_case_that_holds_without_the_server() {
    let (cell, upstream) = scene(str::to_owned).await;
    record(&cell, "a", &["--name", "first"]).exits(0).says("personal data");
    let connections = upstream.connections();
    let file = cell.path().join("project/tests/cases.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("url = \"/repos/a/b/issues?state=open&per_page=5\""), "{text}");
    assert!(!text.to_lowercase().contains("authorization") && !text.contains('\u{202e}'), "{text}");

    // What is there stays, unless somebody says so.
    record(&cell, "a", &["--name", "second"]).exits(6).says("is there already").says("--append");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    record(&cell, "a", &["--name", "first", "--append"]).exits(6).says("two cases are named `first`");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    record(&cell, "c", &["--name", "second", "--append"]).exits(0);
    let folder = project(&cell, &std::fs::read_to_string(&file).unwrap(), &services(&upstream));
    let before = upstream.connections();
    let report = test(&cell, &folder, "github-issues", &["--json"]).exits(0).json();
    assert_eq!(report["passed"], 2);
    assert_eq!(upstream.connections(), before, "a case was sent");
    assert!(connections > 0);
    record(&cell, "a", &["--name", "only", "--force"]).exits(0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("second"));
}

/// The cell's end searches the case, too, for the token in every form.
#[tokio::test(flavor = "multi_thread")]
async fn e1_a_live_record_of_a_server_that_gives_the_token_away_holds_no_token() {
    let forms: [fn(&str) -> String; 3] = [
        str::to_owned,
        |token| token.chars().rev().collect(),
        |token| token.bytes().map(|b| format!("{b:02x}")).collect(),
    ];
    for form in forms {
        let (cell, upstream) = scene(form).await;
        record(&cell, "echo", &["--name", "a"]).exits(0).says("leak-stopped");
        drop(upstream);
    }
    let (cell, upstream) = scene(str::to_owned).await;
    let arguments = json!({"owner": "echo", "repo": "x"}).to_string();
    let out = cell.path().join("case.toml").display().to_string();
    let args = ["record", "github-issues", "list-issues", "--arguments", &arguments, "--out", &out, "--name", "echo"];
    cell.hotcell(&args).exits(0).says("leak-stopped");
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("refused = \"leak-stopped\"") && text.contains("{{credential}}"), "{text}");
    assert!(!text.contains(cell.canary().token()));
    let folder = project(&cell, &text, &services(&upstream));
    test(&cell, &folder, "github-issues", &[]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn g13_a_token_in_an_argument_is_not_recorded() {
    let (cell, upstream) = scene(str::to_owned).await;
    let arguments = json!({"owner": cell.canary().token(), "repo": "b"}).to_string();
    let out = cell.path().join("case.toml");
    let shown = out.display().to_string();
    // Not by `Cell::hotcell`, which keeps the arguments for the sweep.
    let args = ["record", "github-issues", "list-issues", "--arguments", "-", "--out", &shown];
    cell.hotcell_with(&args, &arguments, &[]).exits(3).says("leak-stopped");
    assert!(!out.exists());
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_answers_and_what_nobody_may_is_recorded_as_it_was() {
    let (cell, upstream) = scene(str::to_owned).await;
    let out = cell.path().join("case.toml").display().to_string();
    let arguments = json!({"owner": "a", "repo": "b", "title": "t", "labels": []}).to_string();
    let args = ["record", "github-issues", "create-issue", "--arguments", &arguments, "--out", &out, "--name", "no"];
    cell.hotcell(&args).exits(0).says("insufficient-scope");
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("refused = \"insufficient-scope\""), "{text}");
    assert!(text.contains("token_scopes = { github = [] }"), "{text}");
    assert_eq!(upstream.connections(), 0);
    // What the token lacked, the case's lacks, too.
    let folder = project(&cell, &text, &services(&upstream));
    test(&cell, &folder, "github-issues", &[]).exits(0);
}

/// What is wrong with the file is told before anything is sent.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_for_a_case_that_cannot_be_written() {
    let (cell, upstream) = scene(str::to_owned).await;
    record(&cell, "a", &["--name", "first"]).exits(0);
    let seen = upstream.seen().len();
    record(&cell, "a", &["--name", "second"]).exits(6).says("is there already").says("nothing was sent");
    record(&cell, "a", &["--name", "first", "--append"]).exits(6).says("two cases are named `first`");
    record(&cell, "a", &["--name", "", "--append"]).exits(6).says("`name` is empty");
    assert_eq!(upstream.seen().len(), seen);
}

/// A service that may hand out new credentials hands them to the tool, and not to a file.
#[tokio::test(flavor = "multi_thread")]
async fn e9_a_new_credential_in_an_answer_is_not_written_down() {
    let (cell, _) = scene(str::to_owned).await;
    let upstream = Upstream::start(|_| {
        let issue =
            json!({"number": 7, "title": "", "state": "open", "html_url": "", "access_token": "made-a-moment-ago"});
        Raw::ok(json!([issue]).to_string())
    })
    .await;
    let services = services(&upstream).replacen("[service.github]", "[service.github]\nnew_credentials = \"pass\"", 1);
    cell.config(&services);
    let out = cell.path().join("project/tests/cases.toml");
    cell.sign_in("github", &["issues:read"]);
    record(&cell, "a", &["--name", "a"]).exits(3).says("looks like a credential (`access_token`)");
    assert!(!out.exists() && upstream.seen().len() == 1);
}
