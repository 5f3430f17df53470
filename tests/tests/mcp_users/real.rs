//! A real authorisation server and clients that nobody here wrote: the official TypeScript SDK finds out by itself where tokens
//! are had, and comes back as a user.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use hotcell_tests::programs;
use url::Url;

use crate::browser::Browser;
use crate::real_server::Real;
use crate::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_official_typescript_clients_log_in_at_a_real_server_and_are_its_users() {
    let Some(server) = Real::start() else { return };
    // The scope is demanded, so that clients ask for it.
    let scene = Scene::with("GET", "scopes = [\"notes.read\"]").await;
    // The same cell, the same users' names, but of the real server.
    let config = std::fs::read_to_string(scene.cell.places().config.join("config.toml")).unwrap();
    scene.cell.config(
        &config
            .replace(&format!("issuer = \"{}\"", scene.issuer.address()), &format!("issuer = \"{}\"", server.issuer)),
    );
    scene.sign_in_both();
    let serving = scene.serve();
    for (version, user) in [("v1", "alice"), ("v2", "alice"), ("v1", "bob"), ("v2", "bob")] {
        let (token, answer) = log_in_and_call(&scene, &serving, version, user).await;
        scene.cell.watch(&token);
        let said = answer["structuredContent"]["result"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(said.ends_with(&format!("data of {user} for GET /api/{version}-{user}")), "{said}");
        let header: Value = serde_json::from_slice(&decoded(&token, 0)).unwrap();
        assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("at+jwt")), "the test is vacuous");
        // Its claims changed by one letter, it is nobody's.
        let (mut message, signature) = token.rsplit_once('.').map(|(a, b)| (a.to_owned(), b)).unwrap();
        message.push('A');
        let got = serving.ask_as(&format!("{message}.{signature}"), "tools/list", json!({}), &json!({}));
        assert_eq!(got.status, 401);
    }
    let credentials: Vec<_> = scene.upstream.seen().iter().map(|seen| credential(seen).unwrap().to_owned()).collect();
    let [alice, bob] = [&scene.alice, &scene.bob].map(|canary| canary.token().to_owned());
    assert_eq!(credentials, [alice.clone(), alice, bob.clone(), bob]);
}

fn decoded(token: &str, part: usize) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(part).unwrap()).unwrap()
}

/// A client, and the person in the browser; the token that it came by, and the result of its call.
async fn log_in_and_call(scene: &Scene, serving: &Serving<'_>, version: &str, user: &str) -> (String, Value) {
    let arguments = scene.get(&format!("{version}-{user}"))["arguments"].to_string();
    let mut child = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/authorize.mjs"))
        .arg(programs::servers().unwrap().join("node"))
        .args([&format!("http://127.0.0.1:{}/mcp", serving.port), version, &arguments])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let page = lines.next().expect("no page");
    let mut page = Url::parse(page.strip_prefix("page ").unwrap()).unwrap();
    let resource = page.query_pairs().find(|(name, _)| name == "resource").expect("no resource").1.into_owned();
    assert_eq!(resource, scene.audience());
    page.query_pairs_mut().append_pair("login_hint", user);
    let callback = Browser::default().log_in(page).await;
    assert!(callback.query_pairs().any(|(name, _)| name == "code"), "{callback}");
    writeln!(child.stdin.take().unwrap(), "{callback}").unwrap();
    let token = lines.next().expect("no token").strip_prefix("token ").unwrap().to_owned();
    let answer = lines.next().expect("no result");
    scene.cell.sinks.keep("what a real client got", answer.clone().into_bytes());
    child.wait().unwrap();
    (token, serde_json::from_str(&answer).unwrap())
}
