//! `cargo x`: the commands of this repository.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "a developer's tool: it works on the paths of this repository and its cache"
)]

mod guests;
mod lint;
mod places;
mod run;
mod say;
mod setup;
mod test;

use std::process::ExitCode;

use run::Failed;

const HELP: &str = "\
cargo x: the commands of this repository

  cargo x demo [--json]       run the main job: a real tool, sandboxed, on a real HTTP server, with an injected token
  cargo x test [-- FILTER…]   run every test, lints included; --no-lint leaves those out, --lib builds no guests
  cargo x setup               bring the WebAssembly guest toolchain (other commands do this by themselves);
                              --debian makes it of Debian packages, as where rustup's server is out of reach
  cargo x guests [NAME…]      build the example tools and the test guests; --print-dir prints where they are
  cargo x lint                format, clippy, dependency rules
  cargo x hotcell [ARGS…]     build and run the hotcell command
  cargo x figures             measure: raw wasmtime against a call, whole processes, memory

Variables: CARGO_TARGET_DIR (build folder), HOTCELL_CACHE (guest toolchain; default: the user's cache folder)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = args.split_first().map_or(("help", &[][..]), |(command, rest)| (command.as_str(), rest));
    let done = match command {
        "demo" => guests::demo(rest),
        "figures" => test::figures(),
        "guests" => guests::command(rest),
        "hotcell" => guests::hotcell(rest),
        "lint" => lint::all(),
        "setup" => setup::command(rest),
        "test" => test::all(rest),
        "help" | "-h" | "--help" => {
            say::line(HELP);
            Ok(())
        }
        other => Err(Failed::new(format!("`{other}` is no command of cargo x"), "cargo x --help lists them")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            say::failed(&failed);
            ExitCode::from(failed.code)
        }
    }
}
