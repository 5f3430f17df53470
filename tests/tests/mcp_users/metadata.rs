//! How a client finds out where tokens are had, and at which address the server listens.

use crate::*;

fn get(server: &Serving<'_>, path: &str) -> Got {
    server.send(&[&format!("GET {path} HTTP/1.1"), &format!("Host: 127.0.0.1:{}", server.port)], "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_token_is_told_where_to_get_one() {
    let scene = Scene::with("GET", "scopes = [\"hotcell\", \"hotcell:call\"]").await;
    let server = scene.serve();
    let got = server.send(&["POST /mcp HTTP/1.1", &format!("Host: 127.0.0.1:{}", server.port)], "{}");
    assert_eq!(got.status, 401);
    let at = format!("http://127.0.0.1:{}/.well-known/oauth-protected-resource/mcp", server.port);
    let challenge = format!("Bearer scope=\"hotcell hotcell:call\", resource_metadata=\"{at}\"");
    assert_eq!(got.header("www-authenticate"), Some(challenge.as_str()));
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let got = get(&server, path);
        assert_eq!((got.status, got.header("content-type")), (200, Some("application/json")), "{got:?}");
        let metadata: Value = serde_json::from_str(&got.body).unwrap();
        assert_eq!(metadata["resource"], json!(scene.audience()));
        assert_eq!(metadata["authorization_servers"], json!([scene.issuer.address()]));
        assert_eq!(metadata["scopes_supported"], json!(["hotcell", "hotcell:call"]));
        assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    }
    // Under another name there is nothing, as everywhere here.
    let foreign = server.send(&["GET /.well-known/oauth-protected-resource HTTP/1.1", "Host: evil.example"], "");
    assert_eq!(foreign.status, 403);

    // Good, and too little: the client learns which scopes to ask for (RFC 6750 section 3.1).
    let got = server.ask_as(&scene.token("alice"), "tools/list", json!({}), &json!({}));
    assert_eq!(got.status, 403);
    let challenge = got.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"hotcell hotcell:call\""),
        "{challenge}"
    );
    for (claim, scopes) in [
        ("scope", json!("hotcell:call other hotcell")),
        ("scope", json!(["hotcell", "hotcell:call"])),
        ("scp", json!(["hotcell", "hotcell:call"])),
    ] {
        let mut claims = scene.claims("alice");
        claims.as_object_mut().unwrap().remove("scope");
        claims[claim] = scopes;
        let token = scene.issuer.key.sign(&scene.issuer.key.header(), &claims);
        assert_eq!(server.ask_as(&token, "tools/list", json!({}), &json!({})).status, 200, "{claims}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_token_lets_nobody_in_where_users_are_served() {
    let scene = Scene::new().await;
    let users = std::fs::read_to_string(scene.cell.places().config.join("config.toml")).unwrap();
    let plain = users[users.find("[service").unwrap()..].to_owned();
    scene.cell.config(&plain);
    let shared = Serving::start(&scene.cell, &[]).token.clone();
    assert!(shared.starts_with("hcs_"));
    scene.cell.config(&users);
    let server = scene.serve();
    let got = server.ask_as(&shared, "tools/list", json!({}), &json!({}));
    assert!(got.status == 401 && got.header("www-authenticate").unwrap().contains("invalid_token"), "{got:?}");
    drop(server);
    let ran = scene.cell.hotcell(&["serve", "--http", "127.0.0.1:0", "--new-token"]);
    assert!(ran.code == 6 && ran.stderr.contains("[serve.authorization]"), "{} {}", ran.code, ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_reach_needs_users_or_a_name_and_says_so() {
    let scene = Scene::new().await;
    let users = std::fs::read_to_string(scene.cell.places().config.join("config.toml")).unwrap();
    scene.cell.config(&users[users.find("[service").unwrap()..]);
    let ran = scene.cell.hotcell(&["serve", "--http", "0.0.0.0:0"]);
    assert_eq!(ran.code, 6);
    for word in ["can be reached from other machines", "[serve.authorization]", "hosts"] {
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    scene.cell.config(&users);
    let mut child = scene.cell.command(&["serve", "--http", &format!("0.0.0.0:{}", scene.port)]).spawn().unwrap();
    let mut served = false;
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", scene.port)).is_ok() {
            served = true;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    scene.cell.keep(&["serve", "--http", "0.0.0.0"], output);
    assert!(served, "an address with users is refused");
}
