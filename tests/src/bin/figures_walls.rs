//! `cargo x bench`, third part: what the second wall costs. The same calls raw, in this process, and through workers, by turns
//! in one run; then many at once, deadlines, and memory.

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

use hotcell::Isolation;
use hotcell_protocol::Code;
use hotcell_protocol::Verdict;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use hotcell_tests::bench;
use hotcell_tests::bench::Report;
use hotcell_tests::bench::Spread;
use hotcell_tests::memory::kib;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

/// Calls of each kind, after as many again to warm up.
const CALLS: usize = 2_000;
/// Calls in each round of many at once.
const AT_ONCE: usize = 20_000;
/// Guests that are stopped at their deadline.
const STOPPED: usize = 100;
/// Calls over which memory must stay as it is.
const MANY: usize = 200_000;
/// Calls with one request, after as many again to warm up: fewer than a tool may make at once.
const REQUESTS: usize = 200;
const TOOL: &str = "by-hand";
const MANIFEST: &str = "name = \"by-hand\"\nversion = \"1\"\n";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut report = Report::new("figures_walls");
    let report = runtime.block_on(async {
        let (here, apart) = (host(Isolation::None), host(Isolation::Tool));
        let started = Instant::now();
        call(apart, "nothing", json!({}), None).await.unwrap();
        report.times("the first call of a tool: a worker starts", Spread::of(vec![started.elapsed()]));
        tokio::time::sleep(bench::SETTLED).await;
        there_and_back(&mut report).await;
        // As a task, like each call of a server.
        report = tokio::spawn(one_by_one(here, apart, report)).await.unwrap();
        at_once(here, apart, &mut report).await;
        memory(apart, &mut report).await;
        for hotcell in [here, apart] {
            std::fs::remove_dir_all(hotcell.cell.path()).unwrap();
        }
        deadlines(&mut report).await;
        two_worlds(&mut report).await;
        report
    });
    report.finish();
}

/// A host with the tool, for the rest of the program: tasks call it.
fn host(isolation: Isolation) -> &'static Embedded<'static> {
    let cell = Box::leak(Box::new(Cell::quiet().isolated(isolation)));
    let hotcell = Embedded::new(cell, "");
    hotcell.install(TOOL, Some(MANIFEST));
    Box::leak(Box::new(hotcell))
}

async fn call(
    hotcell: &Embedded<'_>,
    action: &str,
    arguments: Value,
    deadline: Option<Duration>,
) -> Result<Value, Code> {
    let tool = if hotcell.host.catalog().find(TOOL).is_ok() { TOOL } else { "hostile" };
    let request = hotcell::Request { tool: tool.into(), action: action.into(), arguments, deadline };
    let called = hotcell::call(&hotcell.host, request, Arc::new(hotcell::Unwatched)).await.unwrap();
    match called.outcome.verdict {
        Verdict::Returned(value) | Verdict::Failed(value) => Ok(value),
        Verdict::Refused(refusal) => Err(refusal.code),
    }
}

async fn one_by_one(here: &'static Embedded<'static>, apart: &'static Embedded<'static>, mut report: Report) -> Report {
    let raw = bench::Raw::new(TOOL);
    let text = |bytes: usize| json!({"value": "x".repeat(bytes)});
    for (name, action, arguments, calls) in [
        ("no-op", "nothing", json!({}), CALLS),
        ("echo of 1 KB", "echo", text(1024), CALLS),
        ("echo of 100 KB", "echo", text(100 * 1024), CALLS / 4),
        ("echo of 1 MB", "echo", text(1_000_000), CALLS / 20),
    ] {
        let expected = arguments.get("value").cloned().unwrap_or(Value::Null);
        let mut times = [const { Vec::new() }; 3];
        for round in 0..2 * calls {
            let started = Instant::now();
            raw.call(action, &expected).await;
            let one = started.elapsed();
            let started = Instant::now();
            assert_eq!(call(here, action, arguments.clone(), None).await.unwrap(), expected);
            let two = started.elapsed();
            let started = Instant::now();
            assert_eq!(call(apart, action, arguments.clone(), None).await.unwrap(), expected);
            let three = started.elapsed();
            if round >= calls {
                times.iter_mut().zip([one, two, three]).for_each(|(times, time)| times.push(time));
            }
        }
        let [raw, here, apart] = times.map(Spread::of);
        report.times(&format!("{name}: raw wasmtime, fresh store and instance"), raw);
        report.times(&format!("{name}: hotcell::call in this process"), here);
        report.times(&format!("{name}: hotcell::call through a worker"), apart);
        report.ratio(&format!("{name}: in this process ÷ raw"), here, raw);
        report.ratio(&format!("{name}: through a worker ÷ raw"), apart, raw);
        report.value(&format!("{name}: what the wall adds at p50"), apart.p50 - here.p50, "µs");
    }
    report
}

/// What no wall of processes can be faster than: a byte to another process and back, over a socket, awaited as a worker's answer is.
async fn there_and_back(report: &mut Report) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let theirs = std::os::fd::OwnedFd::from(theirs);
    let mut echo = std::process::Command::new("cat");
    echo.stdin(theirs.try_clone().unwrap()).stdout(theirs);
    let mut echo = echo.spawn().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut ours = tokio::net::UnixStream::from_std(ours).unwrap();
    let times = tokio::spawn(async move {
        let mut times = Vec::new();
        for round in 0..2 * CALLS {
            let started = Instant::now();
            ours.write_all(b"x").await.unwrap();
            ours.read_exact(&mut [0]).await.unwrap();
            if round >= CALLS {
                times.push(started.elapsed());
            }
        }
        times
    });
    report.times("a byte to another process and back", Spread::of(times.await.unwrap()));
    // Its input ended with our side.
    assert!(echo.wait().unwrap().success());
}

