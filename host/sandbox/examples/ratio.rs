//! What a call costs over raw wasmtime: the same component, a fresh store and instance each time, interleaved in one run.
//!
//! ```text
//! cargo run --release -p hotcell-sandbox --example ratio [rounds]
//! ```

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

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
use serde_json::json;
use wasmtime::Config;
use wasmtime::Engine;
use wasmtime::InstanceAllocationStrategy;
use wasmtime::PoolingAllocationConfig;
use wasmtime::Store;
use wasmtime::component::Component;
use wasmtime::component::Linker;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::WasiView;

/// `run: func() -> string`, which returns at once.
const NO_OP: &str = r#"(component
    (core module $m (memory (export "memory") 1) (data (i32.const 16) "hello")
        (func (export "run") (result i32)
            (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 5)) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#;

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

struct Raw {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Raw {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let bytes = wat::parse_str(NO_OP).unwrap();

    let started = Instant::now();
    let sandbox = Sandbox::new(&Options::default()).unwrap();
    println!("Sandbox::new                     {:>8.1} µs", micros(started.elapsed()));
    let started = Instant::now();
    let tool = sandbox.load(&bytes, &[]).unwrap();
    println!("Sandbox::load                    {:>8.1} µs", micros(started.elapsed()));

    // Raw wasmtime, set up as its documentation does for many short calls: pooling, epochs on, WASI linked, no limits.
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new()));
    let engine = Engine::new(&config).unwrap();
    let component = Component::from_binary(&engine, &bytes).unwrap();
    let mut linker = Linker::<Raw>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
    let instance = linker.instantiate_pre(&component).unwrap();
    let run = component.get_export_index(None, "run").unwrap();

    let outside: Arc<dyn Outside> = Arc::new(Nothing);
    let (mut raw, mut ours) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for _ in 0..rounds {
        let started = Instant::now();
        {
            let state = Raw { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
            let mut store = Store::new(&engine, state);
            store.set_epoch_deadline(u64::MAX / 2);
            let instance = instance.instantiate_async(&mut store).await.unwrap();
            let run = instance.get_typed_func::<(), (String,)>(&mut store, run).unwrap();
            let (text,) = run.call_async(&mut store, ()).await.unwrap();
            assert_eq!(text, "hello");
        }
        raw.push(started.elapsed());

        let started = Instant::now();
        let request = CallRequest { action: "run".into(), arguments: json!({}), limits: Limits::default() };
        let outcome = sandbox.call(&tool, request, Arc::clone(&outside)).await;
        assert_eq!(outcome.verdict, Verdict::Returned(json!("hello")));
        ours.push(started.elapsed());
    }
    let (raw, ours) = (Spread::of(raw), Spread::of(ours));
    println!("raw wasmtime, store + instance   {raw}");
    println!("Sandbox::call                    {ours}");
    println!("ratio of the medians             {:>8.2}", micros(ours.median) / micros(raw.median));
}

struct Spread {
    median: Duration,
    mean: Duration,
    p99: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap();
        Self { median: times[times.len() / 2], mean, p99: times[times.len() * 99 / 100] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, mean, p99] = [self.median, self.mean, self.p99].map(micros);
        write!(f, "{median:>8.1} µs median {mean:>8.1} µs mean {p99:>8.1} µs p99")
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
