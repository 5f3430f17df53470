//! Servers that misbehave: what a token endpoint may do wrong, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use hotcell_gate::IssuerNetwork;
use hotcell_protocol::Refusal;
use hotcell_vault::Issuer as _;
use hotcell_vault::NewToken;
use hotcell_vault::RefreshError;
use hotcell_vault::Secret;
use hotcell_vault::oauth::HttpError;
use hotcell_vault::oauth::OAuthError;
use hotcell_vault::oauth::OAuthIssuer;
use hotcell_vault::oauth::Place;
use hotcell_vault::oauth::SignIn;
use hotcell_vault::oauth::SignedIn;
use tokio::sync::Notify;

use crate::browser::Shown;
use crate::support::by_browser;
use crate::support::discovered;
use crate::support::provider;
use crate::support::scopes;
use crate::support::stored;
use crate::wire::Reply;
use crate::wire::Server;

const CANARY: &str = "canary-6f1d0c";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned().into()).unwrap()
}

fn oauth(token_endpoint: &str) -> String {
    format!(
        r#"
        client_id = "machine"
        client_authentication = "post"
        grants = ["client-credentials", "device"]
        token_endpoint = "{token_endpoint}"
        device_authorization_endpoint = "{token_endpoint}"
        "#
    )
}

async fn sign_in(token_endpoint: &str) -> Result<SignedIn, OAuthError> {
    let (network, provider, (person, _shown)) =
        (IssuerNetwork::new(None).unwrap(), provider(&oauth(token_endpoint)), Shown::new());
    let sign_in = SignIn { service: "notes", provider: &provider, scopes: scopes(), http: &network, person: &person };
    sign_in.by_client_credentials(secret(CANARY)).await
}

/// What a refresh with a canary gives at this endpoint, of a public client.
async fn refresh(token_endpoint: &str) -> Result<NewToken, RefreshError> {
    let provider = provider(&format!("client_id = \"cli\"\ntoken_endpoint = \"{token_endpoint}\""));
    let network = Arc::new(IssuerNetwork::new(None).unwrap());
    let issuer = OAuthIssuer::new([("notes".to_owned(), provider)].into(), network);
    issuer.refresh("notes".to_owned(), stored(&given().await)).await
}

