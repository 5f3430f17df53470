//! What comes back to the listener, right and wrong. The server is one that gives a token to any code: what is refused here
//! is refused before that.

use std::time::Duration;

use hotcell_vault::oauth::OAuthError;
use hotcell_vault::oauth::Provider;
use url::Url;

use crate::browser::Browser;
use crate::real::Real;
use crate::support::by_browser;
use crate::support::discovered;
use crate::support::provider;
use crate::wire::Reply;
use crate::wire::Server;
use crate::wire::fetch;
use crate::wire::raw;

const TOKEN: &str = r#"{"access_token":"at-1","token_type":"Bearer","expires_in":60}"#;

/// A server whose metadata says that it names itself in callbacks, and its provider.
async fn server() -> (Server, Provider) {
    let server = Server::start(|call| {
        let issuer = format!("http://{}", call.header("host").unwrap());
        if call.method == "POST" {
            return Reply::json(200, TOKEN);
        }
        let metadata = format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"{issuer}/auth","token_endpoint":"{issuer}/token",
                "code_challenge_methods_supported":["plain","S256"],"authorization_response_iss_parameter_supported":true}}"#
        );
        Reply::json(200, &metadata)
    })
    .await;
    let provider = discovered(&server.url(""));
    (server, provider)
}

/// The callback's address and the state, out of an authorisation request.
fn asked(url: &Url) -> (Url, String) {
    let find = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    (Url::parse(&find("redirect_uri")).unwrap(), find("state"))
}

fn with(callback: &Url, query: &[(&str, &str)]) -> Url {
    let mut url = callback.clone();
    url.query_pairs_mut().extend_pairs(query);
    url
}

async fn status(url: &Url) -> u16 {
    fetch(url, &[], None).await.unwrap().status
}

#[tokio::test]
async fn l2_the_request_has_a_fresh_state_and_challenge_and_comes_back_to_this_machine() {
    let (_server, provider) = server().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut request = None;
        let error = by_browser(&provider, |url| {
            let (callback, state) = asked(&url);
            request = Some(url);
            async move {
                let foreign = issuer_of(&callback);
                let query = [("error", "access_denied"), ("state", state.as_str()), ("iss", &foreign)];
                assert_eq!(status(&with(&callback, &query)).await, 200);
            }
        });
        // The answer of another issuer: the flow ends.
        assert_eq!(error.await.err(), Some(OAuthError::ForeignAnswer));
        let url = request.unwrap();
        let find = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        assert_eq!(find("response_type").as_deref(), Some("code"));
        assert_eq!(find("code_challenge_method").as_deref(), Some("S256"));
        assert_eq!(find("scope").as_deref(), Some("notes.read offline_access openid"));
        assert_eq!(find("prompt").as_deref(), Some("consent"));
        let redirect = Url::parse(&find("redirect_uri").unwrap()).unwrap();
        assert_eq!((redirect.host_str(), redirect.path()), (Some("127.0.0.1"), "/callback"));
        seen.push((find("state").unwrap(), find("code_challenge").unwrap(), redirect.port()));
    }
    assert!(seen[0].0 != seen[1].0 && seen[0].1 != seen[1].1);
    assert_eq!((seen[0].0.len(), seen[0].1.len()), (43, 43));
}

/// An issuer that it is not.
fn issuer_of(callback: &Url) -> String {
    callback.origin().ascii_serialization()
}

