//! What a call did, against what its case says.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_protocol::Answer;
use hotcell_protocol::Header;
use hotcell_protocol::LogLevel;
use hotcell_protocol::Method;
use serde_json::json;

use super::*;
use crate::author::kit::read;

fn case(text: &str) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let text = format!("[[case]]\nname = \"a\"\naction = \"b\"\n{text}");
    read::cases(&text, "t", &dir).unwrap().remove(0)
}

fn exchange(method: Method, url: &str, came: Result<u16, Code>) -> Exchange {
    let headers = vec![Header::new("Accept", "a/b"), Header::new("x", "1"), Header::new("x", "2")];
    let body = Some(br#"{"title": "t", "n": 1}"#.to_vec());
    let came = came.map(|status| Answer { status, headers: Vec::new(), body: Vec::new() });
    let came = came.map_err(|code| Refusal::new(code, "why \u{1b}[2J it was", "a repair"));
    Exchange { asked: Asked { method, url: url.to_owned(), headers, body }, came }
}

fn found(text: &str, exchanges: Vec<Exchange>, log: &[&str]) -> Vec<String> {
    let log = log.iter().map(|text| LogLine { level: LogLevel::Info, text: (*text).to_owned() }).collect();
    let seen = Seen { exchanges, log };
    let case = case(&format!("returns = 1\n{text}"));
    let found = differences(&case, &seen, &Verdict::Returned(json!(1)));
    found.into_iter().map(|found| format!("{}: {} / {}", found.at, found.expected, found.got)).collect()
}

#[test]
fn how_the_call_ended_is_compared() {
    let refused = |code| Verdict::Refused(Refusal::new(code, "no scope of api", "a repair"));
    for (text, verdict, at) in [
        ("returns = 1", Verdict::Returned(json!(1)), None),
        ("returns = 1", Verdict::Returned(json!(2)), Some("returns")),
        ("returns = 1", Verdict::Failed(json!(1)), Some("the call")),
        ("returns = 1", refused(Code::GuestTrapped), Some("the call")),
        ("fails = \"no\"", Verdict::Failed(json!("no")), None),
        ("fails = \"no\"", Verdict::Failed(json!("yes")), Some("fails")),
        ("fails = \"no\"", Verdict::Returned(json!("no")), Some("the call")),
        ("fails_part = { a = 1 }", Verdict::Failed(json!({"a": 1, "b": 2})), None),
        ("refused = \"guest-trapped\"", refused(Code::GuestTrapped), None),
        ("refused = \"guest-trapped\"", refused(Code::MemoryExceeded), Some("refused")),
        ("refused = \"guest-trapped\"", Verdict::Returned(json!(1)), Some("the call")),
        ("refused = \"guest-trapped\"\nrefused_says = \"scope of\"", refused(Code::GuestTrapped), None),
        (
            "refused = \"guest-trapped\"\nrefused_says = \"else\"",
            refused(Code::GuestTrapped),
            Some("refused, which says"),
        ),
    ] {
        let found = differences(&case(text), &Seen::default(), &verdict);
        assert_eq!(found.first().map(|found| found.at.as_str()), at, "{text} {verdict:?}");
    }
}

#[test]
fn requests_are_compared_in_order_and_what_is_missing_or_too_many_is_named() {
    let two = "[[case.request]]\nurl = \"/a\"\nreply = {}\n[[case.request]]\nurl = \"/b\"\nreply = {}\n";
    let a = || exchange(Method::Get, "https://x.example/a", Ok(200));
    let b = || exchange(Method::Get, "https://x.example/b", Ok(200));
    assert!(found(two, vec![a(), b()], &[]).is_empty());
    assert_eq!(found(two, vec![a()], &[]), ["request 2: GET /b / it was not made"]);
    assert_eq!(found(two, vec![b(), a()], &[]), ["request 1: GET /a / GET /b"]);
    assert_eq!(found(two, vec![a(), b(), a()], &[]), ["request 3: no such request / GET https://x.example/a"]);
    let any = format!("order = \"any\"\n{two}");
    assert!(found(&any, vec![b(), a()], &[]).is_empty());
    let other = exchange(Method::Post, "https://x.example/a", Ok(200));
    assert_eq!(
        found(&any, vec![other, b()], &[]),
        ["request 1: no such request / POST https://x.example/a", "request 1: GET /a / it was not made"]
    );
}

#[test]
fn headers_and_bodies_are_compared_in_part_or_whole() {
    for (text, differ) in [
        ("headers = { accept = \"a/b\" }", &[][..]),
        ("headers = { ACCEPT = \"a/c\" }", &["request 1 header accept: a/c / a/b"]),
        ("headers = { missing = \"a\" }", &["request 1 header missing: a / nothing"]),
        ("headers = { x = \"1\" }", &["request 1 header x: 1 / 1; 2"]),
        ("headers_exact = { accept = \"a/b\" }", &["request 1 header x: nothing / 1; 2"]),
        ("json = { title = \"t\", n = 1 }", &[]),
        ("json = { title = \"t\" }", &["request 1 body.n: nothing / 1"]),
        ("json_part = { title = \"t\" }", &[]),
        ("json_part = { title = \"u\" }", &["request 1 body.title: \"u\" / \"t\""]),
        ("body = ''", &["request 1 body: no body / {\"title\": \"t\", \"n\": 1}"]),
        ("body_base64 = \"/w==\"", &["request 1 body: 1 bytes that are no text / {\"title\": \"t\", \"n\": 1}"]),
    ] {
        let text = format!("[[case.request]]\nurl = \"/a\"\n{text}\nreply = {{}}\n");
        assert_eq!(found(&text, vec![exchange(Method::Get, "https://x.example/a", Ok(200))], &[]), differ, "{text}");
    }
}

#[test]
fn g5_what_came_of_a_request_is_compared_and_a_reason_steers_no_terminal() {
    let came = |came| vec![exchange(Method::Get, "https://x.example/a", came)];
    for (then, came, differ) in [
        ("reply = {}", came(Ok(500)), &[][..]),
        (
            "reply = {}",
            came(Err(Code::LeakStopped)),
            &["request 1: the reply comes to the tool / leak-stopped: why \\u{1b}[2J it was"],
        ),
        ("reply = {}\nrefused = \"leak-stopped\"", came(Err(Code::LeakStopped)), &[]),
        (
            "reply = {}\nrefused = \"leak-stopped\"",
            came(Ok(200)),
            &["request 1: refused with leak-stopped / status 200 came to the tool"],
        ),
        ("refused = \"path-not-granted\"\nrefused_says = \"it was\"", came(Err(Code::PathNotGranted)), &[]),
        ("reply = { fails = \"unreachable\" }", came(Err(Code::UpstreamUnreachable)), &[]),
        (
            "reply = { fails = \"timed-out\" }",
            came(Err(Code::UpstreamUnreachable)),
            &["request 1: the reply comes to the tool / upstream-unreachable: why \\u{1b}[2J it was"],
        ),
    ] {
        assert_eq!(found(&format!("[[case.request]]\nurl = \"/a\"\n{then}\n"), came, &[]), differ, "{then}");
    }
}

#[test]
fn lines_of_the_log_are_found_in_order() {
    let lines = ["one a", "two b", "three c"];
    assert!(found("log = [\"one\", \"three\"]", Vec::new(), &lines).is_empty());
    assert!(found("log = []", Vec::new(), &lines).is_empty());
    assert_eq!(
        found("log = [\"three\", \"one\"]", Vec::new(), &lines),
        ["log[1]: one / no such line in: one a | two b | three c"]
    );
    assert_eq!(found("log = [\"x\"]", Vec::new(), &[]), ["log[0]: x / no line at all"]);
}
