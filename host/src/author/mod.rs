//! The author's room: from nothing to a tool that can be installed. `hotcell new`, `build`, `check`.
//!
//! ```text
//!  new ─► Project ─► build ─────────────────────────────────► dist/NAME.wasm ─► hotcell install
//!          hotcell.toml  │ the language's own builder               │
//!          [build]       │ docs: WIT comments, the macro's section  └─► check: rules, and what changed
//!                        └ the manifest packed in, debug parts out
//! ```
//!
//! It stands apart from the flow of a call: it knows the manifest, the package and `describe` of the sandbox, and no vault, gate or
//! network. What it runs is the author's own compiler on the author's own code, as the author.

mod build;
mod check;
pub(crate) mod kit;
mod name;
mod new;
mod project;
mod run;
mod templates;

pub(crate) use build::Built;
pub(crate) use build::Profile;
pub(crate) use build::build;
pub(crate) use check::Finding;
pub(crate) use check::Weight;
pub(crate) use check::check;
pub(crate) use new::Created;
pub(crate) use new::create;
pub(crate) use project::Lang;
pub(crate) use project::Project;
pub(crate) use run::Heard;
pub(crate) use templates::Kind;
