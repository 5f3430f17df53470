//! `cargo x figures`, second part: what MCP adds to a call, and what a long list costs. Measured in one run against the call
//! of the library.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement, not the product"
)]

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hotcell::Granted;
use hotcell::Package;
use hotcell_protocol::Verdict;
use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use hotcell_tests::programs;
use serde_json::json;

/// Calls of each kind, after as many again to warm up.
const CALLS: usize = 2_000;
/// Over HTTP each call is a connection of its own here.
const HTTP_CALLS: usize = 500;
/// Tools of the long list, one action each.
const TOOLS: usize = 1_000;
/// Starts of the server.
const STARTS: usize = 20;

fn main() {
    println!("\n{:<58} {:>10} {:>10}", "MCP", "p50", "p99");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    calls(&runtime);
    long_list();
}

fn calls(runtime: &tokio::runtime::Runtime) {
    let cell = Cell::quiet();
    let library = Embedded::new(&cell, "");
    library.install("by-hand", Some("name = \"by-hand\"\nversion = \"1\"\n"));
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    let server = Serving::start(&cell, &[]);
    let name = "by-hand_nothing";
    let (mut one, mut two, mut three) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..2 * CALLS {
        let request =
            hotcell::Request { tool: "by-hand".into(), action: "nothing".into(), arguments: json!({}), deadline: None };
        let started = Instant::now();
        let called = runtime.block_on(hotcell::call(&library.host, request, Arc::new(hotcell::Unwatched))).unwrap();
        let library = started.elapsed();
        assert!(matches!(called.outcome.verdict, Verdict::Returned(_)));

        let started = Instant::now();
        let answer = agent.call(name, json!({}));
        let stdio = started.elapsed();
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        if round >= CALLS {
            one.push(library);
            two.push(stdio);
        }
    }
    for round in 0..2 * HTTP_CALLS {
        let started = Instant::now();
        let got = server.ask("tools/call", json!({"name": name, "arguments": {}}), &json!({}));
        let http = started.elapsed();
        assert_eq!(got.status, 200);
        if round >= HTTP_CALLS {
            three.push(http);
        }
    }
    line("no-op: hotcell::call", one);
    line("no-op: tools/call over stdio", two);
    line("no-op: tools/call over HTTP, a connection each", three);
}

fn long_list() {
    let cell = Cell::quiet();
    let library = Embedded::new(&cell, "");
    let component = std::fs::read(programs::guest("prober")).unwrap();
    for number in 0..TOOLS {
        let manifest = format!("name = \"t{number}\"\nversion = \"1\"\ninert_imports = [\"wasi:sockets\"]\n");
        let package = Package::new(component.clone(), Some((&manifest, "t"))).unwrap();
        let granted = Granted::all_of(&package.manifest, package.digest, jiff::Timestamp::UNIX_EPOCH);
        library.host.catalog().install(&package, granted).unwrap();
    }
    let started = Instant::now();
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    println!("{:<58} {:>10.1?}", format!("start with {TOOLS} tools, none described yet"), started.elapsed());
    let lists = (0..100).map(|_| {
        let started = Instant::now();
        let list = agent.ask("tools/list", json!({}));
        let took = started.elapsed();
        assert_eq!(list["result"]["tools"].as_array().unwrap().len(), TOOLS);
        took
    });
    line(&format!("tools/list with {TOOLS} tools, read and parsed by the client"), lists.collect());
    let start = || {
        let started = Instant::now();
        drop(Agent::start(&cell, Revision::July2026, json!({})));
        started.elapsed()
    };
    line(&format!("start to the first answer and end, {TOOLS} tools"), (0..STARTS).map(|_| start()).collect());
    let cell = Cell::quiet();
    let library = Embedded::new(&cell, "");
    library.install("by-hand", Some("name = \"by-hand\"\nversion = \"1\"\n"));
    let first = || {
        let started = Instant::now();
        let agent = Agent::start(&cell, Revision::July2026, json!({}));
        let took = started.elapsed();
        drop(agent);
        took
    };
    line("start to the first answer, 1 tool", (0..STARTS).map(|_| first()).collect());
}

fn line(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{name:<58} {:>10.1?} {:>10.1?}", at(0.5), at(0.99));
}
