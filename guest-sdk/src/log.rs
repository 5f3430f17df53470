//! Lines for the person who runs the tool. `println!` and `eprintln!` arrive in the same log, as `info` and `warn`.
//!
//! The macros [`debug!`](crate::debug), [`info!`](crate::info), [`warn!`](crate::warn) and [`error!`](crate::error) take what
//! `format!` takes: `hotcell::info!("page {page} of {pages}")`.

use crate::bindings::hotcell::tool::log;

/// For the tool's author.
pub fn debug(message: &str) {
    write(log::Level::Debug, message);
}

/// Ordinary.
pub fn info(message: &str) {
    write(log::Level::Info, message);
}

/// Worth a look.
pub fn warn(message: &str) {
    write(log::Level::Warn, message);
}

/// Something failed.
pub fn error(message: &str) {
    write(log::Level::Error, message);
}

/// In unit tests on the author's own machine there is no host: lines go to standard error.
fn write(level: log::Level, message: &str) {
    if cfg!(target_arch = "wasm32") {
        log::write(level, message);
    } else {
        eprintln!("{level:?}: {message}");
    }
}

/// A line for the tool's author, as [`log::debug`](crate::log::debug).
#[macro_export]
macro_rules! debug {
    ($($text:tt)+) => { $crate::log::debug(&::std::format!($($text)+)) };
}

/// An ordinary line, as [`log::info`](crate::log::info).
#[macro_export]
macro_rules! info {
    ($($text:tt)+) => { $crate::log::info(&::std::format!($($text)+)) };
}

/// A line that is worth a look, as [`log::warn`](crate::log::warn).
#[macro_export]
macro_rules! warn {
    ($($text:tt)+) => { $crate::log::warn(&::std::format!($($text)+)) };
}

/// A line on what failed, as [`log::error`](crate::log::error).
#[macro_export]
macro_rules! error {
    ($($text:tt)+) => { $crate::log::error(&::std::format!($($text)+)) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_are_formatted_and_need_no_host_in_unit_tests() {
        let (page, pages) = (1, 2);
        crate::debug!("page {page}");
        crate::info!("page {page} of {}", pages);
        crate::warn!("{}", page + 1);
        crate::error!("{page:?}",);
    }
}
