//! Clients that nobody here wrote: the official TypeScript and Python SDKs' and the Inspector's, driven through a sign-in to its end.

use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use hotcell_tests::Serving;
use hotcell_tests::programs;
use serde_json::Value;
use serde_json::json;
use url::Url;

use crate::Scene;
use crate::works;

#[tokio::test(flavor = "multi_thread")]
async fn the_official_typescript_clients_have_a_person_sign_in_by_the_page() {
    sign_in_with(typescript, &["v1", "v2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_has_a_person_sign_in_by_the_page() {
    sign_in_with(python, &["legacy", "auto"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspectors_command_is_told_how_a_person_signs_in_and_works_afterwards() {
    for over in ["stdio", "http"] {
        let Some(scene) = Scene::new("GET", "").await else { return };
        let server = Serving::start(&scene.cell, &[]);
        let told = inspector(&scene, &server, over);
        assert_eq!(told["_meta"]["hotcell/refusal"]["code"], "needs-login", "{told}");
        assert!(told["content"].to_string().contains("hotcell auth signin upstream"), "{told}");
        scene.terminal("use", "").await;
        std::thread::sleep(Duration::from_millis(300));
        works(&json!({"result": inspector(&scene, &server, over)}));
        scene.watch_token();
    }
}

/// One call by the Inspector's command, which shows no pages.
fn inspector(scene: &Scene, server: &Serving<'_>, over: &str) -> Value {
    let servers = programs::servers().unwrap();
    let (url, token) =
        (format!("http://127.0.0.1:{}/mcp", server.port), format!("Authorization: Bearer {}", server.token));
    let hotcell = programs::hotcell().display().to_string();
    let target = match over {
        "stdio" => vec![hotcell.as_str(), "serve"],
        _ => vec![&url, "--transport", "http", "--header", &token],
    };
    let address = format!("url={}/api/x", scene.upstream.origin());
    let asked =
        ["--method", "tools/call", "--tool-name", "hostile_ask", "--tool-arg", "method=get", &address, "headers=[]"];
    let mut node = Command::new("node");
    // It looks for its own version from the folder that it is started in.
    node.current_dir(servers.join("node/node_modules/@modelcontextprotocol/inspector-cli/build"));
    node.args(["cli.js", "--cli"]).args(target).args(asked).env("HOTCELL_LOG", "off");
    let output = in_cell(scene, &mut node).output().unwrap();
    scene.cell.sinks.keep("what the Inspector printed", [&output.stdout[..], &output.stderr].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The command, with this cell's folders.
fn in_cell<'a>(scene: &Scene, command: &'a mut Command) -> &'a mut Command {
    let places = scene.cell.places();
    let folders = [("HOTCELL_CONFIG", places.config), ("HOTCELL_STATE", places.state), ("HOTCELL_CACHE", places.cache)];
    command.envs(folders).env("HOTCELL_KEY_FILE", scene.cell.key_file())
}

/// Drives a client through a sign-in, in each of its ways and over both transports.
async fn sign_in_with(client: fn(&Path) -> Command, ways: &[&str]) {
    for way in ways {
        for over in ["stdio", "http"] {
            let Some(scene) = Scene::new("GET", "").await else { return };
            let server = Serving::start(&scene.cell, &[]);
            let (page, answer, ended) = start(&scene, &server, client, &[way, over]);
            scene.person(&page.recv_timeout(Duration::from_secs(60)).expect("no page")).await;
            let answer = answer.recv_timeout(Duration::from_secs(60)).expect("no result");
            scene.cell.sinks.keep("what a real client got", answer.to_string().into_bytes());
            works(&json!({"result": answer}));
            assert_eq!(page.try_iter().count(), 0, "{way} over {over}: the person was asked twice");
            scene.watch_token();
            assert!(ended.join().unwrap(), "{way} over {over}: the client failed");
        }
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

fn typescript(servers: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(script("signin.mjs")).arg(servers.join("node"));
    node
}

fn python(servers: &Path) -> Command {
    let mut python = Command::new(servers.join("python/bin/python"));
    python.arg(script("signin.py"));
    python
}

/// Starts a client; what it shows the person, what it got in the end, and whether it ended well.
fn start(
    scene: &Scene,
    server: &Serving<'_>,
    client: fn(&Path) -> Command,
    way: &[&str; 2],
) -> (mpsc::Receiver<Url>, mpsc::Receiver<Value>, JoinHandle<bool>) {
    let mut command = client(&programs::servers().unwrap());
    let mut child = in_cell(scene, &mut command)
        .arg(programs::hotcell())
        .arg(format!("http://127.0.0.1:{}/mcp", server.port))
        .arg(&server.token)
        .args(way)
        .arg(scene.arguments("get").to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ((show, page), (give, answer)) = (mpsc::channel(), mpsc::channel());
    let ended = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            match line.strip_prefix("page ") {
                Some(address) => drop(show.send(Url::parse(address).unwrap())),
                None => drop(give.send(serde_json::from_str(&line).unwrap())),
            }
        }
        child.wait().unwrap().success()
    });
    (page, answer, ended)
}
