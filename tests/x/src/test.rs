//! Every test of the repository, and the figures.

use std::process::Command;

use crate::commands;
use crate::guests;
use crate::lint;
use crate::places;
use crate::run::Done;
use crate::run::output;
use crate::run::passed_on;
use crate::run::shown;
use crate::say;
use crate::servers;

const NO_LINT: &str = "--no-lint";
const NO_SERVERS: &str = "--no-servers";
const OPTIONS: [&str; 2] = [NO_LINT, NO_SERVERS];

/// `cargo x test`. The test runner's own summary is the last that is printed.
pub(crate) fn all(args: &[String]) -> Done {
    let (own, runners) = commands::split(args);
    if let Some(unknown) = own.iter().find(|arg| !OPTIONS.contains(&arg.as_str())) {
        return Err(commands::wrong("test", unknown));
    }
    let without = |option: &str| own.iter().any(|arg| arg == option);
    guests::say_how_long();
    guests::build(&[])?;
    let servers = if without(NO_SERVERS) { "none".into() } else { servers::bring()? };
    if !without(NO_LINT) {
        lint::all()?;
    }
    // The test of the rooms looks at the crates of every system, without a network.
    say::step("cargo fetch");
    shown(places::cargo().args(["fetch", "--locked"]))?;
    say::step("building hotcell");
    // The features of the whole workspace, as the tests have them: one package's own would compile the engine once more.
    shown(places::cargo().args(["build", "--workspace", "--bins"]))?;
    if runners.is_empty() {
        documentation_and_sdk()?;
    }
    say::step("tests");
    let mut tests = places::cargo();
    match output(Command::new("cargo").args(["nextest", "--version"])) {
        Some(_) => tests.args(["nextest", "run"]),
        None => tests.args(["test", "--tests"]),
    };
    // Cargo takes `--package` beside `--workspace`, and tests all the same.
    if !runners.iter().any(|arg| arg == "-p" || arg.starts_with("--package")) {
        tests.arg("--workspace");
    }
    shown(tests.args(runners).env("HOTCELL_GUESTS", places::guests()).env(servers::VARIABLE, servers))
}

/// What the test runner does not run.
fn documentation_and_sdk() -> Done {
    say::step("documentation tests");
    shown(places::cargo().args(["test", "--quiet", "--workspace", "--doc"]).env("HOTCELL_GUESTS", places::guests()))?;
    // The SDK's own tests, and those that use it as a tool does.
    for workspace in ["guest-sdk", "tests/sdk"] {
        say::step(&format!("tests of {workspace}"));
        let mut tests = places::cargo();
        tests.args(["test", "--quiet", "--workspace", "--manifest-path"]);
        tests.arg(places::root().join(workspace).join("Cargo.toml"));
        shown(tests.env("CARGO_TARGET_DIR", places::guests_target().join("host")))?;
    }
    Ok(())
}

/// `cargo x hostile`
pub(crate) fn hostile(args: &[String]) -> Done {
    let mut names = args.iter().filter(|arg| *arg != "--in-process");
    if let (Some(_), Some(second)) = (names.next(), names.next()) {
        return Err(commands::wrong("hostile", second));
    }
    guests::build(&[])?;
    say::step("building hotcell and the corpus");
    let packages = ["--package", "hotcell", "--package", "hotcell-tests", "--bins"];
    shown(places::cargo().arg("build").args(packages))?;
    let mut run = program("debug", "hostile");
    passed_on(run.args(args).current_dir(places::root()).env("HOTCELL_GUESTS", places::guests()))
}

/// Fuzz targets. Each is a test, `fuzz_NAME`, that goes on for as long as it is told.
const TARGETS: [&str; 10] =
    ["addresses", "bodies", "headers", "manifest", "ops", "policy", "scan", "template", "values", "wire"];
/// The packages that have them. Always all, so that what is under them is built once.
const PACKAGES: [&str; 10] = [
    "--package",
    "hotcell-gate",
    "--package",
    "hotcell-sandbox",
    "--package",
    "hotcell-template",
    "--package",
    "hotcell-tests",
    "--package",
    "hotcell-worker",
];

/// The test programs of these packages that have targets.
const WHERE: [&str; 5] = ["--lib", "--test", "fuzz", "--test", "fuzz_manifest"];

/// `cargo x fuzz`
pub(crate) fn fuzz(args: &[String]) -> Done {
    let (wanted, seconds) = match args {
        [] => (None, "10"),
        [one] if one.parse::<u64>().is_ok() => (None, one.as_str()),
        [target] => (Some(target), "10"),
        [target, seconds] if seconds.parse::<u64>().is_ok() => (Some(target), seconds.as_str()),
        [.., last] => return Err(commands::wrong("fuzz", last)),
    };
    if let Some(unknown) = wanted.filter(|wanted| !TARGETS.contains(&wanted.as_str())) {
        return Err(commands::wrong("fuzz", unknown));
    }
    say::step("building the targets in release mode (the first time takes several minutes)");
    for name in TARGETS.iter().filter(|name| wanted.is_none_or(|wanted| wanted == *name)) {
        let mut tests = places::cargo();
        tests.args(["test", "--release"]).args(PACKAGES).args(WHERE);
        tests.args(["--", "--nocapture", &format!("fuzz_{name}")]);
        shown(tests.env("HOTCELL_FUZZ_SECONDS", seconds))?;
    }
    Ok(())
}

/// A program of this build.
fn program(profile: &str, name: &str) -> Command {
    Command::new(places::target().join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// `cargo x bench`
pub(crate) fn bench(args: &[String]) -> Done {
    if let [first, ..] = args {
        return Err(commands::wrong("bench", first));
    }
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
    for name in ["figures", "figures_walls", "figures_mcp", "gate-cost"] {
        shown(program("release", name).current_dir(places::root()).env("HOTCELL_GUESTS", places::guests()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_option_is_refused_before_anything_is_built() {
        for wrong in ["--no-lints", "a_filter_without_dashes"] {
            let failed = all(&[wrong.to_owned()]).unwrap_err();
            assert!(failed.code == 2 && failed.what.contains(wrong), "{failed:?}");
        }
        assert_eq!(bench(&["--fast".to_owned()]).unwrap_err().code, 2);
        let three = ["a", "b", "c"].map(str::to_owned);
        assert_eq!((hostile(&three).unwrap_err().code, fuzz(&three).unwrap_err().code), (2, 2));
        assert_eq!(fuzz(&["no-such-target".to_owned()]).unwrap_err().code, 2);
    }

    /// Cargo refuses a flag of this kind that comes twice, and then nothing is fuzzed.
    #[test]
    fn no_flag_of_cargos_comes_twice() {
        for (place, flag) in WHERE.iter().enumerate() {
            let before = WHERE.iter().take(place).any(|before| before == flag);
            assert!(!before || *flag == "--test", "{flag} twice");
        }
    }
}
