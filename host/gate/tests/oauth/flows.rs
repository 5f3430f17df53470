//! Against the real authorisation server, from end to end.

use std::sync::Arc;

use hotcell_vault::Issuer as _;
use hotcell_vault::NewToken;
use hotcell_vault::RefreshError;
use hotcell_vault::Secret;
use hotcell_vault::oauth::OAuthIssuer;
use hotcell_vault::oauth::Provider;
use hotcell_vault::oauth::SignIn;
use hotcell_vault::oauth::SignedIn;
use url::Url;

use crate::browser::Browser;
use crate::browser::Shown;
use crate::real::Real;
use crate::support::by_browser;
use crate::support::discovered;
use crate::support::network;
use crate::support::provider;
use crate::support::scopes;
use crate::support::stored;
use crate::wire::Reply;
use crate::wire::Server;
use crate::wire::fetch;

async fn signed_in(provider: &Provider) -> SignedIn {
    let signed_in = by_browser(provider, |url| async move {
        let callback = Browser::default().log_in(url).await;
        assert_eq!(fetch(&callback, &[], None).await.unwrap().status, 200);
    });
    signed_in.await.unwrap_or_else(|error| panic!("{error}"))
}

fn issuer(provider: &Provider) -> OAuthIssuer {
    OAuthIssuer::new([("notes".to_owned(), provider.clone())].into(), Arc::new(network()))
}

async fn refresh(issuer: &OAuthIssuer, token: &NewToken) -> Result<NewToken, RefreshError> {
    issuer.refresh("notes".to_owned(), stored(token)).await
}

#[tokio::test]
async fn l1_the_code_flow_signs_in_and_its_refresh_tokens_rotate_and_are_good_once() {
    let Some(real) = Real::start() else { return };
    let provider = discovered(&real.issuer);
    let signed_in = signed_in(&provider).await;
    assert_eq!(signed_in.issuer.as_deref(), Some(real.issuer.as_str()));
    assert_eq!(signed_in.account.as_deref(), Some("alice"));
    assert!(signed_in.declined.is_empty());
    let first = signed_in.token;
    assert_eq!(first.scopes, scopes());
    assert_eq!(first.expires_in.map(|life| life.as_secs()), Some(60));

    let issuer = issuer(&provider);
    let second = refresh(&issuer, &first).await.ok().unwrap();
    let rotated = second.refresh.as_ref().unwrap().expose() != first.refresh.as_ref().unwrap().expose();
    assert!(rotated && second.access.expose() != first.access.expose());

    // A token that is used twice is taken for stolen: the whole family ends (RFC 9700 section 4.14).
    assert_eq!(refresh(&issuer, &first).await.err(), Some(RefreshError::Rejected));
    assert_eq!(refresh(&issuer, &second).await.err(), Some(RefreshError::Rejected));
    assert!(real.says("grant.revoked", 1).await);
}

#[tokio::test]
async fn l10_a_token_is_asked_for_one_resource_in_every_request() {
    let Some(real) = Real::start() else { return };
    let provider = provider(&format!(
        r#"
        issuer = "{}"
        client_id = "cli"
        discovery = true
        resource = "https://api.example.com/"
        always_scopes = ["offline_access", "openid"]
        scopes = {{ "notes:read" = ["notes.read"] }}
        "#,
        real.issuer
    ));
    let token = signed_in(&provider).await.token;
    let event = "resource https://api.example.com/";
    assert!(real.says(event, 2).await);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let asked = real.count(event);
    // The server's word is about the resource's scopes.
    assert!(token.scopes.contains("notes:read"));
    assert!(refresh(&issuer(&provider), &token).await.is_ok());
    assert!(real.says(event, asked + 1).await);
}

#[tokio::test]
async fn signing_out_revokes_at_the_server() {
    let Some(real) = Real::start() else { return };
    let provider = discovered(&real.issuer);
    let token = signed_in(&provider).await.token;
    let issuer = issuer(&provider);
    assert!(issuer.revoke("notes".to_owned(), stored(&token)).await);
    assert_eq!(refresh(&issuer, &token).await.err(), Some(RefreshError::Rejected));
}

#[tokio::test]
async fn l9_the_device_flow_signs_in_and_heeds_slow_down() {
    let Some(real) = Real::start() else { return };
    let origin = Url::parse(&real.issuer).unwrap();
    // The real server says neither `interval` nor `slow_down`: this one in front of it does.
    let device = origin.join("/device/auth").unwrap();
    let token = origin.join("/token").unwrap();
    let slow = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let shim = Server::start_async(move |call| {
        let (device, token, slow) = (device.clone(), token.clone(), Arc::clone(&slow));
        Box::pin(async move {
            if call.target == "/device" {
                let answer = fetch(&device, &[], Some(&call.body)).await.unwrap();
                return Reply::json(answer.status, &answer.body.replacen('{', "{\"interval\":1,", 1));
            }
            if slow.swap(false, std::sync::atomic::Ordering::SeqCst) {
                return Reply::json(400, r#"{"error":"slow_down"}"#);
            }
            let answer = fetch(&token, &[], Some(&call.body)).await.unwrap();
            Reply::json(answer.status, &answer.body)
        })
    })
    .await;
    let provider = provider(&format!(
        r#"
        client_id = "cli"
        device_authorization_endpoint = "{}"
        token_endpoint = "{}"
        always_scopes = ["offline_access", "openid"]
        "#,
        shim.url("/device"),
        shim.url("/token")
    ));
    let (network, (person, mut shown)) = (network(), Shown::new());
    let sign_in = SignIn { service: "notes", provider: &provider, scopes: scopes(), http: &network, person: &person };
    let since = std::time::Instant::now();
    let confirm = async {
        let complete = shown.recv().await.unwrap();
        let code = person.codes.lock().unwrap()[0].clone();
        Browser::default().confirm(complete, &code).await;
        std::future::pending::<()>().await;
    };
    let signed_in = tokio::select! {
        signed_in = sign_in.by_device(None) => signed_in.unwrap_or_else(|error| panic!("{error}")),
        () = confirm => unreachable!(),
    };
    assert!(signed_in.token.refresh.is_some());
    assert_eq!(signed_in.token.scopes, scopes());
    // One second, then six.
    assert_eq!(shim.count(), 3);
    assert!(since.elapsed().as_secs() >= 7, "{:?}", since.elapsed());
}

#[tokio::test]
async fn client_credentials_show_the_secret_in_the_header_or_in_the_body() {
    let Some(real) = Real::start() else { return };
    for method in ["basic", "post"] {
        let provider = provider(&format!(
            r#"
            issuer = "{}"
            client_id = "machine-{method}"
            client_authentication = "{method}"
            grants = ["client-credentials"]
            discovery = true
            scopes = {{ "notes:read" = ["notes.read"] }}
            "#,
            real.issuer
        ));
        let (network, (person, _shown)) = (network(), Shown::new());
        let sign_in =
            SignIn { service: "notes", provider: &provider, scopes: scopes(), http: &network, person: &person };
        let secret = Secret::new("machine:secret+of/the=tests".to_owned().into()).unwrap();
        let signed_in = sign_in.by_client_credentials(secret).await.unwrap_or_else(|error| panic!("{method}: {error}"));
        assert!(signed_in.token.refresh.is_none() && signed_in.client_secret.is_some());
        let secret = Secret::new("wrong".to_owned().into()).unwrap();
        let error = sign_in.by_client_credentials(secret).await.err().unwrap();
        assert_eq!(error.to_string(), "the token endpoint refuses: invalid_client");
    }
}
