//! The second wall: guests run in processes that have nothing worth stealing.
//!
//! ```text
//!  broker (this program: vault, gate, network)             worker (the same program again, started with nothing)
//!  Pool ─► Worker ── Order: call, answer, stop ──────────► child: wasmtime, one tool
//!            ▲   └── Report: request, log, end ◄────────── walls: namespaces, Landlock, seccomp, limits
//!            └ table: what the worker may say now
//! ```
//!
//! A worker is started for one tool. It inherits a socket and the tool's compiled code in sealed memory, maps the code, gives
//! up everything else, and only then runs what the tool says. A guest that escapes from WebAssembly finds a process without a
//! credential, a file, a network, another process, or a way to make memory executable. What it says over the socket is
//! believed as little as a guest is.
//!
//! Linux alone has these walls. Elsewhere guests run in the broker's own process, and `hotcell doctor` says so.

#![cfg(target_os = "linux")]
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

mod child;
mod code;
#[cfg(test)]
mod lies;
mod outbox;
mod pool;
mod process;
mod remote;
mod starter;
mod table;
pub mod walls;
mod wire;

pub use child::COMMAND;
pub use child::run;
pub use code::Code;
pub use pool::Isolation;
pub use pool::Options;
pub use pool::Pool;
