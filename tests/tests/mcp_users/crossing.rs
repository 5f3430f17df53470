//! Two users with tokens of their own over one endpoint, many calls at once, and what came with which.

use std::collections::BTreeMap;
use std::sync::Barrier;

use crate::*;

const CALLERS: usize = 64;
const CALLS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn n2_two_users_and_64_callers_at_once_never_meet_each_others_tokens_or_data() {
    let scene = Scene::new().await;
    scene.sign_in_both();
    let server = scene.serve();
    let tokens = ["alice", "bob"].map(|user| scene.token(user));
    let together = Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (scene, server, tokens, together) = (&scene, &server, &tokens, &together);
            scope.spawn(move || {
                let (user, token) = (["alice", "bob"][caller % 2], &tokens[caller % 2]);
                // Half of the callers of each user have a session, half are of the newest revision.
                let session = (caller % 4 < 2).then(|| server.open_as(token, Revision::November2025, &json!({})));
                together.wait();
                for number in 0..CALLS {
                    let path = format!("{user}-{caller}-{number}");
                    let call = scene.get(&path);
                    let answer = match &session {
                        None => ask(server, token, call),
                        Some(session) => server.post_as(token, session, &message(7, "tools/call", &call)).answer(),
                    };
                    let expected = format!("data of {user} for GET /api/{path}");
                    assert!(said(&answer).ends_with(&expected), "{caller}: {answer}");
                }
            });
        }
    });
    let mut counts = BTreeMap::new();
    for seen in scene.upstream.seen() {
        let user = seen.line().strip_prefix("GET /api/").unwrap().split('-').next().unwrap().to_owned();
        let own = if user == "alice" { &scene.alice } else { &scene.bob };
        assert_eq!(credential(&seen), Some(own.token()), "{}", seen.line());
        *counts.entry(user).or_insert(0) += 1;
    }
    let each = CALLERS / 2 * CALLS;
    assert_eq!(counts, [("alice".to_owned(), each), ("bob".to_owned(), each)].into());
    // Whose call each was is on record.
    let audit = scene.cell.hotcell(&["audit", "--json", "--last", "10000"]).exits(0).stdout;
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls = |user: &str| {
        let of = |line: &&Value| line["event"] == "call" && line["user"]["subject"] == user;
        lines.iter().filter(of).count()
    };
    assert_eq!((calls("alice"), calls("bob")), (each, each));
    assert!(lines.iter().all(|line| line["user"]["issuer"] == json!(scene.issuer.address())));
    let of_bob = scene.cell.hotcell(&["audit", "--user", "bob", "--last", "10000"]).exits(0).stdout;
    assert!(of_bob.contains("hostile.ask, bob") && !of_bob.contains("alice"), "{of_bob}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_a_user_without_a_token_gets_neither_the_operators_nor_another_users_and_is_told_what_to_do() {
    let scene = Scene::new().await;
    let server = scene.serve();
    let (alice, carol) = (scene.token("alice"), scene.token("carol; rm -rf ~"));
    for token in [&alice, &carol] {
        let answer = ask(&server, token, scene.get("x"));
        assert_eq!(refusal(&answer), "needs-login", "{answer}");
    }
    let text = ask(&server, &carol, scene.get("x"))["result"]["content"].to_string();
    assert!(
        text.contains("the operator of this host runs: hotcell auth signin upstream --user='carol; rm -rf ~'"),
        "{text}"
    );
    assert!(scene.upstream.seen().is_empty(), "somebody's token was sent");

    // The first token that any user has is still no default: the operator's own stays it, and a user's cannot become it.
    scene.sign_in_both();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(said(&ask(&server, &alice, scene.get("x"))).contains("data of alice"));
    assert_eq!(refusal(&ask(&server, &carol, scene.get("x"))), "needs-login");
    let own = scene.cell.hotcell(&["call", "hostile", "ask", "--json", &scene.get("y")["arguments"].to_string()]);
    assert!(own.exits(0).stdout.contains("data of operator"));

    // Over standard input and output the operator calls, as before.
    let mut agent = Agent::start(&scene.cell, Revision::July2026, json!({}));
    assert!(said(&agent.ask("tools/call", scene.get("z"))).contains("data of operator"));

    // What one user loses, the other keeps.
    scene.cell.hotcell(&["auth", "logout", "upstream", "--user", "alice"]).exits(0);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(refusal(&ask(&server, &alice, scene.get("x"))), "needs-login");
    assert!(said(&ask(&server, &scene.token("bob"), scene.get("x"))).contains("data of bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n7_users_are_reached_by_their_names_alone_and_an_operators_word_for_one_is_checked() {
    let scene = Scene::new().await;
    scene.sign_in_both();
    let status = scene.cell.hotcell(&["auth", "status", "upstream", "--json"]).exits(0).json();
    let held: Vec<_> = status.as_array().unwrap().iter().map(|row| row["user"].clone()).collect();
    assert_eq!(held.len(), 3, "{status}");
    assert!(held.contains(&json!("alice")) && held.contains(&json!("bob")) && held.contains(&Value::Null));
    let row = status.as_array().unwrap().iter().find(|row| row["user"] == "alice").unwrap();
    let account = row["account"].as_str().unwrap();
    assert!(account.starts_with('@') && row["is_default"] == false, "{row}");
    let one = scene.cell.hotcell(&["auth", "status", "upstream", "--user", "alice", "--json"]).exits(0).json();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["user"]), (1, &json!("alice")));
    scene.cell.hotcell(&["auth", "status", "upstream", "--user", "ALICE", "--json"]).exits(1);
    let table = scene.cell.hotcell(&["auth", "status"]).exits(0).stdout;
    assert!(table.contains("user alice"), "{table}");

    for args in [
        &["auth", "set", "upstream", "--account", account][..],
        &["auth", "signin", "upstream", "--account", account],
        &["auth", "refresh", "upstream", "--account", account],
        &["auth", "logout", "upstream", "--account", account],
        &["auth", "default", "upstream", account],
        &["auth", "set", "upstream", "--account", "x", "--user", "alice"],
        &["auth", "set", "upstream", "--user", ""],
        &["auth", "set", "upstream", "--user", "a\u{202e}b"],
    ] {
        let ran = scene.cell.hotcell_with(args, "hc_0123456789abcdef0123\n", &[]);
        assert!(matches!(ran.code, 2 | 6), "{args:?}: {} {}", ran.code, ran.stderr);
    }
    // Without users there is no place for a user's token.
    scene.cell.config("[service.upstream]\norigins = [\"http://127.0.0.1:9\"]\nscopes = { use = [\"GET /api/**\"] }\n");
    let ran = scene.cell.hotcell_with(&["auth", "set", "upstream", "--user", "alice"], "hc_0123456789abcdef\n", &[]);
    assert!(ran.code == 6 && ran.stderr.contains("[serve.authorization]"), "{}", ran.stderr);
}
