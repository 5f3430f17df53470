//! What the author of a Hotcell tool uses.
//!
//! A tool writes requests without any credential; the host checks them against what a person granted, adds the credential
//! itself, and hands back what came. There is nothing here that could read a token.
//!
//! ```
//! #[hotcell_sdk::tool(service = "github")]
//! mod tool {
//!     use hotcell_sdk::http;
//!
//!     /// An open issue.
//!     #[derive(serde::Deserialize)]
//!     pub struct Issue {
//!         /// Counted from 1 in each repository.
//!         number: u64,
//!         title: String,
//!     }
//!
//!     /// Lists the open issues of a repository.
//!     #[scope("issues:read")]
//!     pub fn list_issues(owner: String, repo: String) -> Result<Vec<Issue>> {
//!         let github = http::service("github")?;
//!         Ok(github.get(&["repos", &owner, &repo, "issues"])?.send()?.or_problem()?.json()?)
//!     }
//! }
//! ```
//!
//! [`macro@tool`] says what can stand in such a module. A tool whose WIT is written first uses `wit_bindgen::generate!` on a
//! world that lists only its exports: what this crate imports is added when the component is linked.

mod bindings;
mod encode;
pub mod http;
pub mod log;
mod problem;
pub mod progress;

pub use encode::segment;
pub use hotcell_sdk_macros::tool;
pub use problem::Problem;
pub use problem::Result;
pub use serde_json::Value;
pub use serde_json::json;

/// What every module of [`macro@tool`] has by itself.
pub mod prelude {
    pub use crate::Problem;
    pub use crate::Result;
}

/// What generated code uses.
#[doc(hidden)]
pub mod __private {
    pub use wit_bindgen;
}
