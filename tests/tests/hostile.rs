//! Guests that take more than they are given: each ends in its own clear error within its limit, and the next call works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::time::Duration;
use std::time::Instant;

use hotcell_protocol::Code;
use hotcell_protocol::Verdict;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use serde_json::Value;
use serde_json::json;

const CONFIG: &str = "[service.upstream]\norigins = [\"https://upstream.example\"]\nscopes = { use = [\"GET /**\"] }\n\
                      [limits]\ncpu_seconds = 1\ndeadline_seconds = 5\n";

/// Stops one call, in bounded time, and sees that the next one works.
async fn stops(action: &str, arguments: Value, code: Code) {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, CONFIG);
    hotcell.install("hostile", None);
    let started = Instant::now();
    hotcell.is_stopped("hostile", action, arguments, code).await;
    assert!(started.elapsed() < Duration::from_secs(6), "{action} took {:?}", started.elapsed());
    assert_eq!(hotcell.returns("hostile", "fine", json!({})).await, "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_a_loop_for_ever() {
    stops("spin", json!({}), Code::DeadlineExceeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_a_sleep_without_end() {
    stops("sleep", json!({"seconds": 3600}), Code::DeadlineExceeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m1_memory_without_end() {
    stops("grow", json!({}), Code::MemoryExceeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_recursion_without_end() {
    stops("recurse", json!({"depth": 0}), Code::GuestTrapped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m8_a_result_of_a_gibibyte() {
    stops("big-result", json!({"mebibytes": 1024}), Code::MemoryExceeded).await;
    // What fits into the guest's memory and not into a result.
    stops("big-result", json!({"mebibytes": 20}), Code::ResultTooLarge).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_a_panic_and_an_exit() {
    stops("panic", json!({}), Code::GuestTrapped).await;
    stops("leave", json!({"status": true}), Code::GuestTrapped).await;
    stops("leave", json!({"status": false}), Code::GuestTrapped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_sockets_that_are_linked_for_a_runtime_s_sake_do_nothing() {
    let cell = Cell::new("up_");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let hotcell = Embedded::new(&cell, CONFIG);
    hotcell.install("hostile", None);
    for (action, arguments) in [
        ("connect", json!({"address": address})),
        ("connect", json!({"address": "1.1.1.1:443"})),
        ("look-up", json!({"name": "collect.example"})),
        ("look-up", json!({"name": "localhost"})),
    ] {
        let result = hotcell.returns("hostile", action, arguments.clone()).await;
        assert!(result.as_str().unwrap().starts_with("failed: "), "{action} {arguments}: {result}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_a5_there_is_nothing_around_the_guest() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, CONFIG);
    hotcell.install("hostile", None);
    assert_eq!(hotcell.returns("hostile", "surroundings", json!({})).await, r#"[] [] None "" true"#);
    let store = cell.places().state.join("auth/store.json.enc").display().to_string();
    for path in ["/etc/passwd", "/proc/self/environ", "/proc/self/mem", ".", "/", "../..", &store] {
        let result = hotcell.returns("hostile", "read-file", json!({"path": path})).await;
        assert!(result.as_str().unwrap().starts_with("failed: "), "{path}: {result}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_call_sees_nothing_of_the_call_before() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, CONFIG);
    hotcell.install("hostile", None);
    for _ in 0..3 {
        assert_eq!(hotcell.returns("hostile", "count", json!({})).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn m11_m12_floods_of_lines_are_bounded_and_counted() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, CONFIG);
    hotcell.install("hostile", None);
    let called = hotcell.call("hostile", "flood-log", json!({"lines": 5000})).await.unwrap();
    let cost = called.outcome.cost;
    assert_eq!((cost.log_lines, cost.log_dropped), (1000, 4000));
    let called = hotcell.call("hostile", "flood-output", json!({"mebibytes": 32})).await.unwrap();
    assert!(called.outcome.cost.log_lines <= 1000);
    let before = hotcell.lines.all().len();
    hotcell.returns("hostile", "flood-progress", json!({"reports": 100_000})).await;
    assert!(hotcell.lines.all().len() - before < 100, "{}", hotcell.lines.all().len() - before);
}

#[tokio::test(flavor = "multi_thread")]
async fn o4_terminal_escapes_and_bidi_controls_do_not_reach_the_log() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, CONFIG);
    hotcell.install("hostile", None);
    hotcell.returns("hostile", "say", json!({"text": "a\u{1b}[2J\u{202e}b\u{7}"})).await;
    let lines = hotcell.lines.all();
    assert!(lines.len() >= 3, "log, standard output, standard error: {lines:?}");
    for line in lines {
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}

/// What is refused before anything is compiled, by the command itself.
#[test]
fn files_that_are_no_tools_each_have_their_own_error() {
    let cell = Cell::new("up_");
    cell.config(CONFIG);
    let manifest = "name = \"bad\"\nversion = \"1\"\n";
    let whole = std::fs::read(hotcell_tests::programs::guest("hostile")).unwrap();
    let text = |wat: &str| wat::parse_str(wat).unwrap();
    let importing = |name: &str| {
        text(&format!(
            r#"(component (import "{name}" (instance)) (core module $m (func (export "run")))
            (core instance $i (instantiate $m)) (func (export "run") (canon lift (core func $i "run"))))"#
        ))
    };
    let cases: [(&str, Vec<u8>, &str, &str); 8] = [
        ("core", text("(module (func (export \"run\")))"), "bad-component", "core WebAssembly module"),
        ("cut", whole[..whole.len() / 2].to_vec(), "bad-component", "hint: "),
        ("empty", Vec::new(), "bad-component", "hint: "),
        ("text", b"hello".to_vec(), "bad-component", "hint: "),
        ("sockets", importing("wasi:sockets/tcp@0.2.0"), "import-not-allowed", "wasi:sockets/tcp"),
        ("http", importing("wasi:http/outgoing-handler@0.2.0"), "import-not-allowed", "hotcell:tool/http"),
        ("unknown", importing("evil:corp/backdoor@1.0.0"), "import-not-allowed", "evil:corp/backdoor"),
        ("nothing", text("(component)"), "bad-component", "hint: "),
    ];
    for (name, bytes, code, said) in cases {
        let file = cell.path().join(format!("{name}.wasm"));
        std::fs::write(&file, bytes).unwrap();
        std::fs::write(file.with_extension("toml"), manifest).unwrap();
        let ran = cell.hotcell(&["install", "--yes", &file.display().to_string()]).says(code).says(said).says("hint: ");
        assert!(matches!(ran.code, 3 | 6), "{name}: {ran:?}");
    }
    cell.hotcell(&["list"]).exits(0).says("no tool is installed");
    cell.install("hostile");
    assert_eq!(cell.hotcell(&["call", "hostile", "fine"]).exits(0).json(), json!("fine"));
}

#[test]
fn a_guest_that_is_stopped_has_its_own_exit_code_and_two_lines() {
    let cell = Cell::new("up_");
    cell.config(CONFIG);
    cell.install("hostile");
    cell.hotcell(&["call", "hostile", "spin"]).exits(5).says("deadline-exceeded").says("hint: ");
    cell.hotcell(&["call", "hostile", "grow"]).exits(5).says("memory-exceeded").says("hint: ");
    cell.hotcell(&["call", "hostile", "spin", "--timeout", "1"]).exits(5).says("deadline-exceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn g13_an_argument_with_a_credential_is_refused_and_a_result_with_one_is_withheld() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, CONFIG);
    hotcell.sign_in("upstream", &["use"]);
    hotcell.install("hostile", None);
    let token = cell.canary().token().to_owned();
    let refusal = hotcell.call("hostile", "say", json!({"text": token})).await.unwrap_err();
    assert_eq!(refusal.code, Code::LeakStopped);
    // What does not hold the token is said on every channel.
    let said = hotcell.call("hostile", "say", json!({"text": "harmless"})).await.unwrap();
    assert_eq!(said.outcome.verdict, Verdict::Returned(json!("harmless")));
}

#[tokio::test(flavor = "multi_thread")]
async fn e11_a_result_with_a_credential_is_withheld_wherever_the_tool_had_it_from() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, CONFIG);
    // With something granted: for an action that reaches nothing outside, the store is not even opened.
    let manifest = "name = \"hostile\"\nversion = \"1\"\ninert_imports = [\"wasi:sockets\"]\n\
                    [actions.big-result]\nservices = { upstream = [\"use\"] }\n";
    hotcell.install("hostile", Some(manifest));
    assert!(hotcell.returns("hostile", "big-result", json!({"mebibytes": 1})).await.is_string());
    // A token that the tool can make by itself: no server, no argument is needed to have it in the result.
    hotcell.host.sign_in("upstream", "x".repeat(40), &["use".to_owned()], None).unwrap();
    hotcell.is_stopped("hostile", "big-result", json!({"mebibytes": 1}), Code::LeakStopped).await;
}
