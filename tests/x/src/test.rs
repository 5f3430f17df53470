//! Every test of the repository.

use std::process::Command;

use crate::guests;
use crate::lint;
use crate::places;
use crate::run::Done;
use crate::run::output;
use crate::run::shown;
use crate::say;

/// `cargo x test`. The test runner's own summary is the last that is printed.
pub(crate) fn all(args: &[String]) -> Done {
    let (own, filters) = match args.iter().position(|arg| arg == "--") {
        Some(at) => (args.get(..at).unwrap_or_default(), args.get(at + 1..).unwrap_or_default()),
        None => (args, &[][..]),
    };
    guests::build(&[])?;
    if !own.iter().any(|arg| arg == "--no-lint") {
        lint::all()?;
    }
    say::step("building hotcell (the first time takes several minutes: wasmtime is compiled)");
    shown(places::cargo().args(["build", "--package", "hotcell"]))?;
    say::step("documentation tests");
    shown(places::cargo().args(["test", "--quiet", "--workspace", "--doc"]))?;
    let sdk = places::root().join("guest-sdk/Cargo.toml");
    shown(
        places::cargo()
            .args(["test", "--quiet", "--manifest-path"])
            .arg(sdk)
            .env("CARGO_TARGET_DIR", places::target().join("guests/host")),
    )?;
    say::step("tests");
    let mut tests = places::cargo();
    match output(Command::new("cargo").args(["nextest", "--version"])) {
        Some(_) => tests.args(["nextest", "run", "--workspace"]).args(filters),
        None => tests.args(["test", "--workspace", "--tests", "--"]).args(filters),
    };
    shown(tests.env("HOTCELL_GUESTS", places::guests()))
}

/// `cargo x figures`
pub(crate) fn figures() -> Done {
    guests::build(&[])?;
    say::step("building in release mode (the first time takes several minutes)");
    shown(places::cargo().args([
        "build",
        "--release",
        "--package",
        "hotcell",
        "--package",
        "hotcell-tests",
        "--bins",
    ]))?;
    let mut run = Command::new(places::target().join("release/figures"));
    shown(run.current_dir(places::root()).env("HOTCELL_GUESTS", places::guests()))
}
