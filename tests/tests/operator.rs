//! What a person who runs tools has: the audit record, explanations, narrower grants, suspension and its end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell_tests::Raw;
use hotcell_tests::Scene;
use serde_json::Value;
use serde_json::json;

fn ask(scene: &Scene, path: &str) -> (i32, String) {
    let arguments = scene.arguments("get", path, &[], None).to_string();
    let ran = scene.cell.hotcell_with(&["call", "hostile", "ask", "--json", "-"], &arguments, &[]);
    (ran.code, ran.stderr)
}

#[test]
fn e12_a_tool_is_suspended_over_processes_and_only_a_person_lets_it_work_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scene = runtime
        .block_on(Scene::new(|seen, token| if seen.head.contains("/leak") { Raw::ok(token) } else { Raw::ok("fine") }));
    drop(scene.open());
    for _ in 0..3 {
        assert_eq!(ask(&scene, "/api/fine").0, 0);
        let (code, said) = ask(&scene, "/api/leak");
        assert!(code == 1 && said.contains("leak-stopped"), "{code} {said}");
    }
    let (code, said) = ask(&scene, "/api/fine");
    assert!(code == 1 && said.contains("hostile is suspended for upstream"), "{code} {said}");
    assert_eq!(scene.upstream.seen().len(), 6, "a suspended tool sent a request");
    let cell = &scene.cell;
    cell.hotcell(&["list"]).exits(0);
    assert!(cell.hotcell(&["list"]).stdout.contains("suspended"), "the list does not say it");
    cell.hotcell(&["explain", "hostile", &scene.url("/api/fine")]).says("hotcell resume hostile");
    cell.hotcell(&["resume", "hostile"]).exits(0).says("forgotten");
    assert_eq!(ask(&scene, "/api/fine").0, 0);
}

#[test]
fn the_record_is_shown_filtered_and_as_json() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::new(|_, _| Raw::ok("fine")));
    drop(scene.open());
    let cell = &scene.cell;
    cell.hotcell(&["audit"]).exits(0).says("nothing is on record");
    ask(&scene, "/api/secret-path");
    ask(&scene, "/elsewhere");
    let shown = cell.hotcell(&["audit"]).exits(0).stdout;
    for text in ["hostile.ask", "GET upstream/use", "path-not-granted", &scene.upstream.origin()] {
        assert!(shown.contains(text), "no {text} in {shown}");
    }
    assert!(!shown.contains("secret-path"), "{shown}");
    let denied = cell.hotcell(&["audit", "--denied", "--json"]).exits(0).stdout;
    let denied: Vec<Value> = denied.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["refused"], "path-not-granted");
    assert!(cell.hotcell(&["audit", "--tool", "nobody"]).exits(0).stdout.is_empty());
    assert_eq!(cell.hotcell(&["audit", "--json", "-n", "2"]).stdout.lines().count(), 2);
}

#[test]
fn a_decision_is_explained_without_sending_anything() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::new(|_, _| Raw::ok("fine")));
    drop(scene.open());
    let cell = &scene.cell;
    let explain =
        |url: &str, method: &str| cell.hotcell(&["explain", "hostile", url, method, "--action", "ask", "--json"]);
    let allowed = explain(&scene.url("/api/x"), "GET").exits(0).json();
    let decision = &allowed["decisions"][0];
    assert_eq!(
        (&decision["allowed"], &decision["scope"], &decision["token"]),
        (&json!(true), &json!("use"), &json!("there"))
    );
    for (url, code) in [
        (scene.url("/api/admin/x"), "path-not-granted"),
        (scene.url("/other"), "path-not-granted"),
        (scene.url("/api/../x"), "bad-request"),
        ("https://elsewhere.example/".to_owned(), "origin-not-granted"),
    ] {
        let refused = explain(&url, "GET").exits(3).json();
        assert_eq!(refused["decisions"][0]["refusal"]["code"], code, "{url}");
        assert!(!refused["decisions"][0]["refusal"]["hint"].as_str().unwrap().is_empty());
    }
    explain(&scene.url("/api/x"), "TRACE").exits(6);
    assert_eq!(scene.upstream.connections(), 0);
}

#[test]
fn j10_what_is_taken_from_a_grant_is_gone_at_once_and_no_more_than_was_asked_for_comes_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::new(|_, _| Raw::ok("fine")));
    drop(scene.open());
    let cell = &scene.cell;
    assert_eq!(ask(&scene, "/api/x").0, 0);
    cell.hotcell(&["revoke", "hostile", "--action", "ask", "--service", "upstream", "--scope", "use"]).exits(0);
    let (code, said) = ask(&scene, "/api/x");
    assert!(code == 1 && said.contains("origin-not-granted"), "{code} {said}");
    let other = json!({"url": scene.url("/api/x"), "times": 1}).to_string();
    cell.hotcell(&["call", "hostile", "ask-often", "--json", &other]).exits(0);
    cell.hotcell(&["grant", "hostile"]).exits(0);
    assert_eq!(ask(&scene, "/api/x").0, 0);
    cell.hotcell(&["revoke", "hostile"]).exits(0);
    assert_eq!(ask(&scene, "/api/x").0, 1);
    cell.hotcell(&["revoke", "nobody"]).exits(6).says("unknown-tool");
    cell.hotcell(&["revoke", "hostile", "--scope", "use"]).exits(2);
}
