//! Floods over MCP: ten thousand calls at once, and clients that ask and do not read. The server stays up, its memory stays
//! bounded, and whoever reads gets every answer.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may panic, and prepare files"
)]

use std::collections::HashSet;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::time::Duration;

use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use hotcell_tests::memory::kib;
use serde_json::Value;
use serde_json::json;

/// Calls of a flood.
const CALLS: u64 = 10_000;
/// Memory that the server may need at most in any flood, in MiB; a debug build needs some dozens at rest.
const MOST_MIB: u64 = 512;

fn cell() -> Cell {
    // Without a log: at TRACE the SDK writes each message several times, and the log would be the flood.
    let cell = Cell::quiet();
    cell.config("[service.upstream]\norigins = [\"http://127.0.0.1:9\"]\nscopes = { use = [\"GET /api/**\"] }\n");
    cell.sign_in("upstream", &["use"]);
    cell.install("hostile");
    cell
}

fn asked(id: u64, method: &str, params: Value) -> String {
    let params = Revision::July2026.with_meta(params, &json!({}));
    format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// The most memory that a process had so far, in MiB.
fn peak_mib(process: u32) -> u64 {
    kib(&process.to_string(), "VmHWM").unwrap() / 1024
}

#[test]
fn ten_thousand_calls_in_flight_are_all_answered_in_bounded_memory() {
    let cell = cell();
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    let slow = json!({"name": "hostile_sleep", "arguments": {"seconds": 1}});
    let ids: Vec<_> = (0..CALLS).map(|_| agent.begin("tools/call", slow.clone())).collect();
    let mut answers = HashSet::new();
    for id in ids {
        let answer = agent.answer(id);
        let code = answer["result"]["_meta"]["hotcell/refusal"]["code"].as_str().unwrap_or("ran").to_owned();
        answers.insert(code);
    }
    assert!(answers.contains("ran") && answers.contains("too-many-requests"), "{answers:?}");
    assert!(answers.len() == 2, "{answers:?}");
    let peak = peak_mib(agent.process());
    assert!(peak < MOST_MIB, "{peak} MiB");
    assert_eq!(agent.call("hostile_fine", json!({}))["result"]["structuredContent"]["result"], "fine");
}

#[test]
fn a_client_that_asks_and_does_not_read_costs_bounded_memory_and_gets_every_answer_later() {
    let cell = cell();
    let mut child = cell.command(&["serve"]).spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    let log = std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).collect::<Vec<_>>());
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // The server may stop reading before the end: then this waits, as a client would.
        for id in 0..CALLS {
            if input.write_all(asked(id, "tools/list", json!({})).as_bytes()).is_err() {
                return id;
            }
        }
        drop(input);
        CALLS
    });
    std::thread::sleep(Duration::from_secs(5));
    let peak = peak_mib(child.id());
    let mut seen = HashSet::new();
    let stdout = child.stdout.take().unwrap();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer["result"]["tools"].is_array(), "{answer}");
        seen.insert(answer["id"].as_u64().unwrap());
    }
    let code = child.wait().unwrap().code();
    let log = log.join().unwrap();
    assert_eq!((writer.join().unwrap(), code), (CALLS, Some(0)), "{:?}", log.last());
    assert!(peak < MOST_MIB, "{peak} MiB while nobody read");
    assert_eq!(seen.len() as u64, CALLS);
}

#[test]
fn readers_that_stop_in_the_middle_of_an_answer_hold_up_nobody_else() {
    let cell = cell();
    let server = Serving::start(&cell, &[]);
    let body = asked(1, "tools/list", json!({}));
    let mut lines = server.lines(&["MCP-Protocol-Version: 2026-07-28".into(), "Mcp-Method: tools/list".into()]);
    lines.push(format!("Content-Length: {}", body.len()));
    let one = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
    // Each asks many times on one connection, and reads nothing: the answers fill what the system keeps for it.
    let held: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = server.connect();
            stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            let _sent = (0..300).take_while(|_| stream.write_all(one.as_bytes()).is_ok()).count();
            stream
        })
        .collect();
    let got = server.ask("tools/call", json!({"name": "hostile_fine", "arguments": {}}), &json!({}));
    assert_eq!(got.answer()["result"]["structuredContent"]["result"], "fine", "{got:?}");
    let peak = peak_mib(server.process());
    assert!(peak < MOST_MIB, "{peak} MiB");
    drop(held);
}
