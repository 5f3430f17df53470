//! `hotcell mcp add`: a client's own file gets one more server, and nothing else of it changes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic and prepare files"
)]

use std::path::Path;
use std::path::PathBuf;

use hotcell_tests::Cell;
use hotcell_tests::Ran;
use serde_json::Value;
use serde_json::json;

/// A home folder of this test, with its XDG folders in it.
fn add(cell: &Cell, args: &[&str]) -> Ran {
    let home = cell.path().join("home").display().to_string();
    let config = cell.path().join("home/.config").display().to_string();
    let args = [&["mcp", "add"], args].concat();
    cell.hotcell_with(&args, "", &[("HOME", &home), ("XDG_CONFIG_HOME", &config)])
}

fn file(cell: &Cell, path: &str) -> PathBuf {
    cell.path().join("home").join(path)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn each_client_gets_its_own_file_and_a_second_time_changes_nothing() {
    let cell = Cell::new("hc_");
    for (client, path) in [
        ("claude", ".claude.json"),
        ("claude-desktop", ".config/Claude/claude_desktop_config.json"),
        ("vscode", ".config/Code/User/mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("codex", ".codex/config.toml"),
        ("goose", ".config/goose/config.yaml"),
    ] {
        let path = file(&cell, path);
        let printed = add(&cell, &[client, "--print"]).exits(0);
        assert!(printed.stdout.contains("hotcell") && printed.stdout.contains("serve"), "{printed:?}");
        assert!(!path.exists(), "--print writes nothing");
        add(&cell, &[client]).exits(6).says("--yes");
        assert!(!path.exists(), "nobody was asked");
        add(&cell, &[client, "--yes"]).exits(0).says("written");
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written.contains(printed.stdout.trim_end()), "{written}\n{}", printed.stdout);
        assert!(written.contains("HOTCELL_STATE"), "{written}");
        add(&cell, &[client, "--yes"]).exits(0).says("already");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_is_merged_copied_first_and_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let cell = Cell::new("hc_");
    let path = file(&cell, ".cursor/mcp.json");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let old = r#"{"mcpServers": {"other": {"url": "https://x.example", "odd": [1.5, null]}}, "mine": true}"#;
    std::fs::write(&path, old).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    add(&cell, &["cursor", "--yes"]).exits(0).says("beside it");
    let written = read(&path);
    assert_eq!(written["mine"], true);
    assert_eq!(written["mcpServers"]["other"], json!({"url": "https://x.example", "odd": [1.5, null]}));
    assert_eq!(written["mcpServers"]["hotcell"]["args"], json!(["serve"]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let copies: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().flatten().collect();
    let copy = copies.iter().find(|entry| entry.file_name() != "mcp.json").unwrap();
    assert_eq!(std::fs::read_to_string(copy.path()).unwrap(), old);

    // A link leads to the file that is meant.
    let real = cell.path().join("dotfiles.json");
    std::fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink(&real, &path).unwrap();
    std::fs::write(&real, old).unwrap();
    add(&cell, &["cursor", "--yes"]).exits(0);
    assert!(std::fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(read(&real)["mcpServers"]["hotcell"]["args"], json!(["serve"]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_broken_file_is_left_alone_and_project_files_are_here() {
    let cell = Cell::new("hc_");
    let path = file(&cell, ".claude.json");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{\"mcpServers\": {").unwrap();
    add(&cell, &["claude", "--yes"]).exits(6).says("nothing was changed");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"mcpServers\": {");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no copy either");
    add(&cell, &["goose", "--project", "--yes"]).exits(6);
    let printed = add(&cell, &["vscode", "--project", "--print"]).exits(0).says(".vscode/mcp.json");
    assert_eq!(printed.json()["servers"]["hotcell"]["type"], "stdio");
}
