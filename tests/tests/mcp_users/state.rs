//! What belongs to one user: sessions, approvals, sign-ins, and the time that their token is good.

use std::io::Read as _;
use std::io::Write as _;
use std::time::Duration;

use crate::issuer::now;
use crate::*;

const NOVEMBER: Revision = Revision::November2025;

#[tokio::test(flavor = "multi_thread")]
async fn n3_anothers_session_is_answered_like_one_that_does_not_exist() {
    let scene = Scene::new().await;
    scene.sign_in_both();
    let server = scene.serve();
    let (alice, bob) = (scene.token("alice"), scene.token("bob"));
    let session = server.open_as(&alice, NOVEMBER, &json!({}));
    let name = session[0].split(": ").nth(1).unwrap().to_owned();
    let unknown = vec![format!("Mcp-Session-Id: {}", "0".repeat(name.len())), session[1].clone()];
    let call = message(2, "tools/call", &scene.get("x"));
    let plain = |got: Got| {
        let head: Vec<_> = got.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect();
        (got.status, head.join("\n"), got.body)
    };
    let both = |token: &str, session: &[String], message: &Value| plain(server.post_as(token, session, message));
    let foreign = both(&bob, &session, &call);
    assert_eq!(foreign.0, 404);
    assert_eq!(foreign, both(&bob, &unknown, &call));
    let told = message(0, "notifications/cancelled", &json!({"requestId": 2}));
    assert_eq!(both(&bob, &session, &told), both(&bob, &unknown, &told));
    // Nor can it be listened to, ended, or named beside one's own.
    for first in ["GET /mcp HTTP/1.1", "DELETE /mcp HTTP/1.1"] {
        let ask = |session: &[String]| {
            let mut lines = server.lines_as(&bob, session);
            lines[0] = first.to_owned();
            plain(server.send(&lines.iter().map(String::as_str).collect::<Vec<_>>(), ""))
        };
        let (foreign, unknown) = (ask(&session), ask(&unknown));
        assert_eq!(foreign, unknown, "{first}");
        // The SDK says yes to the end of what does not exist; Alice's session is there all the same, below.
        assert!(foreign.0 == 404 || first.starts_with("DELETE"), "{foreign:?}");
    }
    let own = server.open_as(&bob, NOVEMBER, &json!({}));
    let two = vec![session[0].clone(), own[0].clone(), own[1].clone()];
    assert_eq!(server.post_as(&bob, &two, &call).status, 404);
    assert!(scene.upstream.seen().is_empty());
    let two = vec![own[0].clone(), session[0].clone(), own[1].clone()];
    assert!(said(&server.post_as(&bob, &two, &call).answer()).contains("data of bob"));
    // Alice's goes on, also with a newer token of hers.
    let mut claims = scene.claims("alice");
    claims["jti"] = json!("newer");
    let newer = scene.issuer.key.sign(&scene.issuer.key.header(), &claims);
    for token in [&alice, &newer] {
        assert!(said(&server.post_as(token, &session, &call).answer()).contains("data of alice"));
    }
    // The same subject of another issuer would be somebody else; here it is not even let in.
    claims["iss"] = json!("https://other.example");
    let other = scene.issuer.key.sign(&scene.issuer.key.header(), &claims);
    assert_eq!(server.post_as(&other, &session, &call).status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn n3_an_approval_counts_for_the_user_who_was_asked() {
    let scene = Scene::with("GET,POST", "").await;
    scene.sign_in_both();
    let server = scene.serve();
    let (alice, bob) = (scene.token("alice"), scene.token("bob"));
    let can = json!({"elicitation": {"form": {}}});
    let call = scene.call("post", "x");
    let asked = server.ask_as(&alice, "tools/call", call.clone(), &can).answer();
    let mut again = call;
    again["requestState"] = asked["result"]["requestState"].clone();
    again["inputResponses"] = json!({"approval": {"action": "accept", "content": {"approve": true}}});
    assert!(again["requestState"].is_string(), "{asked}");
    let stolen = server.ask_as(&bob, "tools/call", again.clone(), &can).answer();
    assert_eq!(refusal(&stolen), "not-approved");
    assert!(scene.upstream.seen().is_empty());
    let done = server.ask_as(&alice, "tools/call", again, &can).answer();
    assert!(said(&done).contains("data of alice for POST"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n6_one_user_cannot_take_the_sessions_or_the_tool_of_the_others() {
    let scene = Scene::new().await;
    scene.sign_in_both();
    let server = scene.serve();
    let (alice, bob) = (scene.token("alice"), scene.token("bob"));
    let open =
        |token: &str| server.post_as(token, &[], &message(1, "initialize", &NOVEMBER.initialize(&json!({})))).status;
    let opened = (0..40).filter(|_| open(&alice) == 200).count();
    assert_eq!(opened, 32);
    assert_eq!(open(&bob), 200);

    // Alice pastes her token into arguments, which counts as a hit each time: the tool is gone for her, not for Bob.
    let mut pasted = scene.get("x");
    pasted["arguments"]["url"] = json!(format!("{}/api/{}", scene.upstream.origin(), scene.alice.token()));
    let body = message(1, "tools/call", &Revision::July2026.with_meta(pasted, &json!({}))).to_string();
    for _ in 0..4 {
        let fields = ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: hostile_ask"];
        let mut stream = server.connect();
        let lines = server.lines_as(&alice, &fields.map(str::to_owned)).join("\r\n");
        write!(stream, "{lines}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("leak-stopped") || answer.contains("tool-suspended"), "{answer}");
    }
    assert!(ask(&server, &alice, scene.get("x"))["result"]["isError"] == true);
    assert!(said(&ask(&server, &bob, scene.get("x"))).contains("data of bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n4_what_goes_on_without_end_ends_with_the_token() {
    let scene = Scene::new().await;
    let server = scene.serve();
    let short = |seconds: u64| {
        let mut claims = scene.claims("alice");
        claims["exp"] = json!(now() + seconds);
        (scene.issuer.key.sign(&scene.issuer.key.header(), &claims), now() + seconds)
    };
    let (token, end) = short(3);
    let session = server.open_as(&token, NOVEMBER, &json!({}));
    let mut get = server.lines_as(&token, &session);
    get[0] = "GET /mcp HTTP/1.1".to_owned();
    ends(&server, &get, "", end);

    let (token, end) = short(3);
    let listen = Revision::July2026.with_meta(json!({"notifications": {"toolsListChanged": true}}), &json!({}));
    let listen = message(1, "subscriptions/listen", &listen).to_string();
    let further = ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen"].map(str::to_owned);
    ends(&server, &server.lines_as(&token, &further), &listen, end);
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_two_users_on_one_connection_are_two_users() {
    let scene = Scene::new().await;
    scene.sign_in_both();
    let server = scene.serve();
    let mut stream = server.connect();
    let tokens = ["alice", "bob"].map(|user| (user, scene.token(user)));
    // As a proxy before the server sends them; the third of each round has no token.
    for round in 0..5 {
        for (user, token) in &tokens {
            let call = Revision::July2026.with_meta(scene.get(&format!("{user}-{round}")), &json!({}));
            let body = message(1, "tools/call", &call).to_string();
            let fields = ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: hostile_ask"];
            let lines = server.lines_as(token, &fields.map(str::to_owned));
            write!(stream, "{}\r\nContent-Length: {}\r\n\r\n{body}", lines.join("\r\n"), body.len()).unwrap();
            let answer = until(&mut stream, "\"id\":1,");
            assert!(answer.contains(&format!("data of {user} for GET /api/{user}-{round}")), "{answer}");
            // Without a body: where one is refused unread, the server may close.
            let rest: Vec<_> = lines.iter().filter(|line| !line.starts_with("Authorization")).cloned().collect();
            write!(stream, "{}\r\nContent-Length: 0\r\n\r\n", rest.join("\r\n")).unwrap();
            assert!(until(&mut stream, "an access token is needed").contains("401"));
        }
    }
    assert_eq!(scene.upstream.seen().len(), 10);
}

/// Reads until these words have come, and what comes right with them.
fn until(stream: &mut std::net::TcpStream, words: &str) -> String {
    let mut read = String::new();
    let mut piece = [0; 4096];
    while !(read.contains(words)
        && (read.ends_with("0\r\n\r\n") || !read.contains("chunked") && read.ends_with(['\n', '}'])))
    {
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "it is closed after {read}");
        read.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    read
}

/// Whether the answer is a stream that ends at that time.
fn ends(server: &Serving<'_>, lines: &[String], body: &str, end: u64) {
    let mut stream = server.connect();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = lines.join("\r\n");
    write!(stream, "{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("it goes on: {error}"));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/event-stream"), "{answer}");
    assert!((end..=end + 2).contains(&now()), "it ended at {} and not at {end}", now());
}
