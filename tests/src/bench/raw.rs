//! The limit under us: wasmtime as its documentation sets it up for many short calls, and nothing around it.

use serde_json::Value;
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

use crate::programs;

/// Pooling, epochs, WASI linked, a fresh store and instance for each call.
pub struct Raw {
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
    /// Ready to call this guest.
    pub fn new(guest: &str) -> Self {
        let mut config = Config::new();
        let pool = InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new());
        config.epoch_interruption(true).allocation_strategy(pool);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_file(&engine, programs::guest(guest)).unwrap();
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        // The tool's imports of hotcell:tool are there and never called.
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let instance = linker.instantiate_pre(&component).unwrap();
        Self { engine, instance, component }
    }

    /// Calls an action that takes nothing, or one that gives back its text.
    pub async fn call(&self, action: &str, expected: &Value) {
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
