//! The engine: what guests may use of WebAssembly, the instance pool, and the clock that interrupts them.

use std::sync::Arc;
use std::sync::OnceLock;

use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use tokio::sync::Semaphore;
use wasmtime::Config;
use wasmtime::Engine;
use wasmtime::EngineWeak;
use wasmtime::InstanceAllocationStrategy;
use wasmtime::PoolingAllocationConfig;
use wasmtime::Strategy;
use wasmtime::WasmFeatures;
use wasmtime::component::Linker;

use crate::features::FEATURES;
use crate::link;
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
    /// What every tool may import.
    pub(crate) linker: Linker<State>,
    pub(crate) places: Arc<Semaphore>,
    pooled: bool,
    clock: OnceLock<bool>,
}

impl Sandbox {
    /// Makes the engine and its instance pool.
    ///
    /// Where the machine has too little address space for the pool (`ulimit -v`, some containers), instances are made one
    /// by one: slower, under the same limits.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] if the machine offers no address space at all.
    pub fn new(options: &Options) -> Result<Self, Refusal> {
        let pooled = Engine::new(&config(InstanceAllocationStrategy::Pooling(pool(options))));
        let is_pooled = pooled.is_ok();
        let engine = pooled
            .or_else(|_| Engine::new(&config(InstanceAllocationStrategy::OnDemand)))
            .map_err(|_| Refusal::internal("the engine cannot start on this machine"))?;
        let broken = |_| Refusal::internal("the engine cannot link its own interfaces");
        let linker = link::for_every_tool(&engine).map_err(broken)?;
        let places = usize::try_from(options.concurrent_calls).unwrap_or(usize::MAX);
        Ok(Self { engine, linker, places: Arc::new(Semaphore::new(places)), pooled: is_pooled, clock: OnceLock::new() })
    }

    /// Starts the thread that ticks, if it does not run yet. The first call does so, too.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] if the machine has no thread for it.
    pub fn start_clock(&self) -> Result<(), Refusal> {
        match *self.clock.get_or_init(|| tick(self.engine.weak()).is_ok()) {
            true => Ok(()),
            false => Err(Refusal::internal("the machine has no thread for the engine's clock")),
        }
    }

    /// Whether instances come from a pool. If not, the machine had too little address space, and a call costs more.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }
}

/// The engine's settings. Code generation stays at its defaults: the Spectre mitigations of Cranelift among them (threat F7).
pub(crate) fn config(allocation: InstanceAllocationStrategy) -> Config {
    let mut config = Config::new();
    config
        // Cranelift only: Winch had a full escape (RUSTSEC-2026-0095).
        .strategy(Strategy::Cranelift)
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .epoch_interruption(true)
        .max_wasm_stack(limits::STACK_BYTES)
        // Component code is untrusted: no names or addresses of it in what people see.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .allocation_strategy(allocation);
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

/// Ticks the engine's epoch until the engine is gone. A thread of its own: guests cannot starve it, tokio's workers they can.
/// It runs when this returns: a process that then gives up the starting of threads does not stop it half way.
fn tick(engine: EngineWeak) -> std::io::Result<()> {
    let (started, runs) = std::sync::mpsc::channel::<()>();
    let tick = move || {
        drop(started);
        loop {
            std::thread::sleep(limits::EPOCH_TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    std::thread::Builder::new().name("hotcell-epoch".into()).spawn(tick)?;
    // Ends when the thread drops its half.
    runs.recv().ok();
    Ok(())
}
