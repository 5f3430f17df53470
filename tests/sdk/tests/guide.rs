//! The guide's first tool, from its own two files alone: it is a project that compiles.

use std::path::Path;
use std::process::Command;

const GUIDE: &str = include_str!("../../../docs/rust.md");

/// The first snippet in this language.
fn snippet(language: &str) -> &'static str {
    let (_, after) = GUIDE.split_once(&format!("```{language}\n")).unwrap();
    after.split_once("```").unwrap().0
}

#[test]
fn the_guides_first_tool_is_a_project_that_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stars");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    // `hotcell new` puts the SDK's sources beside it.
    let sdk = root.join("guest-sdk").display().to_string();
    let manifest = snippet("toml");
    assert!(manifest.contains("\"sdk/guest-sdk\""), "{manifest}");
    let manifest = manifest.replace("sdk/guest-sdk", &sdk.replace('\\', "/")) + "[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The versions that these tests stand on, so that nothing needs to be fetched.
    std::fs::copy(root.join("tests/sdk/Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    std::fs::write(folder.join("src/lib.rs"), snippet("rust")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["check", "--offline", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", target);
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{said}");
}
