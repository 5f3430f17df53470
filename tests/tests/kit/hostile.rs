//! Hostile tools under test: they have the limits of a call, whatever their cases say.

use std::time::Duration;
use std::time::Instant;

use hotcell_tests::Cell;

use super::project;
use super::test;
use super::verdict;

const SERVICES: &str = "[service.upstream]\norigins = [\"https://api.example\"]\ndeny = [\"/api/admin/**\"]\n\
    scopes = { use = [\"GET,POST /api/**\"] }\n";

fn case(name: &str, arguments: &str, ends: &str) -> String {
    format!("[[case]]\nname = \"{name}\"\naction = \"{name}\"\ndeadline_seconds = 1\n{arguments}\n{ends}\n")
}

#[test]
fn loops_memory_traps_and_floods_end_as_in_a_call_and_the_next_case_runs() {
    let cell = Cell::new("ghp_");
    let cases = [
        case("spin", "", "refused = \"deadline-exceeded\""),
        case("recurse", "arguments = { depth = 100000000 }", "refused = \"guest-trapped\""),
        case("panic", "", "refused = \"guest-trapped\""),
        case("sleep", "arguments = { seconds = 60 }", "refused = \"deadline-exceeded\""),
        case("big-result", "arguments = { mebibytes = 40 }", "refused = \"result-too-large\""),
        case("fine", "", "returns = \"fine\""),
    ]
    .concat();
    let folder = project(&cell, &cases, SERVICES);
    let started = Instant::now();
    let ran = test(&cell, &folder, "hostile", &["--json"]);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    let report = ran.json();
    for (index, one) in report["cases"].as_array().unwrap().iter().enumerate() {
        assert!(one["name"] == "big-result" || one["passed"] == true, "{index}: {one}");
    }
    // Whichever of its limits a large result meets first, it is stopped.
    assert!(!verdict(&report, 4)["refused"].is_null(), "{report}");
}

#[test]
fn requests_of_a_case_are_denied_and_withheld_as_those_of_a_call() {
    let cell = Cell::new("ghp_");
    let ask = |name: &str, url: &str, then: &str, ends: &str| {
        format!(
            "[[case]]\nname = \"{name}\"\naction = \"ask\"\narguments = {{ method = \"GET\", url = \"{url}\", headers = [] }}\n\
             {ends}\n[[case.request]]\nurl = \"{url}\"\n{then}\n"
        )
    };
    let denied = "https://api.example/api/admin/x";
    let cases = [
        ask(
            "denied",
            denied,
            "refused = \"path-not-granted\"\nrefused_says = \"upstream always denies /api/admin/**\"",
            "fails_part = \"x\"",
        ),
        ask(
            "echo",
            "https://api.example/api/x",
            "reply = { body = \"{{credential}}\" }\nrefused = \"leak-stopped\"",
            "fails_part = \"x\"",
        ),
        ask(
            "base",
            "https://api.example/api/x",
            "reply = { headers = { x-y = \"{{credential}}\" } }\nrefused = \"leak-stopped\"",
            "fails_part = \"x\"",
        ),
        ask("elsewhere", "https://evil.example/", "reply = { body = \"never\" }", "fails_part = \"x\""),
    ]
    .concat();
    let folder = project(&cell, &cases, SERVICES);
    let report = test(&cell, &folder, "hostile", &["--json"]).exits(1).json();
    for (index, one) in report["cases"].as_array().unwrap().iter().enumerate() {
        assert!(!one["verdict"]["failed"].is_null(), "{index}: {one}");
        let at: Vec<_> =
            one["differences"].as_array().unwrap().iter().map(|found| found["at"].as_str().unwrap()).collect();
        // All is as written but the words of the tool's error; and nothing answers for what no rule allows.
        let wanted: &[&str] = if one["name"] == "elsewhere" { &["fails", "request 1"] } else { &["fails"] };
        assert_eq!(at, wanted, "{one}");
    }
    let refused = report["coverage"]["refused"].as_array().unwrap();
    let codes: Vec<_> = refused.iter().map(|one| one["refusal"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["path-not-granted", "leak-stopped", "leak-stopped", "origin-not-granted"]);
}

#[test]
fn g5_what_a_tool_says_steers_no_terminal() {
    let cell = Cell::new("ghp_");
    let cases = "[[case]]\nname = \"says\"\naction = \"say\"\narguments = { text = \"a\\u001b[2J\\u202Eb\" }\nreturns = \"other\"\n";
    let folder = project(&cell, cases, SERVICES);
    let ran = test(&cell, &folder, "hostile", &[]).exits(1);
    assert!(ran.stdout.contains("log: ") && ran.stdout.contains("\\u{1b}"), "{}", ran.stdout);
    assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.stdout);
    let json = test(&cell, &folder, "hostile", &["--json"]).exits(1);
    assert!(!json.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", json.stdout);
}
