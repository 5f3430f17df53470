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
/// Turns a module of plain functions into a tool: each `pub fn` in it is an action, with no WIT to write.
///
/// | in the brackets | says |
/// |---|---|
/// | `service = "github"` | the service of scopes that name none |
/// | `interface = "api"` | actions are exported in an interface: `api.list-issues` |
///
/// On a `pub fn`:
///
/// | attribute | asks for |
/// |---|---|
/// | `#[scope("issues:read")]` | a scope of the module's service, or of this function's |
/// | `#[scope("gitlab", "read_api")]` | a scope of a service |
/// | `#[service("github")]` | requests to a service without a token; the service of this function's scopes |
/// | `#[public("GET https://api.example.com/v1/**")]` | requests to another origin, without a token |
///
/// Parameters and results are `bool`, `char`, `String`, numbers of fixed size, `Vec`, `Option`, `Result`, tuples, and structs and
/// enums that are declared in the module; `#[flags]` on a struct of `bool`s makes flags of it. What stands on them, derives for
/// instance, stays. Names become kebab-case.
///
/// Comments become descriptions: on functions, parameters, types, fields and cases, as list items ``* `owner`: text`` in the
/// comment of a function, and in its sections `# Returns` and `# Errors`. `hotcell build` puts them into the manifest.
///
/// [`Result`] and [`Problem`] are there without `use`. A mistake is an error at the line where it stands.
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
