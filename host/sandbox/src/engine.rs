//! The engine: what guests may use of WebAssembly, the instance pool, and the clock that interrupts them.

use std::sync::Arc;
use std::time::Duration;

use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use tokio::sync::Semaphore;
use wasmtime::Config;
use wasmtime::Engine;
use wasmtime::EngineWeak;
use wasmtime::InstanceAllocationStrategy;
use wasmtime::PoolingAllocationConfig;
use wasmtime::Strategy;
use wasmtime::component::Linker;

use crate::bindings;
use crate::state::State;

/// How a sandbox is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Calls that may run at once; further ones wait, within their deadline. Each reserves address space, not memory.
    pub concurrent_calls: u32,
}

impl Default for Options {
    fn default() -> Self {
        // 64 calls on the two cores of a small machine are already far more than it can run at once.
        Self { concurrent_calls: 64 }
    }
}

/// An engine with everything linked that a tool may import. Make one for a process, and load tools into it.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) places: Arc<Semaphore>,
}

impl Sandbox {
    /// Makes the engine, its instance pool, and the thread that ticks its clock.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] if the machine offers no address space for the pool, or no thread.
    pub fn new(options: &Options) -> Result<Self, Refusal> {
        let engine = Engine::new(&config(options)).map_err(|_| {
            Refusal::internal("the engine cannot start: the machine offers too little address space (see `ulimit -v`)")
        })?;
        let linker = linker(&engine).map_err(|_| Refusal::internal("the engine cannot link its own interfaces"))?;
        tick(engine.weak())?;
        let places = usize::try_from(options.concurrent_calls).unwrap_or(usize::MAX);
        Ok(Self { engine, linker, places: Arc::new(Semaphore::new(places)) })
    }
}

/// The engine's settings. Every proposal that language runtimes do not need is off: each one off removes past advisories.
fn config(options: &Options) -> Config {
    let mut config = Config::new();
    config
        // Cranelift only: Winch had a full escape (RUSTSEC-2026-0095).
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .max_wasm_stack(limits::STACK_BYTES)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_stack_switching(false)
        // Component code is untrusted: no names or addresses of it in what people see.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    config
}

fn pool(options: &Options) -> PoolingAllocationConfig {
    let calls = options.concurrent_calls;
    let times = |each: usize| calls.saturating_mul(u32::try_from(each).unwrap_or(u32::MAX));
    let each = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(times(limits::INSTANCES))
        .total_memories(times(limits::MEMORIES))
        .total_tables(times(limits::TABLES))
        .total_stacks(calls)
        .max_core_instances_per_component(each(limits::INSTANCES))
        .max_memories_per_component(each(limits::MEMORIES))
        .max_tables_per_component(each(limits::TABLES))
        .max_memories_per_module(each(limits::MEMORIES))
        .max_tables_per_module(each(limits::TABLES))
        .max_memory_size(limits::MEMORY_BYTES)
        .table_elements(limits::TABLE_ELEMENTS)
        // Nothing of an earlier call stays resident in a slot (threat H2, CVE-2026-34988).
        .linear_memory_keep_resident(0)
        .table_keep_resident(0);
    pool
}

/// Links `hotcell:tool` and WASI 0.2. That a component imports no more than it may is checked before (`describe`); what
/// WASI would reach, every call's context leaves empty (`state`).
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    bindings::Imports::add_to_linker::<State, State>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Ticks the engine's epoch until the engine is gone. A thread of its own: guests cannot starve it, tokio's workers they can.
fn tick(engine: EngineWeak) -> Result<(), Refusal> {
    let tick = move || {
        loop {
            std::thread::sleep(limits::EPOCH_TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    std::thread::Builder::new()
        .name("hotcell-epoch".into())
        .spawn(tick)
        .map(drop)
        .map_err(|_| Refusal::internal("the machine has no thread for the engine's clock"))
}

/// Ticks that a span of processor time has.
pub(crate) fn ticks(time: Duration) -> u128 {
    time.as_millis().div_ceil(limits::EPOCH_TICK.as_millis())
}
