//! Somebody's hand at each link of the chain: it is found, named, and nothing of it runs.

use std::path::Path;
use std::path::PathBuf;

use hotcell_tests::Cell;
use serde_json::json;

use super::call;
use super::mirror;
use super::private;
use super::service;

/// The links of a tool, and the names of those that are broken.
fn broken(cell: &Cell, tool: &str) -> Vec<String> {
    let ran = cell.hotcell(&["inspect", tool, "--chain", "--json"]);
    let chain = ran.json();
    let links = chain["links"].as_array().unwrap();
    let broken: Vec<_> = links.iter().filter(|link| link["good"] == false).collect();
    assert_eq!((ran.code, chain["whole"] == true), if broken.is_empty() { (0, true) } else { (3, false) });
    for link in &broken {
        assert!(link["repair"].as_str().is_some_and(|repair| !repair.is_empty()), "{link}");
    }
    broken.iter().map(|link| link["link"].as_str().unwrap().to_owned()).collect()
}

fn the_file(folder: PathBuf, ending: &str) -> PathBuf {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|found| found == ending)).unwrap()
}

/// Changes a file, calls, looks at the chain, and puts the file back.
fn with_changed(cell: &Cell, file: &Path, change: impl Fn(&mut Vec<u8>), code: i32, links: &[&str]) {
    let before = std::fs::read(file).unwrap();
    let mut changed = before.clone();
    change(&mut changed);
    assert_ne!(changed, before);
    std::fs::write(file, changed).unwrap();
    assert_eq!(broken(cell, "private-api"), links);
    call(cell, "private-api", "list-issues", &json!({"owner": "a", "repo": "r"})).exits(code);
    std::fs::write(file, before).unwrap();
    assert!(broken(cell, "private-api").is_empty());
}

fn replace(bytes: &mut Vec<u8>, old: &str, new: &str) {
    let at = bytes.windows(old.len()).rposition(|window| window == old.as_bytes()).unwrap();
    bytes.splice(at..at + old.len(), new.bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_i2_i10_a_hand_at_any_link_is_found_and_nothing_of_it_runs() {
    let upstream = mirror().await;
    let cell = private(&upstream);
    let text = cell.hotcell(&["inspect", "private-api", "--chain"]).exits(0).stdout;
    let names: Vec<_> = text.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(names, ["manifest", "executor", "package", "grant", "code", "host"]);
    assert!(text.lines().all(|line| line.starts_with('✓')), "{text}");

    let state = cell.places().state;
    let package = the_file(state.join("tools"), "wasm");
    // The manifest's own text, of the same length; then a byte of the executor; then the end is cut off.
    with_changed(&cell, &package, |bytes| replace(bytes, "/issues\"", "/secret\""), 3, &["manifest", "package"]);
    with_changed(
        &cell,
        &package,
        |bytes| replace(bytes, "hotcell:executor", "hotcell:executer"),
        3,
        &["executor", "package"],
    );
    with_changed(&cell, &package, |bytes| bytes.truncate(bytes.len() - 9), 3, &["manifest", "package"]);
    let grants = state.join("grants.lock");
    let digest = |key: &str| {
        let text = std::fs::read_to_string(&grants).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(&format!("{key} = \"")).map(|rest| rest[..64].to_owned()))
            .unwrap()
    };
    let (executor, manifest) = (digest("executor_digest"), digest("manifest_digest"));
    let other = "0".repeat(64);
    with_changed(&cell, &grants, |bytes| replace(bytes, &executor, &other), 3, &["executor"]);
    with_changed(&cell, &grants, |bytes| replace(bytes, &manifest, &other), 3, &["manifest"]);
    // More than the manifest asks for: the action could send it, and the chain says so.
    with_changed(
        &cell,
        &grants,
        |bytes| replace(bytes, "[\"issues:read\"]", "[\"issues:read\", \"issues:write\"]"),
        0,
        &["grant"],
    );
    let code = the_file(cell.places().cache.join("code"), "code");
    let sent = upstream.seen().len();
    with_changed_code(&cell, &code);
    assert_eq!(upstream.seen().len(), sent + 1);
    std::fs::remove_file(&package).unwrap();
    assert_eq!(broken(&cell, "private-api"), ["package"]);
    cell.hotcell(&["inspect", "private-api", "--chain"]).exits(3).says("the link `package`").says("hotcell install");
    cell.hotcell(&["inspect", "nobody", "--chain"]).exits(6).says("unknown-tool");
}

/// Foreign code is told of, and not run: the next call compiles what was granted.
fn with_changed_code(cell: &Cell, code: &Path) {
    let mut bytes = std::fs::read(code).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(code, bytes).unwrap();
    assert_eq!(broken(cell, "private-api"), ["code"]);
    call(cell, "private-api", "list-issues", &json!({"owner": "a", "repo": "r"})).exits(0);
    assert!(broken(cell, "private-api").is_empty(), "it was compiled anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_of_a_tool_with_code_has_a_component_in_place_of_the_executor() {
    let upstream = mirror().await;
    let cell = Cell::new("ghp_");
    cell.config(&service("private-api", "https://api.github.com", &upstream));
    cell.install("github-issues");
    let chain = cell.hotcell(&["inspect", "github-issues", "--chain", "--json"]).exits(0).json();
    let names: Vec<_> = chain["links"].as_array().unwrap().iter().map(|link| link["link"].as_str().unwrap()).collect();
    assert_eq!(names, ["manifest", "component", "package", "grant", "code", "host"]);
    let package = the_file(cell.places().state.join("tools"), "wasm");
    let mut bytes = std::fs::read(&package).unwrap();
    replace(&mut bytes, "Lists and creates", "Lists and deletes");
    std::fs::write(&package, bytes).unwrap();
    assert_eq!(broken(&cell, "github-issues"), ["package"]);
}
