//! How far a long action has come.

use crate::bindings::hotcell::tool::progress;

/// Reports `done` of `total` units, with a short note. More than ten reports a second are merged.
pub fn report(done: u64, total: Option<u64>, note: Option<&str>) {
    progress::report(done, total, note);
}
