//! What happens while a call runs: a person signs out, takes a grant back, changes what a service is, stops the call.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::process::Child;
use std::time::Duration;
use std::time::Instant;

use hotcell_protocol::Code;
use hotcell_tests::Embedded;
use hotcell_tests::Ran;
use hotcell_tests::Raw;
use hotcell_tests::Scene;
use serde_json::Value;
use serde_json::json;

/// A server that takes its time before it gives the token away.
async fn slow(answer: fn(&str) -> Vec<u8>) -> Scene {
    Scene::new(move |_, token| {
        std::thread::sleep(Duration::from_millis(1500));
        answer(token)
    })
    .await
}

const ASK: [&str; 5] = ["call", "hostile", "ask", "--json", "-"];

fn start(scene: &Scene, args: &[&str], arguments: &Value) -> Child {
    use std::io::Write as _;
    let mut child = scene.cell.command(args).spawn().unwrap();
    child.stdin.take().unwrap().write_all(arguments.to_string().as_bytes()).unwrap();
    let started = Instant::now();
    while scene.upstream.connections() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "nothing was sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn end(scene: &Scene, args: &[&str], child: Child) -> Ran {
    scene.cell.keep(args, child.wait_with_output().unwrap())
}

fn audit(scene: &Scene) -> Vec<Value> {
    let text = std::fs::read_to_string(scene.cell.places().state.join("audit/audit.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_a_token_that_is_signed_out_while_a_server_is_about_to_echo_it_is_still_withheld() {
    for out in [&["auth", "logout", "upstream"][..], &["auth", "set", "upstream", "--scope", "use"]] {
        let scene = slow(|token| Raw::ok(format!("Bearer {token}"))).await;
        drop(scene.open());
        let child = start(&scene, &ASK, &scene.arguments("get", "/api/x", &[], None));
        scene.cell.hotcell_with(out, "another-token-0123456789abcdef", &[]).exits(0);
        end(&scene, &ASK, child).exits(1).says("leak-stopped");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn j10_a_grant_that_is_taken_back_ends_the_requests_of_a_running_call() {
    for taken in [&["revoke", "hostile"][..], &["remove", "hostile"]] {
        let scene = Scene::new(|_, _| {
            std::thread::sleep(Duration::from_millis(200));
            Raw::ok("fine")
        })
        .await;
        drop(scene.open());
        let args = ["call", "hostile", "ask-often", "--json", "-"];
        let child = start(&scene, &args, &json!({"url": scene.url("/api/x"), "times": 20}));
        scene.cell.hotcell(taken).exits(0);
        let ran = end(&scene, &args, child).exits(0).says("tool-not-trusted");
        let counts = ran.json();
        assert!(counts.as_array().unwrap().iter().any(|count| count[0] != "200"), "{counts}");
        assert!(scene.upstream.seen().len() < 15, "{} requests", scene.upstream.seen().len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_stopped_is_on_record_with_what_it_sent() {
    for signal in ["-INT", "-TERM"] {
        let scene = slow(|_| Raw::ok("fine")).await;
        drop(scene.open());
        let child = start(&scene, &ASK, &scene.arguments("post", "/api/x", &[], Some("data")));
        std::thread::sleep(Duration::from_millis(100));
        assert!(std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        end(&scene, &ASK, child).exits(5).says("the call was stopped");
        let lines = audit(&scene);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!((&lines[0]["given_up"], &lines[0]["attempts"]), (&json!(true), &json!(1)));
        assert_eq!((&lines[0]["scope"], &lines[1]["verdict"]), (&json!("use"), &json!("given-up")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i9_a_service_that_leads_elsewhere_than_a_person_meant_gets_no_token() {
    let scene = Scene::new(|_, _| Raw::ok("fine")).await;
    drop(scene.open());
    let other = hotcell_tests::Upstream::start(|_| Raw::ok("mine")).await;
    let cell = &scene.cell;
    cell.config(&format!(
        "[service.upstream]\norigins = [\"{}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n",
        other.origin()
    ));
    let url = format!("{}/api/x", other.origin());
    let arguments = json!({"method": "get", "url": url, "headers": [], "body": null}).to_string();
    cell.hotcell_with(&ASK, &arguments, &[])
        .exits(4)
        .says("its description changed")
        .says("hotcell auth signin upstream");
    assert_eq!(other.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_a_request_with_a_token_in_it_ends_the_call_without_an_answer_and_suspends_the_tool() {
    let scene = Scene::new(|_, _| Raw::ok("fine")).await;
    let hotcell = scene.open();
    let token = scene.cell.canary().token().to_owned();
    let joined = |token: &str| {
        let (before, after) = token.split_at(token.len() / 2);
        json!({"url": scene.url("/api/x"), "parts": [after, before]})
    };
    // A wrong guess is a request like any other.
    let mut wrong = token.clone();
    let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
    wrong.push(last);
    hotcell.returns("hostile", "ask-joined", joined(&wrong)).await;
    // The right one ends the call: no error reaches the guest, which could tell it from a refusal.
    hotcell.is_stopped("hostile", "ask-joined", joined(&token), Code::LeakStopped).await;
    assert_eq!(scene.upstream.seen().len(), 1);
    let called = hotcell.call("hostile", "ask-joined", joined(&wrong)).await.unwrap();
    assert!(called.refusals[0].message.contains("suspended"), "{called:?}");
    // Where policy says no, whether it held a secret makes no difference.
    let elsewhere = |token: &str| {
        let (before, after) = token.split_at(token.len() / 2);
        json!({"url": "https://elsewhere.example/x", "parts": [after, before]})
    };
    let answers = [&token, &wrong].map(|token| hotcell.call("hostile", "ask-joined", elsewhere(token)));
    let [right, wrong] = answers;
    let (right, wrong) = (right.await.unwrap(), wrong.await.unwrap());
    assert_eq!(right.outcome.verdict, wrong.outcome.verdict);
    assert_eq!(right.refusals, wrong.refusals);
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_an_agent_that_guesses_by_arguments_has_three_guesses_that_hit() {
    let scene = Scene::new(|_, _| Raw::ok("fine")).await;
    let hotcell = scene.open();
    let paste = || hotcell.call("hostile", "say", json!({"text": scene.cell.canary().token()}));
    for _ in 0..2 {
        assert!(paste().await.unwrap_err().message.contains("arguments hold a credential"));
    }
    assert!(paste().await.unwrap_err().message.contains("suspended"));
    let harmless = hotcell.call("hostile", "say", json!({"text": "harmless"})).await.unwrap_err();
    assert!(harmless.message.contains("suspended"), "{harmless:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_can_shorten_the_operators_deadline_and_not_lengthen_it() {
    let scene = Scene::new(|_, _| Raw::ok("fine")).await;
    let hotcell: Embedded<'_> = scene.open_with("[limits]\ndeadline_seconds = 1\n");
    let started = Instant::now();
    let long = Some(Duration::from_secs(60));
    let called = hotcell.call_within("hostile", "sleep", json!({"seconds": 30}), long).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(3), "{called:?}");
    scene.cell.hotcell(&["call", "hostile", "fine", "--timeout", "5"]).exits(6).says("limits.deadline_seconds");
    scene.cell.hotcell(&["call", "hostile", "fine", "--timeout", "1"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_a_tools_own_error_cannot_steer_the_terminal() {
    let scene = Scene::new(|_, _| Raw::ok("fine")).await;
    drop(scene.open());
    let text = json!({"text": "a\u{9b}2J\u{202e}b\u{1b}[0m"}).to_string();
    let ran = scene.cell.hotcell(&["call", "hostile", "fail", "--json", &text]).exits(1).says("returned its own error");
    assert!(!ran.stderr.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{:?}", ran.stderr);
}

/// Whoever starts the command and does not read its standard error must not keep it from ending.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_reads_nothing_does_not_hold_the_call() {
    let scene = Scene::new(|_, _| Raw::ok("fine")).await;
    drop(scene.open());
    let mut command = scene.cell.command(&["call", "hostile", "flood-log", "--arg", "lines=1000", "--timeout", "5"]);
    let mut child = command.env("HOTCELL_LOG", "error").spawn().unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < Duration::from_secs(15), "it hangs");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
}
