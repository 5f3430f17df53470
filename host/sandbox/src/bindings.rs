//! What wasmtime generates from `wit/` and from `host/sandbox/wit`: types and host traits. Nothing else is in this file.

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

/// `wasi:http`, whose resources are the types of [`crate::wasi_http`].
pub mod wasi_http {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "hotcell:other/wasi-http",
        imports: { default: trappable },
        require_store_data_send: true,
        with: {
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:http/types.fields": crate::wasi_http::fields::Fields,
            "wasi:http/types.future-incoming-response": crate::wasi_http::send::Arriving,
            "wasi:http/types.future-trailers": crate::wasi_http::answer::NoTrailers,
            "wasi:http/types.incoming-body": crate::wasi_http::answer::AnswerBody,
            "wasi:http/types.incoming-request": crate::wasi_http::server::Never,
            "wasi:http/types.incoming-response": crate::wasi_http::answer::Arrived,
            "wasi:http/types.outgoing-body": crate::wasi_http::body::Draft,
            "wasi:http/types.outgoing-request": crate::wasi_http::request::Request,
            "wasi:http/types.outgoing-response": crate::wasi_http::server::Unsent,
            "wasi:http/types.request-options": crate::wasi_http::request::Options,
            "wasi:http/types.response-outparam": crate::wasi_http::server::Never,
        },
    });

    pub use wasi::http::outgoing_handler;
    pub use wasi::http::types;
}

/// `near:agent`.
pub mod near_agent {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "hotcell:other/near-agent",
        imports: {
            "near:agent/host.http-request": async,
        },
    });

    pub use near::agent::host;
}
