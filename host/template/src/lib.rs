//! Requests as templates: what a tool without code says instead of code. Pure: no clock, no I/O, no host.
//!
//! ```text
//!  manifest ─► Request ─► uses()              at installation, in the host: every `${name}` with the place where it stands
//!                 └─────► expand(origin, values) ─► Expanded    at each call, in the sandbox, by the executor
//! ```
//!
//! A value is data wherever it stands: it cannot add a segment to a path, a key to a query, a line to a header or a field to a
//! body, it cannot change the origin, and it is never read for `${…}` itself (threats B4, B8, B9, B12, B13, B17). The gate checks the
//! request once more, as it checks every tool's; what is refused here is refused with the name of the parameter.

#![forbid(unsafe_code)]
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

mod encode;
mod expand;
#[cfg(test)]
mod properties;
mod request;
mod text;
mod url;

pub use expand::Expanded;
pub use expand::Problem;
pub use request::Method;
pub use request::Mistake;
pub use request::Place;
pub use request::Request;
pub use request::Use;
pub use text::is_name;
pub use url::Base;
