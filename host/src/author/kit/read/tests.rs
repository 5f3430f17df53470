//! Case files as authors write them, rightly and wrongly.

use cap_std::ambient_authority;
use hotcell_gate::Piece;
use hotcell_gate::Played;
use hotcell_protocol::Method;
use serde_json::json;

use super::*;
use crate::author::kit::case::Body;

fn project() -> (tempfile::TempDir, Dir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tests")).unwrap();
    std::fs::write(folder.path().join("tests/page.html"), "<p>{{credential}}</p>").unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    (folder, dir)
}

fn read(text: &str) -> Result<Vec<Case>, Refusal> {
    let (_folder, dir) = project();
    cases(text, "tests/a.toml", &dir)
}

const WHOLE: &str = r#"
[[case]]
name = "lists"
action = "list"
arguments = { owner = "a", limit = 5, flags = ["x"], ratio = 0.5, nested = { deep = true } }
token_scopes = { api = ["read"] }
deadline_seconds = 2
order = "any"
log = ["one", "two"]
returns_part = [{ title = "t" }]

[[case.request]]
method = "POST"
url = "/v1/items?page=1"
headers = { Accept = "application/json" }
json_part = { title = "t" }
reply = { status = 201, headers = { etag = "\"{{credential}}\"" }, json = { id = 1, echo = "{{credential}}" } }

[[case.request]]
url = "https://api.example/v2"
times = 2
headers_exact = {}
body = ""
refused = "path-not-granted"
refused_says = "no scope"

[[case.request]]
url = "/page"
reply = { body_file = "tests/page.html" }

[[case.request]]
url = "/gone"
reply = { fails = "timed-out" }

[[case]]
name = "says no"
action = "list"
arguments_json = '{"owner": null}'
refused = "bad-arguments"

[[case]]
name = "nothing"
action = "list"
returns_json = "null"
"#;

#[test]
fn all_that_can_be_written_is_read() {
    let cases = read(WHOLE).unwrap();
    let [first, second, third] = &cases[..] else { panic!("{} cases", cases.len()) };
    assert_eq!((first.name.as_str(), first.line, first.order), ("lists", 2, Order::Any));
    assert_eq!(first.arguments["nested"]["deep"], json!(true));
    assert_eq!(first.arguments["ratio"], json!(0.5));
    assert_eq!(first.deadline, Duration::from_secs(2));
    assert_eq!(first.outcome, Outcome::Returns(Wanted::Part(json!([{"title": "t"}]))));
    assert_eq!(first.requests.len(), 5);
    let [post, denied, again, page, gone] = &first.requests[..] else { panic!() };
    assert_eq!((post.method, post.url.as_str()), (Method::Post, "/v1/items?page=1"));
    assert_eq!(post.headers.as_ref().unwrap()["accept"], "application/json");
    assert_eq!(post.body, Some(Body::Json(Wanted::Part(json!({"title": "t"})))));
    let Some(Played::Reply(reply)) = &post.then.reply else { panic!() };
    assert_eq!(reply.status, 201);
    assert!(reply.headers.iter().any(|(name, _)| name == "content-type"));
    assert!(reply.headers.iter().any(|(name, value)| name == "etag" && value.contains(&Piece::Credential)));
    assert_eq!(reply.body.iter().filter(|piece| **piece == Piece::Credential).count(), 1);
    assert_eq!(denied, again);
    assert!(denied.headers_exact && denied.then.reply.is_none());
    assert_eq!(denied.then.refused, Some((Code::PathNotGranted, Some("no scope".into()))));
    let Some(Played::Reply(reply)) = &page.then.reply else { panic!() };
    assert_eq!(reply.body, [Piece::Bytes(b"<p>{{credential}}</p>"[..].into())], "a file's bytes are as they are");
    assert!(matches!(gone.then.reply, Some(Played::Fails(hotcell_gate::Fault::TimedOut))));
    assert_eq!(second.outcome, Outcome::Refused(Code::BadArguments, None));
    assert_eq!(second.arguments, json!({"owner": null}));
    assert_eq!(third.outcome, Outcome::Returns(Wanted::Exactly(json!(null))));
    assert_eq!(third.arguments, json!({}));
}

