//! Lines for the person who runs the tool. `println!` and `eprintln!` arrive in the same log, as `info` and `warn`.

use crate::bindings::hotcell::tool::log;

/// For the tool's author.
pub fn debug(message: &str) {
    log::write(log::Level::Debug, message);
}

/// Ordinary.
pub fn info(message: &str) {
    log::write(log::Level::Info, message);
}

/// Worth a look.
pub fn warn(message: &str) {
    log::write(log::Level::Warn, message);
}

/// Something failed.
pub fn error(message: &str) {
    log::write(log::Level::Error, message);
}
