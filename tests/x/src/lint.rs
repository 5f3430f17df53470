//! Format, clippy, dependency rules.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::commands;
use crate::places;
use crate::run::Done;
use crate::run::Ended;
use crate::run::io;
use crate::run::output;
use crate::run::shown;
use crate::run::within;
use crate::say;
use crate::setup;
use crate::setup::TARGET;
use crate::setup::Toolchain;

/// Cargo packages outside the root workspace. Not all need be there.
const OTHERS: [&str; 4] = ["guest-sdk", "example-tools", "tests/guests", "tests/sdk"];
/// Guests that use what only WebAssembly has: clippy cannot read them for the host.
const WASM_ONLY: [(&str, &str); 1] = [("example-tools", "prober")];
/// The walls of clippy.toml are the host's: a guest has no folder and no client to go around. What
/// wit-bindgen generates has no page on safety, and as many arguments as the canonical ABI wants.
const NOT_OF_GUESTS: [&str; 4] = ["disallowed_methods", "disallowed_types", "missing_safety_doc", "too_many_arguments"];
/// The cargo-deny that reads deny.toml as it is written.
const DENY_VERSION: &str = "0.20.2";
/// How long the advisory database may take to come.
const ADVISORIES_WAIT: Duration = Duration::from_secs(60);

/// `cargo x lint`
pub(crate) fn command(args: &[String]) -> Done {
    match args {
        [] => all(),
        [first, ..] => Err(commands::wrong("lint", first)),
    }
}

/// All of it.
pub(crate) fn all() -> Done {
    format()?;
    clippy()?;
    clippy_of_guests()?;
    deny()
}

fn others() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let manifests = OTHERS.map(|folder| (folder, places::root().join(folder).join("Cargo.toml")));
    manifests.into_iter().filter(|(_, manifest)| manifest.is_file())
}

fn format() -> Done {
    say::step("cargo fmt --check");
    shown(places::cargo().args(["fmt", "--all", "--check"]))?;
    for (_, manifest) in others() {
        shown(places::cargo().args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest))?;
    }
    Ok(())
}

fn clippy() -> Done {
    say::step("cargo clippy, warnings are errors");
    shown(places::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn clippy_of_guests() -> Done {
    let plain = setup::found() == Some(Toolchain::Plain);
    if plain {
        say::step(&format!("cargo clippy for guests, on {TARGET}"));
    } else {
        let left_out: Vec<_> = WASM_ONLY.iter().map(|(_, name)| *name).collect();
        say::step("cargo clippy for guests, on this system");
        say::note(&format!("the guest toolchain has no clippy; left out, because only {TARGET} has what it uses:"));
        say::note(&left_out.join(", "));
    }
    for (folder, manifest) in others() {
        let mut cargo = places::cargo();
        cargo.args(["clippy", "--workspace", "--manifest-path"]).arg(manifest);
        if plain {
            cargo.args(["--target", TARGET]).env("CARGO_TARGET_DIR", places::guests_target());
            cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        } else {
            for (_, name) in WASM_ONLY.iter().filter(|(of, _)| *of == folder) {
                cargo.args(["--exclude", name]);
            }
            cargo.env("CARGO_TARGET_DIR", places::guests_target().join("host"));
        }
        shown(cargo.args(["--", "-D", "warnings"]).args(NOT_OF_GUESTS.map(|lint| format!("-Aclippy::{lint}"))))?;
    }
    Ok(())
}

/// The program: the one that is installed, or one of its own in the cache folder, brought where it is missing. `None` where it
/// cannot be had, which is said.
fn cargo_deny() -> Done<Option<PathBuf>> {
    let installed = PathBuf::from("cargo-deny");
    if output(Command::new(&installed).arg("--version")).is_some() {
        return Ok(Some(installed));
    }
    places::make_cache()?;
    let folder = places::cache().join("tools");
    let own = folder.join(format!("bin/cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if output(Command::new(&own).arg("--version")).is_some_and(|says| says.contains(DENY_VERSION)) {
        return Ok(Some(own));
    }
    say::step(&format!("building cargo-deny {DENY_VERSION} into the cache folder (a few minutes, once)"));
    let log = places::cache().join("cargo-deny.log");
    let mut install = places::cargo();
    install.args(["install", "cargo-deny", "--locked", "--version", DENY_VERSION, "--root"]).arg(&folder);
    install.args(["--target-dir"]).arg(places::cache().join("tools/target"));
    let ended = within(&mut install, None, &log)?;
    drop(std::fs::remove_dir_all(places::cache().join("tools/target")));
    if ended == Ended::Well {
        return Ok(Some(own));
    }
    say::note(&format!("left out: cargo deny, because it cannot be built here (see {})", log.display()));
    Ok(None)
}

/// Dependency rules. The advisory database is fetched from a public repository: where that is out of reach, the other rules
/// are checked alone, and this is said.
fn deny() -> Done {
    let Some(program) = cargo_deny()? else { return Ok(()) };
    say::step("cargo deny");
    let cargo_deny = || {
        let mut command = Command::new(&program);
        command.current_dir(places::root());
        command
    };
    // Fetched first, with a limit, so that a dead network neither hangs nor fails what needs none.
    let log = places::target().join("cargo-deny.log");
    io(std::fs::create_dir_all(places::target()), &places::target())?;
    io(std::fs::File::create(&log), &log)?;
    if within(cargo_deny().args(["fetch", "db"]), Some(ADVISORIES_WAIT), &log)? == Ended::Well {
        return shown(cargo_deny().args(["-L", "error", "check", "--disable-fetch"]));
    }
    say::note(&format!("left out: advisories, because their database cannot be reached (see {})", log.display()));
    shown(cargo_deny().args(["-L", "error", "check", "bans", "licenses", "sources"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_outside_the_workspace_are_linted_where_they_are() {
        let folders: Vec<_> = others().map(|(folder, _)| folder).collect();
        assert!(folders.contains(&"guest-sdk") && folders.contains(&"example-tools"));
    }

    #[test]
    fn a_guest_that_is_left_out_is_a_guest() {
        for (folder, name) in WASM_ONLY {
            assert!(places::root().join(folder).join(name).join("Cargo.toml").is_file(), "{name}");
        }
    }

    #[test]
    fn lint_takes_no_argument() {
        assert_eq!(command(&["--fix".to_owned()]).unwrap_err().code, 2);
    }
}
