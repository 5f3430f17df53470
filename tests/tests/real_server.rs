//! A tool on a real server that nobody here wrote: Jupyter's contents API, which demands `Authorization: token …`.
//!
//! The tool is `by-hand`, written with plain `wit-bindgen`: whoever writes in another language has no more than that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell_tests::Cell;
use hotcell_tests::Jupyter;
use serde_json::json;

const LEFT_OUT: &str = "left out: real servers (--no-servers)";

fn config(server: &Jupyter) -> String {
    format!(
        r#"
[service.jupyter]
origins = ["{}"]
credential = {{ header = "authorization", prefix = "token " }}
# Terminals and kernels run code on the server.
deny = ["/api/terminals/**", "/api/kernels/**", "/api/sessions/**"]
anonymous = ["GET /api/contents"]
[service.jupyter.scopes]
"contents:read" = ["GET /api/contents", "GET /api/contents/**"]
"contents:write" = ["PUT /api/contents/**"]
"#,
        server.origin()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_lists_writes_and_reads_on_a_server_that_demands_a_token() {
    let cell = Cell::new("jup_");
    let Some(server) = Jupyter::start(cell.canary().token()).await else { return println!("{LEFT_OUT}") };
    std::fs::write(server.files().join("there.txt"), "before").unwrap();
    cell.config(&config(&server));
    cell.sign_in("jupyter", &["contents:read", "contents:write"]);
    cell.install("by-hand");

    let listed = cell.hotcell(&["call", "by-hand", "list-contents", "--arg", "folder="]).exits(0).json();
    assert_eq!(listed, json!([{"name": "there.txt", "kind": "file", "writable": true}]));

    let arguments = json!({"path": ["new.txt"], "text": "written from the cell"});
    let written = cell.hotcell_with(&["call", "by-hand", "write-text", "--json", "-"], &arguments.to_string(), &[]);
    assert_eq!(written.exits(0).json(), json!(21));
    assert_eq!(std::fs::read_to_string(server.files().join("new.txt")).unwrap(), "written from the cell");

    let read = cell.hotcell(&["call", "by-hand", "read-text", "--arg", "path=new.txt"]).exits(0).json();
    assert_eq!(read, json!("written from the cell"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_without_a_token_is_refused_by_that_server_and_without_a_sign_in_by_hotcell() {
    let cell = Cell::new("jup_");
    let Some(server) = Jupyter::start(cell.canary().token()).await else { return println!("{LEFT_OUT}") };
    cell.config(&config(&server));

    // Nobody is signed in: Hotcell refuses, and says what to run.
    cell.install("by-hand");
    cell.hotcell(&["call", "by-hand", "list-contents", "--arg", "folder="])
        .exits(4)
        .says("needs-login")
        .says("hotcell auth set jupyter --scope contents:read");

    // The tool asks for no scope, so its request carries no token: the server refuses it.
    let manifest = cell.path().join("anonymous.toml");
    let text = "name = \"by-hand\"\nversion = \"0.1.1\"\n[actions.list-contents]\nservices = { jupyter = [] }\n";
    std::fs::write(&manifest, text).unwrap();
    let file = hotcell_tests::programs::guest("by-hand").display().to_string();
    cell.hotcell(&["install", "--yes", &file, "--manifest", &manifest.display().to_string()]).exits(0);
    cell.sign_in("jupyter", &["contents:read"]);
    cell.hotcell(&["call", "by-hand", "list-contents", "--arg", "folder="]).exits(1).says("the server answered 403");

    // And around Hotcell, with and without the token, to see that it is the server who decides.
    assert!(server.get("/api/contents", &[]).await.starts_with("HTTP/1.1 403"));
    let authorization = format!("token {}", cell.canary().token());
    assert!(server.get("/api/contents", &[("Authorization", &authorization)]).await.starts_with("HTTP/1.1 200"));
}
