//! Format, clippy, dependency rules.

use std::process::Command;
use std::time::Duration;

use crate::places;
use crate::run::Done;
use crate::run::output;
use crate::run::shown;
use crate::run::succeeds_within;
use crate::say;

/// Cargo packages outside the root workspace.
const OTHERS: [&str; 3] = ["guest-sdk", "example-tools", "tests/guests"];
/// Guests that use what only WebAssembly has: clippy, which runs on the host here, cannot see them.
const WASM_ONLY: [&str; 1] = ["prober"];

/// `cargo x lint`
pub(crate) fn all() -> Done {
    format()?;
    clippy()?;
    deny()
}

fn format() -> Done {
    say::step("cargo fmt --check");
    shown(places::cargo().args(["fmt", "--all", "--check"]))?;
    for package in OTHERS {
        let manifest = places::root().join(package).join("Cargo.toml");
        shown(places::cargo().args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest))?;
    }
    Ok(())
}

fn clippy() -> Done {
    say::step("cargo clippy, warnings are errors");
    shown(places::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // The guest toolchain has no clippy of its own: guests are checked for the host, which their code compiles for too.
    for package in OTHERS {
        let mut cargo = places::cargo();
        cargo.args(["clippy", "--manifest-path"]).arg(places::root().join(package).join("Cargo.toml"));
        if package != "guest-sdk" {
            cargo.arg("--workspace");
        }
        if package == "example-tools" {
            for name in WASM_ONLY {
                cargo.args(["--exclude", name]);
            }
        }
        cargo.env("CARGO_TARGET_DIR", places::target().join("guests/host")).args(["--", "-D", "warnings"]);
        shown(&mut cargo)?;
    }
    Ok(())
}

/// Dependency rules. The advisory database is fetched from a public repository: where that is out of reach, the other rules
/// are checked alone, and this is said.
fn deny() -> Done {
    if output(Command::new("cargo").args(["deny", "--version"])).is_none() {
        say::note(
            "cargo-deny is not installed: advisories, licences and sources are not checked (cargo install cargo-deny --locked)",
        );
        return Ok(());
    }
    say::step("cargo deny");
    if succeeds_within(places::cargo().args(["deny", "fetch", "db"]), Duration::from_secs(30)) {
        return shown(places::cargo().args(["deny", "--all-features", "check"]));
    }
    say::note("the advisory database cannot be reached: advisories are not checked");
    shown(places::cargo().args(["deny", "--all-features", "check", "bans", "licenses", "sources"]))
}