/// Calls a second with so many callers, on all threads of the runtime.
async fn at_once(here: &'static Embedded<'static>, apart: &'static Embedded<'static>, report: &mut Report) {
    let raw = Arc::new(bench::Raw::new(TOOL));
    for callers in [1, 8, 64] {
        let each = AT_ONCE / callers;
        let rate = |started: Instant| (each * callers) as f64 / started.elapsed().as_secs_f64();
        let started = Instant::now();
        let all = (0..callers).map(|_| {
            let raw = Arc::clone(&raw);
            tokio::spawn(async move {
                for _ in 0..each {
                    raw.call("nothing", &Value::Null).await;
                }
            })
        });
        ended(all.collect()).await;
        let limit = rate(started);
        report.value(&format!("no-op, {callers} callers: raw wasmtime"), limit, "calls/s");
        for (name, hotcell) in [("in this process", here), ("through workers", apart)] {
            let started = Instant::now();
            let all = (0..callers).map(|_| {
                tokio::spawn(async move {
                    for _ in 0..each {
                        call(hotcell, "nothing", json!({}), None).await.unwrap();
                    }
                })
            });
            ended(all.collect()).await;
            let rate = rate(started);
            report.value(&format!("no-op, {callers} callers: {name}"), rate, "calls/s");
            report.value(&format!("no-op, {callers} callers: {name} ÷ raw"), rate / limit, "");
        }
    }
}

async fn ended(all: Vec<tokio::task::JoinHandle<()>>) {
    for one in all {
        one.await.unwrap();
    }
}

async fn memory(apart: &Embedded<'_>, report: &mut Report) {
    let resident = |process: &str| kib(process, "VmRSS").map(|kib| kib as f64 / 1024.0);
    let worker = apart.host.workers()[0].to_string();
    let (before, before_worker) = (resident("self"), resident(&worker));
    for _ in 0..MANY {
        call(apart, "nothing", json!({}), None).await.unwrap();
    }
    let grown = |before: Option<f64>, now: Option<f64>| Some((now? - before?) / (MANY as f64 / 100_000.0));
    for (what, value) in [
        ("a worker at rest", resident(&worker)),
        ("growth of the broker over 100,000 calls", grown(before, resident("self"))),
        ("growth of the worker over 100,000 calls", grown(before_worker, resident(&worker))),
    ] {
        if let Some(value) = value {
            report.value(what, value, "MiB");
        }
    }
}

/// How much longer than its deadline a call takes.
async fn deadlines(report: &mut Report) {
    const DEADLINE: Duration = Duration::from_millis(100);
    for (name, isolation) in [("in this process", Isolation::None), ("through a worker", Isolation::Tool)] {
        let cell = Cell::quiet().isolated(isolation);
        // A server that takes connections and says nothing: the system does that for whoever listens.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", silent.local_addr().unwrap());
        let config = format!("[service.upstream]\norigins = [\"{origin}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n");
        let hotcell = Embedded::new(&cell, &config);
        hotcell.sign_in("upstream", &["use"]);
        hotcell.install("hostile", None);
        call(&hotcell, "fine", json!({}), None).await.unwrap();
        let ask = json!({"method": "get", "url": format!("{origin}/api/x"), "headers": []});
        for (what, action, arguments) in [("loop {}", "spin", json!({})), ("a silent server", "ask", ask)] {
            let mut over = Vec::new();
            for _ in 0..STOPPED {
                let started = Instant::now();
                drop(call(&hotcell, action, arguments.clone(), Some(DEADLINE)).await);
                over.push(started.elapsed().saturating_sub(DEADLINE));
            }
            report.times(&format!("{what}, {name}: over its deadline"), Spread::of(over));
        }
    }
}

/// The same request by `hotcell:tool/http` and by `wasi:http`, by turns.
async fn two_worlds(report: &mut Report) {
    for (place, isolation) in [("in this process", Isolation::None), ("through a worker", Isolation::Tool)] {
        let cell = Cell::quiet().isolated(isolation);
        let upstream = Upstream::start(|_| Raw::ok("first\nsecond\n")).await;
        let config = format!(
            "[service.upstream]\norigins = [\"{}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n",
            upstream.origin()
        );
        let hotcell = Embedded::new(&cell, &config);
        hotcell.sign_in("upstream", &["use"]);
        hotcell.install("hostile", None);
        hotcell.install("elsewhere", None);
        tokio::time::sleep(bench::SETTLED).await;
        let own = json!({"method": "get", "url": format!("{}/api/x", upstream.origin()), "headers": []});
        let wasi = json!({"request": {
            "method": "GET", "scheme": "http", "authority": format!("127.0.0.1:{}", upstream.port()), "path": "/api/x",
            "headers": [], "body": null, "trailers": [], "patience": null,
        }});
        let mut times = [const { Vec::new() }; 2];
        for round in 0..2 * REQUESTS {
            for (times, (tool, action, arguments)) in
                times.iter_mut().zip([("hostile", "ask", &own), ("elsewhere", "send", &wasi)])
            {
                let started = Instant::now();
                let called = hotcell.call(tool, action, arguments.clone()).await.unwrap();
                let took = started.elapsed();
                assert!(matches!(called.outcome.verdict, Verdict::Returned(_)), "{:?}", called.outcome.verdict);
                if round >= REQUESTS {
                    times.push(took);
                }
            }
        }
        let [own, wasi] = times.map(Spread::of);
        report.times(&format!("one request by hotcell:tool/http, {place}"), own);
        report.times(&format!("one request by wasi:http, {place}"), wasi);
        report.ratio(&format!("wasi:http ÷ hotcell:tool/http, {place}"), wasi, own);
    }
}
