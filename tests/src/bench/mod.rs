//! What measuring programs share: the limit under us, a world without anything, a table for a person and a file for a machine.

mod raw;
mod report;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::GuestError;
use hotcell_protocol::LogLine;
use hotcell_protocol::Outside;
use hotcell_protocol::Progress;
use hotcell_protocol::Waiting;

pub use raw::Raw;
pub use report::Report;
pub use report::Spread;

/// How long a change of grants is read anew each time (see `ReadOnce` in the host): what is measured is what comes after.
pub const SETTLED: std::time::Duration = std::time::Duration::from_millis(2_100);

/// A world that has nothing.
pub struct Nothing;

impl Outside for Nothing {
    fn send(&self, _: Asked) -> Waiting<'_, Result<Answer, GuestError>> {
        Box::pin(async { Err(GuestError::Denied) })
    }

    fn origin(&self, _: &str) -> Result<String, GuestError> {
        Err(GuestError::Denied)
    }

    fn log(&self, _: LogLine) {}

    fn progress(&self, _: Progress) {}
}
