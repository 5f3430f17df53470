//! `cargo x`: the commands of this repository.

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
#![allow(
    clippy::disallowed_methods,
    reason = "a developer's tool: it works on the paths of this repository and its cache"
)]

mod commands;
mod guests;
mod lint;
mod places;
mod run;
mod say;
mod servers;
mod setup;
mod test;
mod wasi_sdk;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match commands::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            say::failed(&failed);
            ExitCode::from(failed.code)
        }
    }
}
