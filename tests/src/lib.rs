//! What the tests across rooms share.
//!
//! Every test has a [`Cell`]: folders of its own, a fresh canary for a token, and a sweep at its end that searches all that
//! the test saw and left behind for the canary. A canary that is found fails the test, whatever it was about.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests may panic, prepare files and speak to loopback"
)]

pub mod bench;
mod canary;
mod cell;
pub mod corpus;
mod jupyter;
mod logs;
mod mcp;
pub mod memory;
pub mod programs;
mod run;
mod scene;
mod tool_project;
mod upstream;

pub use canary::Canary;
pub use canary::Sinks;
pub use cell::Cell;
pub use cell::Ran;
pub use jupyter::Jupyter;
pub use mcp::Agent;
pub use mcp::Got;
pub use mcp::Revision;
pub use mcp::Serving;
pub use run::Embedded;
pub use run::Lines;
pub use scene::Scene;
pub use scene::asks;
pub use scene::is;
pub use tool_project::SLOW;
pub use tool_project::ToolProject;
pub use upstream::Raw;
pub use upstream::Seen;
pub use upstream::Upstream;
