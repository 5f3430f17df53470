//! Clients that nobody here wrote: the official TypeScript SDK's, driven through a sign-in to its end.

use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
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
    for version in ["v1", "v2"] {
        for over in ["stdio", "http"] {
            let Some(scene) = Scene::new("GET", "").await else { return };
            let server = Serving::start(&scene.cell, &[]);
            let (page, answer) = start(&scene, &server, version, over);
            scene.person(&page.recv_timeout(Duration::from_secs(60)).expect("no page")).await;
            let answer = answer.recv_timeout(Duration::from_secs(60)).expect("no result");
            scene.cell.sinks.keep("what a real client got", answer.to_string().into_bytes());
            works(&json!({"result": answer}));
            assert_eq!(page.try_iter().count(), 0, "{version} over {over}: the person was asked twice");
            scene.watch_token();
        }
    }
}

/// Starts a client; what it shows the person, and what it got in the end.
fn start(
    scene: &Scene,
    server: &Serving<'_>,
    version: &str,
    over: &str,
) -> (mpsc::Receiver<Url>, mpsc::Receiver<Value>) {
    let servers = programs::servers().unwrap();
    let places = scene.cell.places();
    let mut child = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/signin.mjs"))
        .arg(servers.join("node"))
        .arg(programs::hotcell())
        .arg(format!("http://127.0.0.1:{}/mcp", server.port))
        .args([&server.token, version, over, &scene.arguments("get").to_string()])
        .env("HOTCELL_CONFIG", &places.config)
        .env("HOTCELL_STATE", &places.state)
        .env("HOTCELL_CACHE", &places.cache)
        .env("HOTCELL_KEY_FILE", scene.cell.key_file())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ((show, page), (give, answer)) = (mpsc::channel(), mpsc::channel());
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            match line.strip_prefix("page ") {
                Some(address) => drop(show.send(Url::parse(address).unwrap())),
                None => drop(give.send(serde_json::from_str(&line).unwrap())),
            }
        }
        drop(child.wait());
    });
    (page, answer)
}
