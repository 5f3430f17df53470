//! How far a long action has come.

use crate::bindings::hotcell::tool::progress;

/// Reports `done` of `total` units, with a short note. More than ten reports a second are merged.
pub fn report(done: u64, total: Option<u64>, note: Option<&str>) {
    // In unit tests on the author's own machine nobody watches.
    if cfg!(target_arch = "wasm32") {
        progress::report(done, total, note);
    }
}

/// As [`report`], with numbers of any type: `hotcell::progress!(page, pages, "page {page}")`.
pub fn of(done: impl TryInto<u64>, total: impl TryInto<u64>, note: Option<&str>) {
    report(done.try_into().unwrap_or_default(), total.try_into().ok(), note);
}

/// Reports `done` of `total` units, with a note as `format!` takes it, or without: `progress!(3, 10, "page {page}")`.
#[macro_export]
macro_rules! progress {
    ($done:expr, $total:expr $(,)?) => { $crate::progress::of($done, $total, ::std::option::Option::None) };
    ($done:expr, $total:expr, $($note:tt)+) => {
        $crate::progress::of($done, $total, ::std::option::Option::Some(&::std::format!($($note)+)))
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_of_any_type_are_taken_and_no_host_is_needed_in_unit_tests() {
        let names = ["a"];
        crate::progress!(names.len(), 10_u8);
        crate::progress!(-1, -1, "{} names", names.len());
    }
}
