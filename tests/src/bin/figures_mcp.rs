//! `cargo x bench`, second part: what MCP adds to a call, and what a long list costs. Measured in one run against the call
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
use std::time::Instant;

use hotcell::Granted;
use hotcell::Package;
use hotcell_protocol::Verdict;
use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use hotcell_tests::bench;
use hotcell_tests::bench::Report;
use hotcell_tests::bench::Spread;
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
    let mut report = Report::new("figures_mcp");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    calls(&runtime, &mut report);
    long_list(&mut report);
    report.finish();
}

fn calls(runtime: &tokio::runtime::Runtime, report: &mut Report) {
    let cell = Cell::quiet();
    let library = Embedded::new(&cell, "");
    library.install("by-hand", Some("name = \"by-hand\"\nversion = \"1\"\n"));
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    let server = Serving::start(&cell, &[]);
    std::thread::sleep(bench::SETTLED);
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
    report.times("no-op: hotcell::call", Spread::of(one));
    report.times("no-op: tools/call over stdio", Spread::of(two));
    report.times("no-op: tools/call over HTTP, a connection each", Spread::of(three));
}

fn long_list(report: &mut Report) {
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
    report.times(&format!("start with {TOOLS} tools, none described yet"), Spread::of(vec![started.elapsed()]));
    let lists = (0..100).map(|_| {
        let started = Instant::now();
        let list = agent.ask("tools/list", json!({}));
        let took = started.elapsed();
        assert_eq!(list["result"]["tools"].as_array().unwrap().len(), TOOLS);
        took
    });
    report.times(&format!("tools/list with {TOOLS} tools, read and parsed by the client"), Spread::of(lists.collect()));
    let few = Cell::quiet();
    Embedded::new(&few, "").install("by-hand", Some("name = \"by-hand\"\nversion = \"1\"\n"));
    let start = |cell: &Cell| {
        let started = Instant::now();
        let agent = Agent::start(cell, Revision::July2026, json!({}));
        let took = started.elapsed();
        // Its end is not its start.
        drop(agent);
        took
    };
    start(&few);
    let (many, one): (Vec<_>, Vec<_>) = (0..STARTS).map(|_| (start(&cell), start(&few))).unzip();
    let (many, one) = (Spread::of(many), Spread::of(one));
    report.times(&format!("start to the first answer, {TOOLS} tools"), many);
    report.times("start to the first answer, 1 tool", one);
    report.ratio(&format!("start to the first answer, {TOOLS} tools ÷ 1 tool"), many, one);
}
