//! Runs one action of an untrusted component: JSON in, JSON out, a fresh store and instance for each call.
//!
//! ```text
//! describe ─► load ─► call ──────────────────────────► CallOutcome
//!  imports,    compile  values::arguments ─► instance ─► values::to_json
//!  types,      once       │ Limiter, epoch, deadline
//!  sizes                  └─ Outside (http, log, progress): the only way out
//! ```
//!
//! This crate cannot name a token: its dependency tree holds no vault, no HTTP client and no keyring, and a test says so.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests may panic"
    )
)]

mod bindings;
mod call;
mod code;
mod describe;
mod engine;
mod features;
mod limiter;
mod link;
mod load;
mod meter;
mod near_agent;
mod output;
mod outside;
mod state;
mod trap;
pub mod values;
mod wasi_http;

pub use code::CodeCache;
pub use code::Compiled;
pub use code::Kept;
pub use code::compile;
pub use describe::describe;
pub use describe::is_component;
pub use describe::require_component;

pub use engine::Options;
pub use engine::Sandbox;
pub use load::Tool;
pub use load::find_action;
pub use trap::deadline as deadline_exceeded;
