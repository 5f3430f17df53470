//! A user's sign-in to a service by the page: the token becomes that user's, and the page is no other user's.

use hotcell_tests::Got;
use url::Url;

use crate::browser::Browser;
use crate::real_server::Real;
use crate::wire::fetch;
use crate::*;

/// As in `mcp_sign_in`: the page that an answer names, and its state.
#[track_caller]
fn asked(got: &Got) -> (Url, String) {
    let answer = got.answer();
    let question = &answer["result"]["inputRequests"]["sign-in"]["params"];
    let page = question["url"].as_str().unwrap_or_else(|| panic!("no page: {answer}"));
    (Url::parse(page).unwrap(), answer["result"]["requestState"].as_str().unwrap().to_owned())
}

/// Reads the page, clicks, logs in as the server's alice, and comes back.
async fn person(page: &Url, user: &str) {
    let shown = fetch(page, &[], None).await.unwrap();
    assert!(shown.body.contains(&format!("<dt>For the user</dt><dd>{user}</dd>")), "{}", shown.body);
    let (_, rest) = shown.body.split_once("name=\"token\" value=\"").expect("there is no form");
    let form = format!("token={}", rest.split('"').next().unwrap());
    let origin = page.origin().ascii_serialization();
    let clicked = fetch(page, &[("origin", &origin)], Some(&form)).await.unwrap();
    assert_eq!(clicked.status, 200, "{}", clicked.body);
    let (_, rest) = clicked.body.split_once("content=\"0;url=").expect("no way on");
    let way = Url::parse(&rest.split('"').next().unwrap().replace("&amp;", "&")).unwrap();
    let callback = Browser::default().log_in(way).await;
    assert_eq!(fetch(&callback, &[], None).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn n3_a_sign_in_by_the_page_is_its_users_and_no_others() {
    let Some(server) = Real::start() else { return };
    let scene = Scene::with("GET", "").await;
    let config = std::fs::read_to_string(scene.cell.places().config.join("config.toml")).unwrap();
    scene.cell.config(&format!(
        "{config}[service.upstream.oauth]\nissuer = \"{}\"\nclient_id = \"cli\"\ndiscovery = true\n\
         always_scopes = [\"openid\", \"offline_access\"]\nauthorization_parameters = {{ prompt = \"consent\" }}\n\
         scopes = {{ use = [\"notes.read\"] }}\n",
        server.issuer
    ));
    let serving = scene.serve();
    let (alice, bob) = (scene.token("alice"), scene.token("bob"));
    let can = json!({"elicitation": {"url": {}}});
    let ask = |token: &str, call: Value| serving.ask_as(token, "tools/call", call, &can);
    let again = |state: &str, action: &str| {
        let mut call = scene.get("x");
        call["requestState"] = json!(state);
        call["inputResponses"] = json!({"sign-in": {"action": action}});
        call
    };
    // The operator's own token is there all the time.
    let (page, state) = asked(&ask(&alice, scene.get("x")));
    let (of_bob, bobs) = asked(&ask(&bob, scene.get("x")));
    assert_ne!(page, of_bob, "two users, one page");
    assert_eq!(asked(&ask(&alice, scene.get("x"))).0, page);

    // Whose state it is not can neither wait for the sign-in nor end its page.
    for action in ["accept", "decline"] {
        assert_eq!(refusal(&ask(&bob, again(&state, action)).answer()), "not-approved");
        assert_eq!(refusal(&ask(&alice, again(&bobs, action)).answer()), "not-approved");
    }
    assert_eq!(fetch(&page, &[], None).await.unwrap().status, 200);
    person(&page, "alice").await;
    let answer = ask(&alice, again(&state, "accept")).answer();
    assert!(said(&answer).contains("data of nobody for GET /api/x"), "{answer}");
    let token = scene.upstream.seen().last().map(|seen| credential(seen).unwrap().to_owned()).unwrap();
    scene.cell.watch(&token);
    assert_ne!(token, scene.cell.canary().token());

    // Bob is still asked, and so is a third one; the operator's is what it was.
    assert_eq!(asked(&ask(&bob, scene.get("x"))).0, of_bob);
    let status = scene.cell.hotcell(&["auth", "status", "upstream", "--json"]).exits(0).json();
    let users: Vec<_> = status.as_array().unwrap().iter().map(|row| row["user"].clone()).collect();
    assert_eq!(users, [json!("alice"), Value::Null], "{status}");
    assert_eq!(scene.upstream.seen().len(), 1);

    // One user cannot have all pages: here one action, one service, so that hers is one; others still get theirs.
    for user in ["carol", "dave"] {
        let token = scene.token(user);
        let (page, _) = asked(&ask(&token, scene.get("x")));
        assert!(fetch(&page, &[], None).await.unwrap().body.contains(user));
    }
}
