//! What the page, and a call that comes back, refuse.

use hotcell_tests::Agent;
use hotcell_tests::Revision;
use hotcell_tests::Serving;
use serde_json::Value;
use serde_json::json;
use url::Url;

use crate::Scene;
use crate::again;
use crate::asked;
use crate::fetch;
use crate::form;
use crate::of;
use crate::origin;
use crate::post;
use crate::refusal;
use crate::url;
use crate::works;

#[tokio::test(flavor = "multi_thread")]
async fn l5_l8_nothing_but_the_pages_own_form_starts_a_sign_in_and_once() {
    let Some(scene) = Scene::new("GET", "").await else { return };
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, _) = asked(&agent.ask("tools/call", scene.get()));
    let shown = fetch(&page, &[], None).await.unwrap();
    let (own, form) = (origin(&page), form(&shown));
    let port = page.port().unwrap();

    // Forged and damaged addresses.
    let nonce = page.path().strip_prefix("/sign-in/").unwrap();
    let other = nonce.replacen(|c: char| c.is_ascii_alphanumeric(), "_", 1);
    for path in [
        format!("/sign-in/{other}"),
        "/sign-in/".to_owned(),
        format!("/sign-in/{}", &nonce[1..]),
        format!("/sign-in/{nonce}/"),
        format!("/sign-in/{nonce}?a=<script>alert(1)</script>"),
        format!("/{nonce}"),
        "/".to_owned(),
    ] {
        let forged = page.join(&path).unwrap();
        for body in [None, Some(form.as_str())] {
            let got = fetch(&forged, &[("origin", &own)], body).await.unwrap();
            assert_eq!(got.status, 404, "{path}");
            assert!(!got.body.contains("script"), "{}", got.body);
        }
    }
    // Another name for this address, as DNS rebinding has it.
    let authority = format!("127.0.0.1:{port}");
    for host in [format!("evil.example:{port}"), format!("localhost:{port}"), "127.0.0.1".into(), String::new()] {
        for (method, body) in [("GET", ""), ("POST", form.as_str())] {
            let request = format!(
                "{method} {} HTTP/1.1\r\nhost: {host}\r\norigin: {own}\r\nconnection: close\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
                page.path(),
                body.len()
            );
            let got = crate::wire::raw(&authority, request.as_bytes()).await.unwrap();
            let got = String::from_utf8(got).unwrap();
            assert!(got.starts_with("HTTP/1.1 403") || got.starts_with("HTTP/1.1 400"), "{host}: {got}");
        }
    }
    // A foreign page's form, and ours sent in another way.
    let long = format!("token={}", "x".repeat(10_000));
    let double = format!("{form}&token=x");
    let plain = ("content-type", "text/plain");
    let (own, foreign) = (("origin", own.as_str()), ("origin", "https://evil.example"));
    for (further, form) in [
        (vec![foreign], form.as_str()),
        (vec![("origin", "null")], &form),
        (vec![], &form),
        (vec![own, foreign], &form),
        (vec![own, ("sec-fetch-site", "cross-site")], &form),
        (vec![own, ("sec-fetch-site", "same-site")], &form),
        (vec![own, plain], &form),
        (vec![own], "token="),
        (vec![own], "token=guessed"),
        (vec![own], ""),
        (vec![own], &double),
        (vec![own], &long),
    ] {
        assert_eq!(post(&page, &further, form).await.status, 403, "{further:?} {form}");
    }
    for method in ["HEAD", "PUT", "OPTIONS", "DELETE"] {
        let request = format!("{method} {} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n", page.path());
        let got = crate::wire::raw(&authority, request.as_bytes()).await.unwrap();
        assert!(got.starts_with(b"HTTP/1.1 405"), "{method}");
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(scene.server.count("request"), 0, "a refused request started something");

    // After all that the page is as it was; it starts once, and is the same page while its sign-in lasts.
    scene.click(&page).await;
    assert_eq!(post(&page, &[own], &form).await.status, 409);
    let begun = fetch(&page, &[], None).await.unwrap();
    assert!(begun.status == 409 && !begun.body.contains("<form"), "{}", begun.body);
    assert_eq!(asked(&agent.ask("tools/call", scene.get())).0, page, "a second page while one is used");
    // The page and the flow end with the server.
    assert_eq!(agent.end(), 0);
    assert!(fetch(&page, &[], None).await.is_none(), "the page outlives the server");
    scene.cell.hotcell(&["auth", "status", "upstream", "--json"]);
    assert!(scene.upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_state_of_another_call_a_forged_one_and_a_no_are_refused() {
    let Some(scene) = Scene::new("GET,POST", "[serve]\nwrites = \"allow\"").await else { return };
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let joined = json!({"name": "hostile_ask-joined",
        "arguments": {"url": format!("{}/api/x", scene.upstream.origin()), "parts": []}});
    let mut other_arguments = scene.get();
    other_arguments["arguments"]["url"] = json!(format!("{}/api/y", scene.upstream.origin()));
    let mut forged = state.clone();
    forged.replace_range(6..8, "zz");
    for (call, state) in [
        (joined.clone(), state.as_str()),
        (other_arguments, &state),
        (scene.get(), &forged),
        (scene.get(), ""),
        (scene.get(), "rs1.AAAA.AAAA"),
    ] {
        assert_eq!(refusal(&agent.ask("tools/call", again(call, state, "accept"))), "not-approved", "{state}");
    }
    let mut stateless = again(scene.get(), "", "accept");
    stateless.as_object_mut().unwrap().remove("requestState");
    assert_eq!(refusal(&agent.ask("tools/call", stateless)), "not-approved");
    assert_eq!(fetch(&page, &[], None).await.unwrap().status, 200, "a forgery ended the page");

    // Another action has a page of its own, which says so.
    let (second, _) = asked(&agent.ask("tools/call", joined));
    assert_ne!(page, second);
    assert!(fetch(&second, &[], None).await.unwrap().body.contains("ask-joined"));

    for no in ["decline", "cancel", "maybe"] {
        let (page, state) = asked(&agent.ask("tools/call", scene.get()));
        assert_eq!(refusal(&agent.ask("tools/call", again(scene.get(), &state, no))), "needs-login");
        assert_eq!(fetch(&page, &[], None).await.unwrap().status, 404, "the page outlives a no");
    }
    // A tool that was taken away meanwhile has no sign-in.
    let (page, _) = asked(&agent.ask("tools/call", scene.get()));
    let shown = fetch(&page, &[], None).await.unwrap();
    scene.cell.hotcell(&["remove", "hostile"]).exits(0);
    assert_eq!(post(&page, &[("origin", &origin(&page))], &form(&shown)).await.status, 410);
    assert_eq!(scene.server.count("request"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shows_no_pages_is_told_the_command() {
    let Some(scene) = Scene::new("GET", "[serve]\nhosts = [\"tools.example\"]").await else { return };
    let plain = |answer: &Value| {
        assert_eq!(refusal(answer), "needs-login");
        let text = answer["result"]["content"].to_string();
        assert!(text.contains("hotcell auth signin upstream"), "{text}");
    };
    let form = json!({"elicitation": {"form": {}}});
    for revision in Revision::ALL {
        for capabilities in [json!({}), json!({"elicitation": {}}), form.clone()] {
            plain(&Agent::start(&scene.cell, revision, capabilities).ask("tools/call", scene.get()));
        }
    }
    plain(&Agent::start(&scene.cell, Revision::June2025, url()).ask("tools/call", scene.get()));

    // Asked for under a name that is not this machine's, the page would lead a person to a port of their own.
    let server = Serving::start(&scene.cell, &[]);
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": Revision::July2026.with_meta(scene.get(), &url())});
    let further = ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: hostile_ask"];
    let mut lines = server.lines(&further.map(str::to_owned));
    let local = server.send(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &message.to_string());
    asked(&local.answer());
    lines[1] = "Host: tools.example".to_owned();
    plain(&server.send(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &message.to_string()).answer());
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_person_who_says_no_at_the_server_leaves_nothing_and_is_asked_anew() {
    let Some(scene) = Scene::new("GET", "").await else { return };
    let mut agent = Agent::start(&scene.cell, Revision::July2026, url());
    let (page, state) = asked(&agent.ask("tools/call", scene.get()));
    let way = scene.click(&page).await;
    let mut denied = Url::parse(&of(&way, "redirect_uri")).unwrap();
    denied.query_pairs_mut().append_pair("error", "access_denied").append_pair("state", &of(&way, "state"));
    denied.query_pairs_mut().append_pair("iss", &scene.server.issuer);
    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    assert_eq!(fetch(&denied, &[], None).await.unwrap().status, 200);
    let (new, state) = asked(&agent.answer(waiting));
    assert_ne!(page, new, "a used page is offered again");
    let used = fetch(&page, &[], None).await.unwrap();
    assert!(used.status == 502 && used.body.contains("You are not signed in to upstream"), "{}", used.body);
    let waiting = agent.begin("tools/call", again(scene.get(), &state, "accept"));
    scene.person(&new).await;
    works(&agent.answer(waiting));
    scene.watch_token();
}
