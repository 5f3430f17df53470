//! The gate: the only way out of the sandbox, and the only place where a request meets a token.
//!
//! ```text
//!  Asked ──► policy::check ──► Allowed ──► sign ──► Signed ──► network::send ──► Received ──► scan::clean ──► Answer
//!  (guest)   pure: grant,      carries     token    has no     one resolver,     whole,       any live        (guest)
//!            service, URL      the exact   of one   Debug, no  public addresses  bounded      secret: all
//!                              URL         scope    Clone      only                           withheld
//! ```
//!
//! Each step takes the type that only the step before can make, so a skipped step does not compile:
//!
//! ```compile_fail
//! // Compiles as soon as one part of a permission can be reached, and so taken over into another.
//! fn take_apart(allowed: hotcell_gate::Allowed) {
//!     let hotcell_gate::Allowed { terms, .. } = allowed;
//! }
//! ```
//! ```compile_fail
//! fn twice(allowed: hotcell_gate::Allowed) -> (hotcell_gate::Allowed, hotcell_gate::Allowed) {
//!     (allowed.clone(), allowed)
//! }
//! ```

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

mod fair;
#[cfg(test)]
mod fuzz;
mod gate;
mod network;
mod policy;
mod rehearsal;
mod scan;
mod service;
mod session;
mod sign;
mod strikes;

pub use gate::Gate;
pub use network::IssuerNetwork;
pub use network::Way;
pub use policy::Allowed;
pub use policy::Grant;
pub use policy::PublicRule;
pub use rehearsal::FAKE;
pub use rehearsal::Fault;
pub use rehearsal::Piece;
pub use rehearsal::Play;
pub use rehearsal::Played;
pub use rehearsal::Rehearsal;
pub use rehearsal::Reply;
pub use rehearsal::Script;
pub use rehearsal::Sent;
pub use rehearsal::unanswered;
pub use scan::minted::credential_name;
pub use service::Decision;
pub use service::EnforcedBy;
pub use service::Explained;
pub use service::ExplainedScope;
pub use service::ExplainedSignIn;
pub use service::Services;
pub use session::RequestRecord;
pub use session::Session;
pub use session::Watcher;
pub use strikes::STRIKES;
pub use strikes::StrikeBook;
pub use strikes::StrikesInMemory;
