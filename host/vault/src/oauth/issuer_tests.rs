//! Unit tests of refresh and revocation.

use std::sync::Arc;
use std::time::Duration;

use super::fake::Fake;
use super::fake::provider_of;
use super::http::HttpError;
use super::issuer::Carried;
use super::issuer::OAuthIssuer;
use super::revoke::revoke;
use crate::NewToken;
use crate::issuer::RefreshError;
use crate::secret::Secret;

const OAUTH: &str = r#"
    client_id = "cli"
    token_endpoint = "https://auth.example.com/token"
    revocation_endpoint = "https://auth.example.com/revoke"
    resource = "https://api.example.com/"
    scopes = { read = ["r"], write = ["w"] }
"#;
const SUPABASE: &str = "dialect = \"supabase\"";
const TOKEN: &str = r#"{"access_token":"at-2","token_type":"bearer","expires_in":60}"#;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned().into()).unwrap()
}

async fn refresh(text: &str, fake: Fake, client_secret: Option<&str>) -> (Result<NewToken, RefreshError>, Arc<Fake>) {
    let fake = Arc::new(fake);
    let providers = [("a".to_owned(), provider_of(text, &["read", "write", "own"]))].into();
    let issuer = OAuthIssuer::new(providers, Arc::clone(&fake) as _);
    let (access, refresh, client_secret) = (secret("at-1"), secret("rt-1"), client_secret.map(secret));
    let carried = Carried { access: &access, refresh: Some(&refresh), client_secret: client_secret.as_ref() };
    (issuer.fresh("a", carried).await, fake)
}

async fn error(text: &str, fake: Fake) -> RefreshError {
    refresh(text, fake, None).await.0.err().unwrap()
}

#[tokio::test]
async fn a_refresh_asks_as_rfc_6749_says_and_an_absent_refresh_token_stays_absent() {
    let (token, fake) = refresh(OAUTH, Fake::new([(200, TOKEN)]), None).await;
    let token = token.ok().unwrap();
    assert!(token.refresh.is_none());
    assert_eq!(token.scopes.len(), 3);
    let expected =
        "grant_type=refresh_token&refresh_token=rt-1&resource=https%3A%2F%2Fapi.example.com%2F&client_id=cli";
    assert_eq!(fake.body(0), expected);
}

#[tokio::test]
async fn l11_a_refresh_narrows_scopes_by_the_servers_word() {
    let body = r#"{"access_token":"at-2","token_type":"bearer","scope":"r admin"}"#;
    let token = refresh(OAUTH, Fake::new([(200, body)]), None).await.0.ok().unwrap();
    assert_eq!(token.scopes.into_iter().collect::<Vec<_>>(), ["own", "read"]);
}

#[tokio::test]
async fn the_client_shows_its_secret_in_one_place() {
    let basic = format!("{OAUTH}\nclient_authentication = \"basic\"");
    let (_, fake) = refresh(&basic, Fake::new([(200, TOKEN)]), Some("cs-1")).await;
    assert!(!fake.body(0).contains("cs-1") && !fake.body(0).contains("client_id"));
    assert!(fake.headers(0).contains(&("authorization".to_owned(), "Basic Y2xpOmNzLTE=".to_owned())));
    let post = format!("{OAUTH}\nclient_authentication = \"post\"");
    let (_, fake) = refresh(&post, Fake::new([(200, TOKEN)]), Some("cs-1")).await;
    assert!(fake.body(0).ends_with("client_id=cli&client_secret=cs-1"));
    assert!(fake.headers(0).iter().all(|(name, _)| name != "authorization"));
    // A secret that is not wanted any more is not sent.
    let (_, fake) = refresh(OAUTH, Fake::new([(200, TOKEN)]), Some("cs-1")).await;
    assert!(!fake.body(0).contains("cs-1"));
    // One that is wanted and not there is a matter of the description.
    assert_eq!(error(&basic, Fake::new([(200, TOKEN)])).await, RefreshError::Config);
}

#[tokio::test]
async fn client_credentials_are_had_anew_by_the_secret_alone() {
    let text = format!("{OAUTH}\nclient_authentication = \"basic\"\ngrants = [\"client-credentials\"]");
    let body = r#"{"access_token":"at-2","token_type":"bearer","refresh_token":"rt-9"}"#;
    let fake = Arc::new(Fake::new([(200, body)]));
    let issuer =
        OAuthIssuer::new([("a".to_owned(), provider_of(&text, &["read", "write"]))].into(), Arc::clone(&fake) as _);
    let (access, client_secret) = (secret("at-1"), secret("cs-1"));
    let carried = Carried { access: &access, refresh: None, client_secret: Some(&client_secret) };
    let token = issuer.fresh("a", carried).await.ok().unwrap();
    assert!(token.refresh.is_none(), "RFC 6749 section 4.4.3");
    assert!(fake.body(0).starts_with("grant_type=client_credentials&scope=r+w&resource="), "{}", fake.body(0));
    let nothing = Carried { access: &access, refresh: None, client_secret: None };
    assert_eq!(issuer.fresh("a", nothing).await.err(), Some(RefreshError::Config));
    assert_eq!(issuer.fresh("unknown", nothing).await.err(), Some(RefreshError::Config));
}