#[tokio::test]
async fn l1_wrong_and_missing_states_are_answered_and_do_not_end_the_wait() {
    let (server, provider) = server().await;
    let issuer = server.url("");
    let signed_in = by_browser(&provider, |url| async move {
        let (callback, state) = asked(&url);
        for query in [
            &[("code", "c"), ("iss", issuer.as_str())][..],
            &[("code", "c"), ("state", "wrong"), ("iss", &issuer)],
            &[("error", "access_denied"), ("state", "wrong"), ("iss", &issuer)],
            &[("error", "access_denied")],
            &[("state", &state)],
        ] {
            assert_eq!(status(&with(&callback, query)).await, 400, "{query:?}");
        }
        assert_eq!(status(&callback.join("/favicon.ico").unwrap()).await, 404);
        let good = with(&callback, &[("code", "c"), ("state", &state), ("iss", &issuer)]);
        assert_eq!(fetch(&good, &[], Some("")).await.unwrap().status, 405);
        // DNS rebinding: the browser believes that it is somewhere else.
        let authority = format!("127.0.0.1:{}", callback.port().unwrap());
        let target = &good[url::Position::BeforePath..];
        for head in [
            format!("GET {target} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            format!("GET {target} HTTP/1.1\r\n\r\n"),
            format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nHost: evil.example\r\n\r\n"),
        ] {
            assert!(raw(&authority, head.as_bytes()).await.unwrap().starts_with(b"HTTP/1.1 400 "));
        }
        let long = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nX: {}\r\n\r\n", "a".repeat(9_000));
        drop(raw(&authority, long.as_bytes()).await);
        // One that says nothing holds nobody up.
        let silent = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let page = fetch(&good, &[], None).await.unwrap();
        assert_eq!(page.status, 200);
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(!page.body.contains(&state) && !page.body.contains("code"));
        drop(silent);
        // A state is good once.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(fetch(&good, &[], None).await.is_none_or(|again| again.status == 400));
    });
    assert_eq!(signed_in.await.ok().unwrap().token.access.expose(), "at-1");
    let calls = server.calls.lock().unwrap();
    let exchanged: Vec<_> = calls.iter().filter(|call| call.method == "POST").collect();
    assert_eq!(exchanged.len(), 1);
    assert!(exchanged[0].body.contains("code_verifier=") && exchanged[0].body.contains("code=c&"));
}

#[tokio::test]
async fn l3_an_answer_of_another_server_or_of_nobody_is_refused_before_the_code_is_sent() {
    let (server, provider) = server().await;
    let issuer = server.url("");
    for iss in [None, Some("https://evil.example".to_owned()), Some(format!("{issuer}/"))] {
        let signed_in = by_browser(&provider, |url| async move {
            let (callback, state) = asked(&url);
            let mut url = with(&callback, &[("code", "c"), ("state", &state)]);
            url.query_pairs_mut().extend_pairs(iss.map(|iss| ("iss", iss)));
            assert_eq!(status(&url).await, 200);
        });
        assert_eq!(signed_in.await.err(), Some(OAuthError::ForeignAnswer));
    }
    assert!(server.calls.lock().unwrap().iter().all(|call| call.method == "GET"), "the code was sent");
}

#[tokio::test]
async fn an_error_with_the_right_state_ends_the_sign_in_with_its_code_alone() {
    let (server, provider) = server().await;
    for (error, expected) in [
        ("access_denied", "the sign-in was declined"),
        ("invalid_scope", "the authorisation endpoint refuses: invalid_scope"),
        ("<script>\u{1b}[2J", "the authorisation endpoint refuses"),
    ] {
        let issuer = server.url("");
        let signed_in = by_browser(&provider, |url| async move {
            let (callback, state) = asked(&url);
            let query = [("error", error), ("error_description", "x"), ("state", &state), ("iss", &issuer)];
            assert_eq!(status(&with(&callback, &query)).await, 200);
        });
        assert_eq!(signed_in.await.err().unwrap().to_string(), expected);
    }
}

#[tokio::test]
async fn l4_a_sign_in_that_is_given_up_closes_its_port() {
    let (_server, provider) = server().await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    {
        let sign_in = by_browser(&provider, |url| async move {
            drop(sender.send(asked(&url).0));
            std::future::pending().await
        });
        drop(tokio::time::timeout(Duration::from_millis(500), sign_in).await);
    }
    let callback = receiver.await.unwrap();
    assert!(fetch(&callback, &[], None).await.is_none());
}

#[tokio::test]
async fn l2_the_real_server_refuses_a_code_whose_verifier_is_another_flows() {
    let Some(real) = Real::start() else { return };
    let provider = provider(&format!(
        r#"
        client_id = "cli"
        authorization_endpoint = "{0}/auth"
        token_endpoint = "{0}/token"
        always_scopes = ["openid"]
        "#,
        real.issuer
    ));
    // The code of another's sign-in is injected into this one, with this one's state (RFC 9700 section 4.5).
    let signed_in = by_browser(&provider, |mut url| async move {
        let (callback, state) = asked(&url);
        let other = url.query_pairs().map(|(key, value)| {
            let value =
                if key == "code_challenge" { "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into() } else { value };
            (key.into_owned(), value.into_owned())
        });
        let other: Vec<_> = other.collect();
        url.query_pairs_mut().clear().extend_pairs(other);
        let answer = Browser::default().log_in(url).await;
        let code = answer.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned();
        assert_eq!(status(&with(&callback, &[("code", &code), ("state", &state)])).await, 200);
    });
    assert_eq!(signed_in.await.err().unwrap().to_string(), "the token endpoint refuses: invalid_grant");
}
