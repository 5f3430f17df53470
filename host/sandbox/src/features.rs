//! Which WebAssembly proposals exist for a guest. One list, for the reader of components and for the engine, so that
//! what `describe` accepts is what `load` compiles.

use wasmtime::WasmFeatures;

/// WebAssembly 2.0 and what language toolchains emit today on top of it.
///
/// Absent on purpose, because each one off removes past advisories of the engine and no toolchain for `wasm32-wasip2`
/// needs it: threads, 64-bit memory, garbage collection, function references, exceptions, tail calls, relaxed SIMD (not
/// deterministic), stack switching, custom page sizes, and everything unfinished of the component model, async included.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::EXTENDED_CONST)
    // A composed tool's parts exchange data through adapters that see both memories.
    .union(WasmFeatures::MULTI_MEMORY);
