//! `cargo x bench`: what a call costs, against the limit under it, measured in one run.
//!
//! Interleaved: raw wasmtime (pooling, epochs, WASI linked, a fresh store and instance each time), the sandbox alone, and the
//! whole call as an embedding program makes it (catalog, policy, sandbox, audit record). Then whole processes, and memory.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement, not the product"
)]

use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use hotcell::Isolation;
use hotcell_gate::Gate;
use hotcell_gate::StrikesInMemory;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Imports;
use hotcell_protocol::Limits;
use hotcell_protocol::Outside;
use hotcell_protocol::Verdict;
use hotcell_sandbox::Options;
use hotcell_sandbox::Sandbox;
use hotcell_tests::Canary;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::bench;
use hotcell_tests::bench::Nothing;
use hotcell_tests::bench::Raw;
use hotcell_tests::bench::Report;
use hotcell_tests::bench::Spread;
use hotcell_tests::memory::kib;
use hotcell_tests::programs;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use serde_json::Value;
use serde_json::json;

/// Calls of each kind, after as many again to warm up.
const CALLS: usize = 2_000;
/// Whole processes of each kind.
const PROCESSES: usize = 20;
/// The tool: Rust with plain wit-bindgen, 95 KB. `nothing` returns at once, `echo` returns its argument.
const TOOL: &str = "by-hand";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cell = Cell::quiet().isolated(Isolation::None);
    let mut report = Report::new("figures");
    runtime.block_on(calls(&cell, &mut report));
    processes(&cell, &mut report);
    scan(&mut report);
    report.finish();
}

async fn calls(cell: &Cell, report: &mut Report) {
    let before = resident();
    let hotcell = Embedded::new(cell, CONFIG);
    hotcell.install(TOOL, None);
    tokio::time::sleep(bench::SETTLED).await;
    let raw = Raw::new(TOOL);
    let sandbox = Sandbox::new(&Options::default()).unwrap();
    let tool = sandbox.load(&std::fs::read(programs::guest(TOOL)).unwrap(), &Imports::NONE).unwrap();
    let outside: Arc<dyn Outside> = Arc::new(Nothing);

    for (name, action, arguments) in [
        ("no-op", "nothing", json!({})),
        ("echo of 1 KB", "echo", json!({"value": "x".repeat(1024)})),
        ("echo of 100 KB", "echo", json!({"value": "x".repeat(100 * 1024)})),
    ] {
        let expected = arguments.get("value").cloned().unwrap_or(Value::Null);
        let mut times = [const { Vec::new() }; 3];
        for round in 0..2 * CALLS {
            let started = Instant::now();
            raw.call(action, &expected).await;
            let one = started.elapsed();

            let request =
                CallRequest { action: action.into(), arguments: arguments.clone(), limits: Limits::default() };
            let started = Instant::now();
            let outcome = sandbox.call(&tool, request, Arc::clone(&outside)).await;
            let two = started.elapsed();
            assert_eq!(outcome.verdict, Verdict::Returned(expected.clone()));

            let request = hotcell::Request {
                tool: TOOL.into(),
                action: action.into(),
                arguments: arguments.clone(),
                deadline: None,
            };
            let started = Instant::now();
            let called = hotcell::call(&hotcell.host, request, Arc::new(hotcell::Unwatched)).await.unwrap();
            let three = started.elapsed();
            assert_eq!(called.outcome.verdict, Verdict::Returned(expected.clone()));
            if round >= CALLS {
                times.iter_mut().zip([one, two, three]).for_each(|(times, time)| times.push(time));
            }
        }
        let [raw, sandbox, whole] = times.map(Spread::of);
        report.times(&format!("{name}: raw wasmtime, fresh store and instance"), raw);
        report.times(&format!("{name}: Sandbox::call"), sandbox);
        report.times(&format!("{name}: hotcell::call in process (catalog, policy, record)"), whole);
        report.ratio(&format!("{name}: Sandbox::call ÷ raw"), sandbox, raw);
        report.ratio(&format!("{name}: hotcell::call ÷ raw"), whole, raw);
    }
    if let (Some(before), Some(now)) = (before, resident()) {
        report.value("memory of this process before", before, "MiB");
        report.value("memory of this process after all of the above", now, "MiB");
    }
}

fn processes(cell: &Cell, report: &mut Report) {
    let run = |args: &[&str]| {
        let places = cell.places();
        let mut command = Command::new(programs::hotcell());
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
            .env("HOTCELL_CONFIG", &places.config)
            .env("HOTCELL_STATE", &places.state)
            .env("HOTCELL_CACHE", &places.cache);
        let started = Instant::now();
        assert!(command.status().unwrap().success());
        started.elapsed()
    };
    for args in [&["--version"][..], &["list"], &["call", TOOL, "nothing"], &["call", TOOL, "nothing", "--in-process"]]
    {
        run(args);
        let times = (0..PROCESSES).map(|_| run(args)).collect();
        report.times(&format!("whole process: hotcell {}", args.join(" ")), Spread::of(times));
    }
}

/// The scan for secrets, as every response goes through it.
fn scan(report: &mut Report) {
    let issue = |number: usize| {
        json!({"number": number, "title": format!("Issue {number} of the window"), "state": "open", "locked": false,
               "url": format!("https://api.example.com/repos/hotcell/demo/issues/{number}"), "comments": number % 7,
               "user": {"login": "ada", "id": 31_415 + number, "node_id": "MDQ6VXNlcjMxNDE1"},
               "body": "The manipulators squeak when they are moved to the left; oil did not help."})
    };
    let text = Value::from((0..25_000).map(issue).collect::<Vec<_>>()).to_string();
    let megabytes = text.len() as f64 / 1e6;
    for tokens in [1, 100] {
        let cell = Cell::quiet();
        let store = cell.store_in_memory();
        for number in 0..tokens {
            let access = Secret::new(Canary::new("ghp_").token().to_owned().into()).unwrap();
            let token = NewToken::of(access);
            store.set_token(&format!("service{number}"), &token).unwrap();
        }
        let gate =
            Gate::new(Arc::default(), Some(Arc::new(store)), None, Arc::new(StrikesInMemory::default())).unwrap();
        let mut times = Vec::new();
        for _ in 0..20 {
            let started = Instant::now();
            assert!(!gate.holds_secret(text.as_bytes()));
            times.push(started.elapsed());
        }
        let spread = Spread::of(times);
        let rate = megabytes / (spread.p50 / 1e6);
        report.value(&format!("scan of {megabytes:.1} MB of JSON for {tokens} tokens"), rate, "MB/s");
    }
}

const CONFIG: &str = "[service.jupyter]\norigins = [\"https://jupyter.example\"]\n\
                      scopes = { \"contents:read\" = [\"GET /a\"], \"contents:write\" = [\"PUT /a\"] }\n";

/// Resident memory of this process in MiB, where the system tells (Linux).
fn resident() -> Option<f64> {
    Some(kib("self", "VmRSS")? as f64 / 1024.0)
}
