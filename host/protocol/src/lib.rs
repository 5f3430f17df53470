//! The words that Hotcell's rooms exchange. Plain data: nothing here opens, sends, stores or runs.
//!
//! No type in this crate can carry a token, and the crate depends on none that can.

#![forbid(unsafe_code)]

mod action;
mod call;
mod digest;
mod http;
mod imports;
pub mod limits;
mod refusal;
pub mod text;

pub use action::Action;
pub use action::Case;
pub use action::Description;
pub use action::Field;
pub use action::Type;
pub use call::CallOutcome;
pub use call::CallRequest;
pub use call::Cost;
pub use call::LogLevel;
pub use call::LogLine;
pub use call::Outside;
pub use call::Progress;
pub use call::Verdict;
pub use call::Waiting;
pub use digest::Digest;
pub use digest::NotADigest;
pub use http::Answer;
pub use http::Asked;
pub use http::GuestError;
pub use http::Header;
pub use http::Method;
pub use imports::Imports;
pub use imports::World;
pub use limits::Limits;
pub use refusal::Code;
pub use refusal::Refusal;
