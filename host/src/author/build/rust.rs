//! Rust: cargo builds for `wasm32-wasip2`, with the author's own toolchain or the one that `cargo x setup` made.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use serde::Deserialize;

use super::Made;
use super::Profile;
use crate::author::project::Project;
use crate::author::run;
use crate::author::run::Heard;
use crate::author::run::Say;
use crate::folders;

const TARGET: &str = "wasm32-wasip2";
/// The toolchain that stands in where rustup cannot download the target.
const LINKED: &str = "hotcell-guest";
const INSTALL_RUST: &str = "install Rust with rustup: https://rustup.rs";

/// Builds the project's package.
pub(super) fn build(project: &Project, profile: Profile, say: Say<'_>) -> Result<Made, Refusal> {
    let mut cargo = Command::new("cargo");
    let named = format!("+{LINKED}");
    if toolchain(&project.folder)? == Toolchain::Linked {
        cargo.arg(&named);
    }
    cargo.args(["build", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    cargo.args(["--manifest-path"]).arg(project.path("Cargo.toml")).current_dir(&project.folder);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    clean(&mut cargo);
    say(Heard::Step("compiling with cargo"));
    let output = run::builder(&mut cargo, INSTALL_RUST, say)?;
    let file = component(&output).ok_or_else(no_component)?;
    Ok(Made { component: folders::read_named_file(&file, limits::COMPONENT_BYTES)? })
}

/// Flags that a person set are for the host, and those of a cargo around this process for another package.
fn clean(command: &mut Command) {
    for variable in ["CARGO", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
}

/// Which toolchain builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Toolchain {
    Linked,
    Own,
}

fn toolchain(folder: &Path) -> Result<Toolchain, Refusal> {
    let mut rustc = Command::new("rustc");
    clean(rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder));
    if run::answer(&mut rustc).is_some_and(|libraries| has_libraries(Path::new(libraries.trim()))) {
        return Ok(Toolchain::Own);
    }
    let listed = run::answer(Command::new("rustup").args(["toolchain", "list"]));
    if listed.is_some_and(|listed| listed.lines().any(|line| line.split_whitespace().next() == Some(LINKED))) {
        return Ok(Toolchain::Linked);
    }
    if run::answer(Command::new("cargo").arg("--version")).is_none() {
        return Err(Refusal::new(
            Code::BuildFailed,
            "cargo is not installed, which builds tools in Rust",
            INSTALL_RUST,
        ));
    }
    Err(Refusal::new(
        Code::BuildFailed,
        format!("Rust has no libraries for {TARGET}, which tools are built for"),
        format!("rustup target add {TARGET}"),
    ))
}

/// Where a target was taken away again, its empty folder can stay.
fn has_libraries(folder: &Path) -> bool {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|ending| ending == "rlib"))
}

/// A message of cargo (the cargo book, "External tools", JSON messages).
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The last component that cargo made: the package's own comes after those that it depends on.
fn component(messages: &[u8]) -> Option<PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n').rev();
    let mut files = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    files.find_map(|message| message.filenames.into_iter().find(|file| file.extension().is_some_and(|e| e == "wasm")))
}

fn no_component() -> Refusal {
    Refusal::new(
        Code::BuildFailed,
        "cargo built the project, but made no component of it",
        "Cargo.toml needs: [lib] and below it crate-type = [\"cdylib\"]",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_own_component_is_the_last_that_cargo_names() {
        let messages = br#"{"reason":"compiler-artifact","filenames":["/t/deps/dep.wasm"]}
{"reason":"compiler-artifact","filenames":["/t/libx.rlib","/t/x.wasm"]}
{"reason":"build-finished","success":true}
not JSON
"#;
        assert_eq!(component(messages), Some(PathBuf::from("/t/x.wasm")));
        assert_eq!(component(b"{\"filenames\":[\"/t/libx.rlib\"]}\n"), None);
    }

    #[test]
    fn a_target_folder_without_libraries_is_no_target() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_libraries(folder.path()) && !has_libraries(&folder.path().join("none")));
        std::fs::write(folder.path().join("libcore.rlib"), "").unwrap();
        assert!(has_libraries(folder.path()));
    }
}
