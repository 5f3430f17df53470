//! The page on tools without code: each of its examples is read or run as it stands there.

use std::path::Path;

use hotcell::Manifest;
use hotcell_tests::Cell;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use hotcell_tests::programs;
use serde_json::json;

/// The page's blocks of this language.
fn blocks(language: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/declarative.md");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.lines().count() <= 150);
    let parts = text.split("```").skip(1).step_by(2);
    parts.filter_map(|part| part.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_page_on_tools_without_code_works() {
    let upstream = Upstream::start(|seen| Raw::ok(json!({"items": [seen.line()]}).to_string())).await;
    let toml = blocks("toml");
    let [manifest, service, variables, set] = toml.as_slice() else { panic!("{} blocks", toml.len()) };
    let cell = Cell::new("nt_");
    cell.config(&format!("{}\n{set}", service.replace("https://notes.example.com", &upstream.origin())));
    let file = cell.path().join("hotcell.toml");
    std::fs::write(&file, manifest).unwrap();
    let (file, executor) = (file.display().to_string(), programs::guest("http-executor"));
    let folder = executor.parent().unwrap().display().to_string();
    let shell = blocks("sh").concat();
    for line in shell.lines().filter(|line| line.starts_with("hotcell")) {
        let words: Vec<&str> =
            line.split(' ').skip(1).map(|word| if word == "hotcell.toml" { &file } else { word }).collect();
        let yes: &[&str] = match words[0] {
            "install" => &["--yes"],
            "auth" => &["--store", "key-file"],
            _ => &[],
        };
        let words = [words.as_slice(), yes].concat();
        let ran = cell
            .hotcell_with(&words, &format!("{}\n", cell.canary().token()), &[("HOTCELL_EXECUTORS", &folder)])
            .exits(0);
        if words[0] == "call" {
            assert_eq!(ran.json(), json!(["GET /v1/notes?limit=20&order=newest&tags=home%2Cshop&title=%2Amilk%2A"]));
        }
    }
    cell.hotcell_with(
        &["auth", "set", "notes", "--scope", "notes:write"],
        &format!("{}\n", cell.canary().token()),
        &[],
    )
    .exits(0);
    let note = ["call", "notes", "write", "-a", "id=a b", "-a", "text=x", "-a", "pinned=true"];
    cell.hotcell(&note).exits(0);
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.line(), "PUT /v1/notes/a%20b");
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body, json!({"content": {"text": "x"}, "pinned": true, "source": "hotcell"}));

    // The table of variables is a part of a manifest.
    let request = "[actions.a]\nservices = { s = [] }\n[actions.a.request]\nmethod = \"GET\"\nurl = \"${service.s}/${var.table}\"\n";
    let whole = format!("name = \"a\"\nversion = \"1\"\nexecutor = \"http\"\n{variables}{request}");
    assert!(Manifest::parse(&whole, "t").unwrap().variables.contains_key("table"));
}

#[test]
fn the_page_names_every_key_of_a_parameter_and_a_request() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/declarative.md");
    let text = std::fs::read_to_string(file).unwrap();
    for key in [
        "method",
        "url",
        "headers",
        "query",
        "body",
        "select",
        "type",
        "description",
        "required",
        "default",
        "enum",
        "max_length",
        "minimum",
        "maximum",
        "items",
        "join",
    ] {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
}
