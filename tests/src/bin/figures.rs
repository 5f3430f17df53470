//! `cargo x figures`: what a call costs, against the limit under it, measured in one run.
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
use std::time::Duration;
use std::time::Instant;

use hotcell_gate::Gate;
use hotcell_gate::StrikesInMemory;
use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::CallRequest;
use hotcell_protocol::GuestError;
use hotcell_protocol::Limits;
use hotcell_protocol::LogLine;
use hotcell_protocol::Outside;
use hotcell_protocol::Progress;
use hotcell_protocol::Verdict;
use hotcell_protocol::Waiting;
use hotcell_sandbox::Options;
use hotcell_sandbox::Sandbox;
use hotcell_tests::Canary;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::memory::kib;
use hotcell_tests::programs;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use serde_json::Value;
use serde_json::json;
use wasmtime::Config;
use wasmtime::Engine;
use wasmtime::InstanceAllocationStrategy;
use wasmtime::PoolingAllocationConfig;
use wasmtime::Store;
use wasmtime::component::Component;
use wasmtime::component::InstancePre;
use wasmtime::component::Linker;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::WasiView;

/// Calls of each kind, after as many again to warm up.
const CALLS: usize = 2_000;
/// Whole processes of each kind.
const PROCESSES: usize = 20;
/// The tool: Rust with plain wit-bindgen, 95 KB. `nothing` returns at once, `echo` returns its argument.
const TOOL: &str = "by-hand";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cell = Cell::quiet();
    println!("{:<58} {:>10} {:>10}", "", "p50", "p99");
    runtime.block_on(calls(&cell));
    processes(&cell);
    scan();
}

async fn calls(cell: &Cell) {
    let before = resident();
    let hotcell = Embedded::new(cell, CONFIG);
    hotcell.install(TOOL, None);
    let raw = Raw::new();
    let sandbox = Sandbox::new(&Options::default()).unwrap();
    let tool = sandbox.load(&std::fs::read(programs::guest(TOOL)).unwrap(), &[]).unwrap();
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
        line(&format!("{name}: raw wasmtime, fresh store and instance"), &raw);
        line(&format!("{name}: Sandbox::call"), &sandbox);
        line(&format!("{name}: hotcell::call (catalog, policy, sandbox, record)"), &whole);
        println!(
            "{:<58} {:>10.2} {:>10.2}",
            format!("{name}: Sandbox::call ÷ raw"),
            sandbox.p50 / raw.p50,
            sandbox.p99 / raw.p99
        );
        println!(
            "{:<58} {:>10.2} {:>10.2}",
            format!("{name}: hotcell::call ÷ raw"),
            whole.p50 / raw.p50,
            whole.p99 / raw.p99
        );
    }
    if let (Some(before), Some(now)) = (before, resident()) {
        println!("{:<58} {:>7.1} MiB before, {:.1} MiB after all of the above", "memory of this process", before, now);
    }
}

fn processes(cell: &Cell) {
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
    for args in [&["--version"][..], &["list"], &["call", TOOL, "nothing"]] {
        run(args);
        line(
            &format!("whole process: hotcell {}", args.join(" ")),
            &Spread::of((0..PROCESSES).map(|_| run(args)).collect()),
        );
    }
}

/// The scan for secrets, as every response goes through it.
fn scan() {
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
        println!("{:<58} {rate:>7.0} MB/s", format!("scan of {megabytes:.1} MB of JSON for {tokens} tokens"));
    }
}

const CONFIG: &str = "[service.jupyter]\norigins = [\"https://jupyter.example\"]\n\
                      scopes = { \"contents:read\" = [\"GET /a\"], \"contents:write\" = [\"PUT /a\"] }\n";

fn line(name: &str, spread: &Spread) {
    let shown =
        |micros: f64| if micros < 10_000.0 { format!("{micros:.1} µs") } else { format!("{:.1} ms", micros / 1000.0) };
    println!("{name:<58} {:>10} {:>10}", shown(spread.p50), shown(spread.p99));
}

struct Spread {
    p50: f64,
    p99: f64,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
        Self { p50: at(50), p99: at(99) }
    }
}

/// Resident memory of this process in MiB, where the system tells (Linux).
fn resident() -> Option<f64> {
    Some(kib("self", "VmRSS")? as f64 / 1024.0)
}

/// Raw wasmtime, set up as its documentation does for many short calls.
struct Raw {
    engine: Engine,
    instance: InstancePre<State>,
    component: Component,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Raw {
    fn new() -> Self {
        let mut config = Config::new();
        let pool = InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new());
        config.epoch_interruption(true).allocation_strategy(pool);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_file(&engine, programs::guest(TOOL)).unwrap();
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        // The tool's imports of hotcell:tool are there and never called.
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let instance = linker.instantiate_pre(&component).unwrap();
        Self { engine, instance, component }
    }

    async fn call(&self, action: &str, expected: &Value) {
        let export = self.component.get_export_index(None, action).unwrap();
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.instance.instantiate_async(&mut store).await.unwrap();
        match expected.as_str() {
            None => {
                let run = instance.get_typed_func::<(), ()>(&mut store, export).unwrap();
                run.call_async(&mut store, ()).await.unwrap();
            }
            Some(text) => {
                let run = instance.get_typed_func::<(&str,), (String,)>(&mut store, export).unwrap();
                assert_eq!(run.call_async(&mut store, (text,)).await.unwrap().0, text);
            }
        }
    }
}

struct Nothing;

impl Outside for Nothing {
    fn send(&self, _: Asked) -> Waiting<'_, Result<Answer, GuestError>> {
        Box::pin(async { Err(GuestError::Denied) })
    }

    fn origin(&self, _: &str) -> Result<String, GuestError> {
        Err(GuestError::Denied)
    }

    fn log(&self, _: LogLine) {}

    fn progress(&self, _: Progress) {}
}
