//! Clients that vanish at a thousand random points: in the middle of a request, of a call, of an answer. What they began is
//! stopped, nothing that they used stays open, and the next call works.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they measured, and prepare files"
)]

use std::io::Read as _;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use hotcell_tests::Cell;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use hotcell_tests::memory::descriptors;
use hotcell_tests::memory::kib;
use serde_json::Value;
use serde_json::json;

/// Points at which a client over HTTP vanishes.
const POINTS: u64 = 1_000;
/// Those before anything is measured: threads, buffers and the compiled tool are there afterwards.
const FIRST: u64 = 100;
/// Points at which a client over stdio vanishes, each with a server of its own.
const PROCESSES: u64 = 30;
/// How long the whole of the first may take, in a debug build.
const MOST: Duration = Duration::from_secs(60);
/// What the server's memory may grow by meanwhile; a kept request and its call would be some dozens of KiB each.
const MOST_KIB: u64 = 8 * 1024;
/// What the broker has open for a worker: its socket thrice, and its process.
const WORKER_FILES: usize = 4;
/// Longer than the test: a call that nobody stops would still run at its end.
const SECONDS: u64 = 50;

fn cell() -> Cell {
    let cell = Cell::quiet();
    cell.config("[service.upstream]\norigins = [\"http://127.0.0.1:9\"]\nscopes = { use = [\"GET /api/**\"] }\n");
    cell.sign_in("upstream", &["use"]);
    cell.install("hostile");
    cell
}

/// A random number below this.
fn below(end: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes) % end
}

fn sleep() -> Value {
    json!({"name": "hostile_sleep", "arguments": {"seconds": SECONDS}, "_meta": {"progressToken": 1}})
}

/// A whole request over HTTP.
fn request(server: &Serving<'_>, method: &str, params: Value) -> Vec<u8> {
    let params = Revision::July2026.with_meta(params, &json!({}));
    let name = params["name"].as_str().map(|name| format!("Mcp-Name: {name}"));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut lines = server.lines(&["MCP-Protocol-Version: 2026-07-28".into(), format!("Mcp-Method: {method}")]);
    lines.extend(name);
    lines.push(format!("Content-Length: {}", body.len()));
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}

/// One client, and the point at which it vanishes.
fn vanish(server: &Serving<'_>, call: &[u8], list: &[u8], answer: u64) {
    let mut stream = server.connect();
    let cut = usize::try_from(below(call.len() as u64 + 1)).unwrap();
    match below(4) {
        0 => stream.write_all(&call[..cut]).unwrap(),
        1 => {
            stream.write_all(&call[..cut]).unwrap();
            std::thread::sleep(Duration::from_millis(below(5)));
        }
        // While its call runs.
        2 => {
            stream.write_all(call).unwrap();
            std::thread::sleep(Duration::from_millis(below(40)));
        }
        // In the middle of an answer.
        _ => {
            stream.write_all(list).unwrap();
            // Or at its end: one answer is some bytes shorter than another.
            let read = (&mut stream).take(below(answer)).read_to_end(&mut Vec::new());
            assert!(read.is_ok());
        }
    }
}

fn fine(server: &Serving<'_>) -> bool {
    let got = server.ask("tools/call", json!({"name": "hostile_fine", "arguments": {}}), &json!({}));
    got.answer()["result"]["structuredContent"]["result"] == "fine"
}

/// Waits until the server has no more files open than this.
fn settles(server: &Serving<'_>, wanted: usize) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if descriptors(server.process()).unwrap() <= wanted {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn clients_that_vanish_at_a_thousand_random_points_leave_nothing_behind() {
    let cell = cell();
    let mut server = Serving::start(&cell, &[]);
    let (call, list) = (request(&server, "tools/call", sleep()), request(&server, "tools/list", json!({})));
    assert!(fine(&server));
    let answer = server.ask("tools/list", json!({}), &json!({}));
    let answer = (answer.head.len() + answer.body.len()) as u64;
    // A worker for each core may stay, and was not yet needed.
    let further_workers = std::thread::available_parallelism().unwrap().get() - 1;
    let at_rest = descriptors(server.process()).unwrap() + further_workers * WORKER_FILES;
    (0..FIRST).for_each(|_| vanish(&server, &call, &list, answer));
    assert!(fine(&server) && settles(&server, at_rest));
    let memory = || kib(&server.process().to_string(), "VmRSS").unwrap();
    let (before, began) = (memory(), Instant::now());
    for point in 0..POINTS {
        vanish(&server, &call, &list, answer);
        assert!(point % 100 != 0 || fine(&server), "after {point}");
    }
    assert!(fine(&server));
    assert!(settles(&server, at_rest), "{at_rest} open files at rest, now {:?}", descriptors(server.process()));
    let (took, grown) = (began.elapsed(), memory().saturating_sub(before));
    println!("{POINTS} points in {took:?}; memory {before} KiB, and {grown} KiB more");
    assert!(took < MOST && grown < MOST_KIB, "{took:?}, {grown} KiB more than {before} KiB");

    // What runs keeps the server from ending for ten seconds: nothing does.
    let told = Instant::now();
    Command::new("kill").arg(server.process().to_string()).status().unwrap();
    assert_eq!(server.wait(), 0);
    assert!(told.elapsed() < Duration::from_secs(5), "a call still ran: {:?}", told.elapsed());
    let record = std::fs::read_to_string(cell.places().state.join("audit/audit.jsonl")).unwrap();
    let given_up = record.lines().filter(|line| line.contains("\"given-up\"")).count();
    assert!(given_up > 200, "the test is vacuous: {given_up} calls were stopped");
}

#[test]
fn a_client_over_stdio_that_vanishes_at_a_random_point_takes_its_server_with_it() {
    let cell = cell();
    let messages = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": Revision::June2025.initialize(&json!({}))}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": sleep()}),
    ];
    let whole: String = messages.iter().map(|message| format!("{message}\n")).collect();
    let mut ended = Vec::new();
    for _ in 0..PROCESSES {
        let mut child = cell.command(&["serve"]).spawn().unwrap();
        let cut = usize::try_from(below(whole.len() as u64 + 1)).unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&whole.as_bytes()[..cut]).unwrap();
        std::thread::sleep(Duration::from_millis(below(400)));
        // All ends of it at once, as when a process is killed.
        drop((input, child.stdout.take(), child.stderr.take()));
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
                panic!("after {cut} of {} bytes the server goes on without a client", whole.len());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        ended.push(began.elapsed());
    }
    println!("{PROCESSES} servers ended, the slowest {:?} after its client", ended.iter().max().unwrap());
    // The state is whole: the next client works.
    let mut agent = hotcell_tests::Agent::start(&cell, Revision::June2025, json!({}));
    assert_eq!(agent.call("hostile_fine", json!({}))["result"]["structuredContent"]["result"], "fine");
}