#[tokio::test]
async fn m5_only_the_servers_own_word_ends_a_grant() {
    let oauth = |status, body| error(OAUTH, Fake::new([(status, body)]));
    let transient = RefreshError::Transient { retry_after: None };
    assert_eq!(oauth(400, r#"{"error":"invalid_grant"}"#).await, RefreshError::Rejected);
    assert_eq!(oauth(200, r#"{"error":"invalid_grant"}"#).await, RefreshError::Rejected);
    assert_eq!(oauth(401, r#"{"error":"invalid_client"}"#).await, RefreshError::Config);
    assert_eq!(oauth(400, r#"{"error":"unauthorized_client"}"#).await, RefreshError::Config);
    for (status, body) in [
        (400, r#"{"error":"invalid_request"}"#),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (400, r#"{"error":"refresh_token_not_found"}"#),
        (400, "invalid_grant"),
        (401, ""),
        (404, "<html>"),
        (408, ""),
        (200, "<html>"),
        (200, r#"{"access_token":"at"}"#),
        (200, r#"{"access_token":"at","token_type":"bearer""#),
        (204, ""),
        (302, ""),
        (307, r#"{"error":"invalid_grant"}"#),
        (500, r#"{"error":"invalid_grant"}"#),
        (503, ""),
    ] {
        assert_eq!(oauth(status, body).await, transient, "{status} {body}");
    }
    for network in
        [HttpError::TimedOut, HttpError::TooLarge, HttpError::Encoded, HttpError::Redirected, HttpError::Broken]
    {
        assert_eq!(error(OAUTH, Fake::failing(network)).await, transient);
    }
    let busy = RefreshError::Transient { retry_after: Some(Duration::from_secs(7)) };
    assert_eq!(error(OAUTH, Fake::busy(429, Some(7))).await, busy);
    assert_eq!(error(OAUTH, Fake::busy(503, Some(7))).await, busy);
}

#[tokio::test]
async fn supabase_ends_sessions_with_words_of_its_own() {
    for body in [
        r#"{"code":400,"error_code":"refresh_token_already_used","msg":"Invalid Refresh Token: rt-1"}"#,
        r#"{"code":"refresh_token_not_found","message":"x"}"#,
        r#"{"code":"session_not_found","message":"x"}"#,
        r#"{"code":"session_expired","message":"x"}"#,
        r#"{"error":"invalid_grant","error_description":"x"}"#,
    ] {
        assert_eq!(error(SUPABASE, Fake::new([(400, body)])).await, RefreshError::Rejected, "{body}");
    }
    for body in [r#"{"code":"over_request_rate_limit"}"#, r#"{"code":400,"msg":"x"}"#] {
        assert_eq!(error(SUPABASE, Fake::new([(400, body)])).await, RefreshError::Transient { retry_after: None });
    }
    let (token, fake) = refresh(SUPABASE, Fake::new([(200, TOKEN)]), None).await;
    assert!(token.is_ok());
    let asked = fake.asked.lock().unwrap();
    assert_eq!(asked[0].0, "https://abc.supabase.co/auth/v1/token?grant_type=refresh_token");
    assert_eq!(asked[0].2, r#"{"refresh_token":"rt-1"}"#);
    assert!(asked[0].1.contains(&("apikey".to_owned(), "sb_publishable_x".to_owned())));
}

#[tokio::test]
async fn revocation_takes_the_refresh_token_first_and_a_session_of_supabase_alone() {
    let (access, token) = (secret("at-1"), secret("rt-1"));
    let carried = Carried { access: &access, refresh: Some(&token), client_secret: None };
    let provider = provider_of(OAUTH, &["read", "write"]);
    let fake = Fake::new([(200, "")]);
    let endpoints = super::discovery::endpoints(&provider, &fake).await.unwrap();
    assert!(revoke(&provider, &fake, &endpoints, carried).await);
    assert_eq!(fake.body(0), "token=rt-1&token_type_hint=refresh_token&client_id=cli");
    assert_eq!(fake.body(1), "token=at-1&token_type_hint=access_token&client_id=cli");
    assert!(!revoke(&provider, &Fake::failing(HttpError::TimedOut), &endpoints, carried).await);

    let provider = provider_of(SUPABASE, &[]);
    let fake = Fake::new([(204, "")]);
    assert!(revoke(&provider, &fake, &endpoints, carried).await);
    let asked = fake.asked.lock().unwrap();
    assert_eq!(asked[0].0, "https://abc.supabase.co/auth/v1/logout?scope=local");
    assert!(asked[0].1.contains(&("authorization".to_owned(), "Bearer at-1".to_owned())));
    assert!(!asked[0].2.contains("rt-1"));
}
