//! The rooms and their walls, held by a machine: who depends on whom, and how long a file may be.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Lines of a file, its unit tests included. Beyond that nobody reads it whole.
const MOST_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names of all packages that a package is built of, itself included.
fn tree(package: &str) -> Vec<String> {
    let output = Command::new("cargo")
        .args(["tree", "--offline", "--locked", "--target", "all", "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn a2_sandbox_and_worker_cannot_name_a_token_a_client_or_a_keychain() {
    for room in ["hotcell-sandbox", "hotcell-worker"] {
        let tree = tree(room);
        assert!(tree.iter().any(|name| name == "wasmtime"), "the tree is not that of {room}: {tree:?}");
        for name in &tree {
            let forbidden =
                ["hotcell-vault", "hotcell-gate", "hotcell", "reqwest", "hyper", "rustls", "wasmtime-wasi-http"];
            assert!(!forbidden.contains(&name.as_str()) && !name.contains("keyring"), "{room} depends on {name}");
        }
    }
}

#[test]
fn rooms_depend_one_way_only() {
    let ours = |package: &str| {
        let mut names: Vec<_> = tree(package).into_iter().filter(|name| name.starts_with("hotcell")).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(ours("hotcell-protocol"), ["hotcell-protocol"]);
    assert_eq!(ours("hotcell-vault"), ["hotcell-protocol", "hotcell-vault"]);
    assert_eq!(ours("hotcell-gate"), ["hotcell-gate", "hotcell-protocol", "hotcell-vault"]);
    assert_eq!(ours("hotcell-sandbox"), ["hotcell-protocol", "hotcell-sandbox"]);
    assert_eq!(ours("hotcell-template"), ["hotcell-template"]);
    assert_eq!(ours("hotcell-worker"), ["hotcell-protocol", "hotcell-sandbox", "hotcell-worker"]);
}

#[test]
fn no_http_client_but_the_gates_and_no_wasi_http_anywhere() {
    let tree = tree("hotcell");
    for name in ["wasmtime-wasi-http", "openssl-sys", "native-tls", "h2", "cookie_store", "wasmtime-cache"] {
        assert!(!tree.iter().any(|found| found == name), "hotcell is built with {name}");
    }
}

#[test]
fn no_file_is_too_long_to_be_read_whole() {
    let mut files = Vec::new();
    for folder in ["host", "guest-sdk", "example-tools", "tests", "wit"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 80, "only {} files were found", files.len());
    let long: Vec<_> = files.iter().filter(|(_, lines)| *lines > MOST_LINES).collect();
    assert!(long.is_empty(), "longer than {MOST_LINES} lines: {long:?}");
}

#[test]
fn every_example_tool_is_short_and_has_a_manifest_and_a_page() {
    for tool in ["private-api", "public-api", "registry"] {
        let folder = root().join("example-tools").join(tool);
        assert!(!folder.join("src").exists() && folder.join("README.md").is_file(), "{tool} is a tool without code");
        assert!(std::fs::read_to_string(folder.join("hotcell.toml")).unwrap().lines().count() < 60, "{tool}");
    }
    for tool in ["github-issues", "prober", "supabase-registry"] {
        let folder = root().join("example-tools").join(tool);
        let lines = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap().lines().count();
        assert!(lines < 120, "{tool} has {lines} lines");
        for file in ["hotcell.toml", "README.md"] {
            assert!(folder.join(file).is_file(), "{tool} has no {file}");
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, usize)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "wit" || ending == "mjs") {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            files.push((path, lines));
        }
    }
}
