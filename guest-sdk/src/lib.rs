//! What the author of a Hotcell tool uses.
//!
//! A tool writes requests without any credential; the host checks them against what a person granted, adds the credential
//! itself, and hands back what came. There is nothing here that could read a token.
//!
//! ```no_run
//! use hotcell_sdk::http;
//!
//! # fn main() -> Result<(), http::Error> {
//! #[derive(serde::Deserialize)]
//! struct Issue { title: String }
//!
//! let github = http::service("github")?;
//! let issues: Vec<Issue> = github
//!     .get(&["repos", "rust-lang", "rust", "issues"])?
//!     .query("state", "open")
//!     .send()?
//!     .ok()?
//!     .json()?;
//! # Ok(())
//! # }
//! ```
//!
//! A tool's own exports are written with `wit_bindgen::generate!` on a world that lists only them: what this crate imports is
//! added when the component is linked.

mod bindings;
mod encode;
pub mod http;
pub mod log;
pub mod progress;

pub use encode::segment;
