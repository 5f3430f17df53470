//! The schemas that agents see, of every WIT type and of shapes like those of popular servers, as they were looked at once. A
//! change shows as a difference to `tests/golden/*.json`; `HOTCELL_GOLDEN=write` writes them anew, to be looked at again.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic and prepare files"
)]

use std::path::Path;

use hotcell_tests::Agent;
use hotcell_tests::Cell;
use hotcell_tests::Revision;
use serde_json::Value;
use serde_json::json;
use wit_component::ComponentEncoder;
use wit_component::StringEncoding;
use wit_component::embed_component_metadata;
use wit_parser::ManglingAndAbi;
use wit_parser::Resolve;

/// A component that exports the WIT's world. Its functions end at once; nobody calls them.
fn component(wit: &Path) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str(wit, &std::fs::read_to_string(wit).unwrap()).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// What an agent is told of each action of the tool.
fn told(name: &str) -> Value {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let cell = Cell::new("hc_");
    let file = cell.path().join("tool.wasm");
    std::fs::write(&file, component(&golden.join(format!("{name}.wit")))).unwrap();
    let manifest = golden.join(format!("{name}.toml"));
    cell.hotcell(&["install", "--yes", file.to_str().unwrap(), "--manifest", manifest.to_str().unwrap()]).exits(0);
    let mut agent = Agent::start(&cell, Revision::November2025, json!({}));
    let listed = agent.ask("tools/list", json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    let told = tools.iter().map(|tool| {
        let mut told = json!({"name": tool["name"], "description": tool["description"], "takes": tool["inputSchema"]});
        if let Some(schema) = tool.get("outputSchema") {
            told["gives"] = schema.clone();
        }
        told
    });
    told.collect()
}

fn is_as_looked_at(name: &str, actions: usize) {
    let told = told(name);
    assert_eq!(told.as_array().unwrap().len(), actions);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.json"));
    let text = format!("{}\n", serde_json::to_string_pretty(&told).unwrap());
    if std::env::var_os("HOTCELL_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, &text).unwrap();
    }
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (now, then) in told.as_array().unwrap().iter().zip(golden.as_array().unwrap()) {
        assert_eq!(now, then, "{} of {name} is told otherwise than golden/{name}.json", now["name"]);
    }
    assert_eq!(told, golden, "golden/{name}.json has other actions");
}

#[test]
fn every_type_is_told_as_it_was_looked_at() {
    is_as_looked_at("every-type", 18);
}

#[test]
fn tools_on_files_are_told_as_they_were_looked_at() {
    is_as_looked_at("files", 11);
}

#[test]
fn twenty_actions_on_issues_are_told_as_they_were_looked_at() {
    is_as_looked_at("issues", 20);
}
