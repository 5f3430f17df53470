//! Hotcell: a host that runs untrusted tools with real credentials that they can never touch.
//!
//! ```text
//!  call(tool, action, arguments)
//!        │
//!        ▼
//!  catalog ──► policy ──► sandbox ─────────────────────────► record
//!  (what was    (what this   │  a fresh store and instance      (one line,
//!   granted,     action may  │  import hotcell:tool/http         no secret)
//!   by digest)   use)        ▼
//!                          gate: Asked ─► Allowed ─► Signed ─► Received ─► Answer
//!                                           │          ▲
//!                                           └─ vault ──┘  the only place where a token is
//! ```
//!
//! The product is two functions: [`call`] here, and `send` in the gate. Whoever has read both has read the design.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::disallowed_methods,
        reason = "tests may panic and prepare files"
    )
)]

mod author;
mod call;
mod catalog;
mod chain;
pub mod cli;
pub mod compiler;
mod config;
mod demo;
mod folders;
mod foresee;
mod guests;
mod host;
mod kept;
mod keys;
mod mcp;
mod random;
mod ready;
pub mod record;
mod signature;
mod signed_in;
mod stop;
mod strikes;
mod tools;

pub use call::Called;
pub use call::Request;
pub use call::Unwatched;
pub use call::Watcher;
pub use call::call;
pub use catalog::Ask;
pub use catalog::Catalog;
pub use catalog::Granted;
pub use catalog::GrantedAction;
pub use catalog::Input;
pub use catalog::Kind;
pub use catalog::Manifest;
pub use catalog::Package;
pub use catalog::Parts;
pub use catalog::Texts;
pub use catalog::embedded;
pub use catalog::with_manifest;
pub use chain::Chain;
pub use chain::Link;
pub use config::Config;
pub use folders::Places;
pub use guests::Isolation;
pub use host::Host;
#[cfg(target_os = "linux")]
pub use hotcell_worker as worker;
pub use keys::KeyPlace;
pub use keys::Keys;
pub use strikes::Strikes;
