//! The cookbook: each tool of its pages runs, in the sandbox, against the answers that are written for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic and prepare files"
)]

use std::path::Path;

use hotcell_tests::Cell;
use hotcell_tests::programs;

/// Code blocks of a page, in order.
fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("```toml\n").skip(1);
    parts.map(|part| part.split_once("```").unwrap().0.to_owned()).collect()
}

/// Manifests, each with the operator's side that follows it.
fn tools() -> Vec<(String, String, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs");
    let mut tools: Vec<(String, String, String)> = Vec::new();
    for page in ["cookbook.md", "cookbook-2.md"] {
        for block in blocks(&std::fs::read_to_string(docs.join(page)).unwrap()) {
            if block.starts_with("[service.") {
                tools.last_mut().unwrap().2 = block;
            } else {
                let name = block.lines().next().unwrap().split('"').nth(1).unwrap().to_owned();
                tools.push((name, block, String::new()));
            }
        }
    }
    tools
}

#[test]
fn every_tool_of_the_cookbook_does_what_its_page_says() {
    let tools = tools();
    assert_eq!(tools.len(), 10);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("cookbook");
    let executors = programs::guest("http-executor");
    let executor = executors.to_str().unwrap();
    for (name, manifest, service) in tools {
        let cell = Cell::new("hc_");
        let project = cell.path().join("project");
        std::fs::create_dir_all(project.join("tests")).unwrap();
        std::fs::write(project.join("hotcell.toml"), manifest).unwrap();
        if !service.is_empty() {
            std::fs::write(project.join("service.toml"), service).unwrap();
        }
        std::fs::copy(own.join(format!("{name}.toml")), project.join("tests/cases.toml")).unwrap();
        let ran = cell.hotcell(&["test", project.to_str().unwrap(), "--executor", executor, "--json"]);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        // Its rules are no wider than what its cases use.
        assert!(!ran.stdout.contains("\"used\":false") && !ran.stdout.contains("\"used\": false"), "{name}: {ran:?}");
    }
}
