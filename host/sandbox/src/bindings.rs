//! What wasmtime generates from `wit/`: types and host traits of `hotcell:tool`. Nothing else is in this file.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::error_impl_error,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    unsafe_code,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "imports",
    imports: {
        "hotcell:tool/http.send": async,
    },
});