/// A token whose refresh token is the canary, as a server gives it.
async fn given() -> NewToken {
    let body = format!(r#"{{"access_token":"at-1","token_type":"bearer","refresh_token":"{CANARY}"}}"#);
    let server = faulty(move |_| Reply::json(200, &body)).await;
    let oauth = format!("client_id = \"cli\"\ngrants = [\"password\"]\ntoken_endpoint = \"{}\"", server.url("/token"));
    let (network, provider, (person, _shown)) = (IssuerNetwork::new(None).unwrap(), provider(&oauth), Shown::new());
    let sign_in = SignIn { service: "notes", provider: &provider, scopes: scopes(), http: &network, person: &person };
    sign_in.by_password("me", "pw".to_owned().into(), None).await.ok().unwrap().token
}

/// No form of an error may show what was sent.
fn assert_clean(error: &OAuthError) {
    let refusal = Refusal::from(error.clone());
    for text in [error.to_string(), format!("{error:?}"), format!("{refusal:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
}

async fn faulty(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |call| reply(&call.body)).await
}

#[tokio::test]
async fn d3_a_redirect_of_a_token_endpoint_is_an_error_and_nothing_is_sent_on() {
    let elsewhere = faulty(|_| Reply::json(200, r#"{"access_token":"at","token_type":"bearer"}"#)).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}\r\n", elsewhere.url("/token"));
        let server = faulty(move |_| Reply::with(status, &location, b"")).await;
        let error = sign_in(&server.url("/token")).await.err().unwrap();
        assert_eq!(error, OAuthError::Network { place: Place::Token, error: HttpError::Redirected });
        assert_eq!(refresh(&server.url("/token")).await.err(), Some(RefreshError::Transient { retry_after: None }));
        assert_eq!(server.count(), 2, "each is sent once");
    }
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn l14_huge_encoded_and_broken_answers_are_errors_and_keep_the_refresh_token() {
    let huge = "a".repeat(64 * 1024 + 1);
    let chunked =
        format!("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{0:x}\r\n{huge}\r\n0\r\n\r\n", huge.len());
    let network = |error| OAuthError::Network { place: Place::Token, error };
    let broken = |why| OAuthError::Broken { place: Place::Token, why };
    let cases: Vec<(Vec<u8>, OAuthError)> = vec![
        (bytes(200, "", &huge), network(HttpError::TooLarge)),
        (chunked.into_bytes(), network(HttpError::TooLarge)),
        (bytes(200, "content-encoding: gzip\r\n", "x"), network(HttpError::Encoded)),
        (bytes(200, "content-encoding: identity\r\ncontent-encoding: br\r\n", "x"), network(HttpError::Encoded)),
        (b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\nabc".to_vec(), network(HttpError::Broken)),
        (b"SSH-2.0-x\r\n".to_vec(), network(HttpError::Broken)),
        (b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n".to_vec(), network(HttpError::Broken)),
        (Vec::new(), network(HttpError::Broken)),
        (bytes(200, "", "<html>"), broken("it is not the JSON of a token")),
        (bytes(200, "", r#"{"access_token":"canary","token_type":"bearer""#), broken("it is not the JSON of a token")),
        (bytes(200, "", r#"{"token_type":"bearer"}"#), broken("it holds no access token")),
        (bytes(200, "", r#"{"access_token":"canary","token_type":"mac"}"#), broken("its token is no bearer token")),
        (bytes(503, "retry-after: 9\r\n", "x"), OAuthError::Busy(Place::Token)),
    ];
    for (answer, expected) in cases {
        let busy = expected == OAuthError::Busy(Place::Token);
        let server = faulty(move |_| Reply::Bytes(answer.clone())).await;
        let error = sign_in(&server.url("/token")).await.err().unwrap();
        assert_eq!(error, expected);
        assert_clean(&error);
        let retry_after = busy.then(|| Duration::from_secs(9));
        assert_eq!(refresh(&server.url("/token")).await.err(), Some(RefreshError::Transient { retry_after }));
    }
}

fn bytes(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let Reply::Bytes(bytes) = Reply::with(status, headers, body.as_bytes()) else { unreachable!() };
    bytes
}

#[tokio::test]
async fn l14_an_answer_that_does_not_end_is_given_up() {
    let half = b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{\"access_token\":".to_vec();
    let begun = Arc::new(Notify::new());
    let told = Arc::clone(&begun);
    let server = faulty(move |_| {
        told.notify_one();
        Reply::Hang(half.clone())
    })
    .await;
    let address = server.url("/token");
    let waiting = async {
        begun.notified().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        // From here on time runs as fast as nothing happens.
        tokio::time::pause();
        std::future::pending::<()>().await;
    };
    let since = tokio::time::Instant::now();
    tokio::select! {
        signed_in = sign_in(&address) => {
            let expected = OAuthError::Network { place: Place::Token, error: HttpError::TimedOut };
            assert_eq!(signed_in.err(), Some(expected));
        }
        () = waiting => unreachable!(),
    }
    assert_eq!(since.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn g2_a_token_that_an_error_echoes_is_in_no_error_of_ours() {
    for (status, shape) in [
        (400, r#"{"error":"invalid_request","error_description":"bad: BODY"}"#),
        (400, r#"{"error":"BODY"}"#),
        (401, r#"{"error":{"message":"BODY"}}"#),
        (500, "BODY"),
        (200, r#"{"error":"no token for BODY"}"#),
        (200, "BODY"),
    ] {
        let server = faulty(move |body| Reply::json(status, &shape.replace("BODY", body))).await;
        let error = sign_in(&server.url("/token")).await.err().unwrap();
        assert_clean(&error);
        let calls = server.calls.lock().unwrap();
        assert!(calls[0].body.contains(CANARY), "the test is vacuous");
        assert!(calls[0].header("accept-encoding") == Some("identity"));
    }
}

#[tokio::test]
async fn l18_every_way_to_write_a_life_gives_a_token() {
    for (life, expected) in [
        (r#","expires_in":0"#, Some(0)),
        (r#","expires_in":-60"#, Some(0)),
        (r#","expires_in":"60""#, Some(60)),
        ("", None),
        (r#","expires_in":1000000000000"#, Some(365 * 24 * 60 * 60)),
    ] {
        let server =
            faulty(move |_| Reply::json(200, &format!(r#"{{"access_token":"at","token_type":"bearer"{life}}}"#)));
        let server = server.await;
        let token = sign_in(&server.url("/token")).await.ok().unwrap().token;
        assert_eq!(token.expires_in.map(|life| life.as_secs()), expected, "{life}");
        let token = refresh(&server.url("/token")).await.ok().unwrap();
        assert_eq!(token.expires_in.map(|life| life.as_secs()), expected, "{life}");
    }
}

#[tokio::test]
async fn l7_metadata_of_another_issuer_or_without_s256_opens_no_browser() {
    for (issuer, methods, expected) in [
        ("https://evil.example", r#"["S256"]"#, OAuthError::ForeignMetadata),
        ("", r#"["plain"]"#, OAuthError::NoPkce),
        ("", "null", OAuthError::NoPkce),
    ] {
        let server = Server::start(move |call| {
            let own = format!("http://{}", call.header("host").unwrap());
            let named = if issuer.is_empty() { &own } else { issuer };
            Reply::json(
                200,
                &format!(
                    r#"{{"issuer":"{named}","authorization_endpoint":"{own}/auth","token_endpoint":"{own}/token",
                    "code_challenge_methods_supported":{methods}}}"#
                ),
            )
        })
        .await;
        let provider = discovered(&server.url(""));
        let signed_in = by_browser(&provider, |_| async { panic!("a browser was opened") }).await;
        assert_eq!(signed_in.err(), Some(expected));
    }
}

#[tokio::test]
async fn c2_a_name_that_leads_to_this_machine_is_refused() {
    let error = sign_in("https://localhost:9/token").await.err().unwrap();
    assert_eq!(error, OAuthError::Network { place: Place::Token, error: HttpError::Forbidden });
    let error = sign_in("http://127.0.0.1:9/token").await.err().unwrap();
    assert_eq!(error, OAuthError::Network { place: Place::Token, error: HttpError::Unreachable });
}