#[test]
fn mistakes_name_file_line_column_key_and_repair() {
    let case = "[[case]]\nname = \"a\"\naction = \"b\"\n";
    let request = format!("{case}returns = 1\n[[case.request]]\n");
    for (text, place, says) in [
        ("", "line 1, column 1", "no case"),
        ("[[case]\n", "line 1, column", ""),
        ("[[cases]]\n", "line 1, column 3", "cases"),
        (&format!("{case}returns = 1\nretruns = 2\n"), "line 5, column 1", "retruns"),
        (&format!("{case}returns = 1\nname = \"c\"\n"), "line 5, column 1", "duplicate key"),
        (case, "line 1, column 1", "how the call ends"),
        (&format!("{case}returns = 1\nfails = 2\n"), "line 5, column 9", "say the same"),
        (&format!("{case}returns = 1\nreturns_json = \"1\"\n"), "line", "say the same"),
        (&format!("{case}returns_json = \"{{\"\n"), "line 4, column 16", "not JSON"),
        (&format!("{case}returns = nan\n"), "line 4, column 11", "number that is none"),
        (&format!("{case}returns = 2020-01-01\n"), "line 4, column 11", "date"),
        (&format!("{case}refused = \"no\"\n"), "line 4, column 11", "`refused` is `no`"),
        (&format!("{case}refused_says = \"no\"\nreturns = 1\n"), "line 4, column 16", "without `refused`"),
        (&format!("{case}returns = 1\narguments = 5\n"), "line 5, column 13", "`arguments`"),
        (&format!("{case}returns = 1\narguments_json = \"[]\"\n"), "line 5, column 18", "`arguments`"),
        (&format!("{case}returns = 1\ndeadline_seconds = 0\n"), "line 5, column 20", "deadline_seconds"),
        (&format!("{case}returns = 1\ndeadline_seconds = 1e9\n"), "line 5, column 20", "deadline_seconds"),
        (&format!("{case}returns = 1\norder = \"none\"\n"), "line 5, column 9", "none"),
        (&format!("{case}returns = 1\n{case}returns = 2\n"), "line 5, column 1", "two cases are named `a`"),
        ("[[case]]\nname = \"a\\u001b[2J\"\naction = \"b\"\nreturns = 1\n", "line 2, column 8", "`name`"),
        (&request, "line 5, column 1", "missing field `url`"),
        (&format!("{request}url = \"/a\"\n"), "line 5, column 1", "neither `reply` nor `refused`"),
        (&format!("{request}url = \"a\"\nreply = {{}}\n"), "line 6, column 7", "`url` is `a`"),
        (&format!("{request}url = \"/a\"\nmethod = \"TRACE\"\nreply = {{}}\n"), "line 7, column 10", "TRACE"),
        (&format!("{request}url = \"/a\"\ntimes = 65\nreply = {{}}\n"), "line 7, column 9", "`times`"),
        (&format!("{request}url = \"/a\"\nreply = {{ status = 101 }}\n"), "line 7, column 20", "`status`"),
        (&format!("{request}url = \"/a\"\nreply = {{ stats = 200 }}\n"), "line 7, column 11", "stats"),
        (&format!("{request}url = \"/a\"\nreply = {{ body = \"\", json = 1 }}\n"), "line 7, column", "same thing"),
        (
            &format!("{request}url = \"/a\"\nreply = {{ fails = \"silent\", body = \"\" }}\n"),
            "line 7, column 19",
            "`fails`",
        ),
        (&format!("{request}url = \"/a\"\nreply = {{ fails = \"never\" }}\n"), "line 7, column 19", "never"),
        (&format!("{request}url = \"/a\"\nreply = {{ headers = {{ \"a b\" = \"c\" }} }}\n"), "line 7, column", "a b"),
        (
            &format!("{request}url = \"/a\"\nreply = {{ headers = {{ a = \"b\\nc\" }} }}\n"),
            "line 7, column",
            "no header",
        ),
        (&format!("{request}url = \"/a\"\nreply = {{ body_base64 = \"?\" }}\n"), "line 7, column 25", "base64"),
        (
            &format!("{request}url = \"/a\"\njson_part = 1\nbody = \"\"\nreply = {{}}\n"),
            "line 7, column 13",
            "same thing",
        ),
        (
            &format!("{request}url = \"/a\"\nheaders = {{}}\nheaders_exact = {{}}\nreply = {{}}\n"),
            "line 8",
            "same thing",
        ),
    ] {
        let refusal = read(text).err().unwrap_or_else(|| panic!("was read: {text}"));
        assert_eq!(refusal.code, Code::BadConfig);
        assert!(refusal.message.starts_with(&format!("tests/a.toml, {place}")), "{refusal:?}\n{text}");
        assert!(refusal.message.contains(says) && !refusal.hint.is_empty(), "{refusal:?}\n{text}");
    }
}

#[test]
fn a5_no_file_outside_of_the_project_is_read_and_none_that_is_no_file() {
    let (folder, dir) = project();
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("tests/link")).unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("root")).unwrap();
    std::fs::write(folder.path().join("big"), vec![0; limits::RESPONSE_BODY_BYTES + 1]).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    let absolute = outside.path().display().to_string();
    for name in [
        "../a",
        "tests/../../a",
        &absolute,
        "/etc/passwd",
        "tests/link",
        "root/etc/passwd",
        "pipe",
        "big",
        "tests",
        "no-such",
        "",
        "a\\u0000b",
    ] {
        let text = format!(
            "[[case]]\nname = \"a\"\naction = \"b\"\nreturns = 1\n[[case.request]]\nurl = \"/\"\nreply = {{ body_file = \"{name}\" }}\n"
        );
        let refusal = cases(&text, "tests/a.toml", &dir).err().unwrap_or_else(|| panic!("was read: {name}"));
        assert!(refusal.message.starts_with("tests/a.toml, line 7, column 23: `body_file`"), "{refusal:?}");
    }
}

#[test]
fn files_that_are_named_again_and_again_are_bounded_together() {
    let (folder, dir) = project();
    std::fs::write(folder.path().join("big"), vec![0; limits::RESPONSE_BODY_BYTES]).unwrap();
    let request = "[[case.request]]\nurl = \"/\"\nreply = { body_file = \"big\" }\n";
    let text = |times| format!("[[case]]\nname = \"a\"\naction = \"b\"\nreturns = 1\n{}", request.repeat(times));
    assert!(cases(&text(8), "t", &dir).is_ok());
    assert!(cases(&text(9), "t", &dir).unwrap_err().message.contains("together"));
}

#[test]
fn what_is_nested_or_long_without_end_is_refused_and_ends() {
    let deep =
        format!("[[case]]\nname = \"a\"\naction = \"b\"\nreturns = {}1{}\n", "[".repeat(50_000), "]".repeat(50_000));
    assert!(read(&deep).is_err());
    let many = "[[case]]\nname = \"a\"\naction = \"b\"\nreturns = 1\n".repeat(CASES + 1);
    assert!(read(&many).unwrap_err().message.contains("cases"));
    let requests = "[[case.request]]\nurl = \"/\"\ntimes = 64\nreply = {}\n".repeat(3);
    let many = format!("[[case]]\nname = \"a\"\naction = \"b\"\nreturns = 1\n{requests}");
    assert!(read(&many).unwrap_err().message.contains("more requests"));
}
