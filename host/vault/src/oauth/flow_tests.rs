//! Unit tests of the flows that need no browser, and of discovery. Time is virtual.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::discovery;
use super::error::OAuthError;
use super::error::Place;
use super::fake::Fake;
use super::fake::provider_of;
use super::http::HttpError;
use super::provider::Flow;
use super::provider::Provider;
use super::sign_in::DeviceCode;
use super::sign_in::Person;
use super::sign_in::SignIn;
use super::sign_in::SignedIn;
use crate::has_none_of::has_none_of;
use crate::secret::Secret;

const DEVICE: &str = r#"
    client_id = "cli"
    issuer = "https://auth.example.com"
    token_endpoint = "https://auth.example.com/token"
    device_authorization_endpoint = "https://auth.example.com/device"
    scopes = { read = ["r"] }
"#;
const CODE: &str = r#"{"device_code":"dc-1","user_code":"ABCD-EFGH","verification_uri":"https://auth.example.com/go",
    "verification_uri_complete":"https://auth.example.com/go?c=ABCD-EFGH","expires_in":600}"#;
const PENDING: &str = r#"{"error":"authorization_pending"}"#;
const SLOW: &str = r#"{"error":"slow_down"}"#;
const TOKEN: &str = r#"{"access_token":"at-1","token_type":"bearer","refresh_token":"rt-1"}"#;

#[derive(Default)]
struct Reader(Mutex<Vec<String>>);

impl Person for Reader {
    fn visit(&self, url: &Url) {
        self.0.lock().unwrap().push(url.to_string());
    }

    fn enter(&self, code: &DeviceCode<'_>) {
        let complete = code.complete.as_ref().map(Url::as_str).unwrap_or_default();
        let shown = format!("{} {} {} {} {complete}", code.service, code.server, code.user_code, code.address);
        self.0.lock().unwrap().push(shown);
    }
}

fn sign_in<'a>(provider: &'a Provider, fake: &'a Fake, person: &'a Reader) -> SignIn<'a> {
    SignIn { service: "a", provider, scopes: BTreeSet::from(["read".to_owned()]), http: fake, person }
}

async fn device(fake: &Fake) -> (Result<SignedIn, OAuthError>, Duration, Vec<String>) {
    let (provider, person) = (provider_of(DEVICE, &["read"]), Reader::default());
    let since = Instant::now();
    let signed_in = sign_in(&provider, fake, &person).by_device(None).await;
    (signed_in, since.elapsed(), person.0.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn l9_a_device_flow_waits_five_seconds_and_five_more_after_slow_down() {
    let fake = Fake::new([(200, CODE), (400, PENDING), (400, SLOW), (200, PENDING), (200, TOKEN)]);
    let (signed_in, took, shown) = device(&fake).await;
    let signed_in = signed_in.ok().unwrap();
    assert_eq!(signed_in.token.access.expose(), "at-1");
    assert_eq!(signed_in.issuer.as_deref(), Some("https://auth.example.com"));
    // 5, 5, then 10 for good. The second "pending" is GitHub's, with the status 200.
    assert_eq!(took.as_secs(), 5 + 5 + 10 + 10);
    let expected =
        "a https://auth.example.com ABCD-EFGH https://auth.example.com/go https://auth.example.com/go?c=ABCD-EFGH";
    assert_eq!(shown, [expected]);
    assert_eq!(fake.body(0), "scope=r&client_id=cli");
    assert!(
        fake.body(1).starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=dc-1")
    );
}

#[tokio::test(start_paused = true)]
async fn l9_a_busy_server_is_asked_more_and_more_seldom() {
    let busy = r#"{"error":"server_error"}"#;
    let fake = Fake::new([(200, CODE), (503, busy), (503, busy), (429, busy), (200, TOKEN)]);
    let (signed_in, took, _) = device(&fake).await;
    assert!(signed_in.is_ok());
    assert_eq!(took.as_secs(), 5 + 10 + 20 + 40);
}

#[tokio::test(start_paused = true)]
async fn a_device_flow_ends_with_the_persons_no_the_codes_end_or_another_error() {
    for (body, expected) in [
        (r#"{"error":"access_denied"}"#, OAuthError::Declined),
        (r#"{"error":"expired_token"}"#, OAuthError::TooLate),
        (
            r#"{"access_token":"at","token_type":"mac"}"#,
            OAuthError::Broken { place: Place::Token, why: "its token is no bearer token" },
        ),
    ] {
        let status = if body.contains("error") { 400 } else { 200 };
        assert_eq!(device(&Fake::new([(200, CODE), (status, body)])).await.0.err(), Some(expected));
    }
    let (signed_in, took, _) = device(&Fake::new([(200, CODE), (400, PENDING)])).await;
    assert_eq!(signed_in.err(), Some(OAuthError::TooLate));
    assert_eq!(took.as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn l8_what_a_person_is_shown_cannot_lead_elsewhere_or_redraw_the_terminal() {
    for body in [
        r#"{"device_code":"dc","user_code":"A","verification_uri":"http://auth.example.com/go"}"#,
        r#"{"device_code":"dc","user_code":"A","verification_uri":"javascript:alert(1)"}"#,
        r#"{"device_code":"dc","user_code":"A\u001b[2J","verification_uri":"https://auth.example.com/go"}"#,
        r#"{"device_code":"dc","user_code":"","verification_uri":"https://auth.example.com/go"}"#,
        r#"{"device_code":"","user_code":"A","verification_uri":"https://auth.example.com/go"}"#,
        r#"{"user_code":"A","verification_uri":"https://auth.example.com/go"}"#,
        "[]",
    ] {
        let (signed_in, _, shown) = device(&Fake::new([(200, body)])).await;
        assert!(matches!(signed_in.err(), Some(OAuthError::Broken { place: Place::Device, .. })), "{body}");
        assert!(shown.is_empty());
    }
    let foreign = CODE.replace("https://auth.example.com/go?c", "https://evil.example/go?c");
    let (_, _, shown) = device(&Fake::new([(200, &foreign), (200, TOKEN)])).await;
    assert!(!shown[0].contains("evil"), "{shown:?}");
}

#[tokio::test]
async fn ways_that_are_not_offered_ask_nobody() {
    let (provider, person, fake) = (provider_of(DEVICE, &["read"]), Reader::default(), Fake::new([(200, TOKEN)]));
    let sign_in = sign_in(&provider, &fake, &person);
    let not = |flow| Some(OAuthError::NotOffered(flow));
    assert_eq!(sign_in.by_password("me", "pw".to_owned().into(), None).await.err(), not(Flow::Password));
    assert_eq!(sign_in.by_browser(None).await.err(), not(Flow::AuthorizationCode));
    let secret = Secret::new("cs-1".to_owned().into()).unwrap();
    assert_eq!(sign_in.by_client_credentials(secret).await.err(), not(Flow::ClientCredentials));
    assert_eq!(fake.count(), 0);
}

#[tokio::test]
async fn passwords_and_client_secrets_are_sent_as_the_server_wants_them() {
    let (person, fake) = (Reader::default(), Fake::new([(200, TOKEN)]));
    let supabase = provider_of("dialect = \"supabase\"", &["read"]);
    let by = sign_in(&supabase, &fake, &person);
    let signed_in = by.by_password("a@example.com", "p\"w".to_owned().into(), None).await.ok().unwrap();
    assert_eq!(signed_in.token.scopes.len(), 1);
    assert_eq!(fake.body(0), r#"{"email":"a@example.com","password":"p\"w"}"#);
    by.by_password("+4912345", "pw".to_owned().into(), None).await.ok().unwrap();
    assert_eq!(fake.body(1), r#"{"phone":"+4912345","password":"pw"}"#);

    let oauth = provider_of(
        &format!("{DEVICE}\ngrants = [\"password\", \"client-credentials\"]\nclient_authentication = \"post\""),
        &["read"],
    );
    let sign_in = sign_in(&oauth, &fake, &person);
    let secret = || Secret::new("cs-1".to_owned().into()).unwrap();
    sign_in.by_password("me", "p&w".to_owned().into(), Some(secret())).await.ok().unwrap();
    assert_eq!(fake.body(2), "grant_type=password&username=me&password=p%26w&scope=r&client_id=cli&client_secret=cs-1");
    let signed_in = sign_in.by_client_credentials(secret()).await.ok().unwrap();
    assert_eq!(fake.body(3), "grant_type=client_credentials&scope=r&client_id=cli&client_secret=cs-1");
    assert!(signed_in.token.refresh.is_none() && signed_in.client_secret.is_some());
}

#[tokio::test]
async fn l7_metadata_must_be_the_issuers_own_and_name_safe_endpoints() {
    let provider = provider_of("client_id = \"cli\"\nissuer = \"https://auth.example.com/t\"\ndiscovery = true", &[]);
    let good = r#"{"issuer":"https://auth.example.com/t","token_endpoint":"https://auth.example.com/token"}"#;
    let fake = Fake::new([(404, ""), (200, good)]);
    let endpoints = discovery::endpoints(&provider, &fake).await.unwrap();
    assert!(!endpoints.knows_s256, "l2: no list is no PKCE (RFC 8414 section 2)");
    let asked: Vec<_> = fake.asked.lock().unwrap().iter().map(|asked| asked.0.clone()).collect();
    assert_eq!(
        asked,
        [
            "https://auth.example.com/.well-known/oauth-authorization-server/t",
            "https://auth.example.com/t/.well-known/openid-configuration",
        ]
    );
    for body in [
        r#"{"issuer":"https://auth.example.com/t/","token_endpoint":"https://auth.example.com/token"}"#,
        r#"{"issuer":"https://evil.example","token_endpoint":"https://auth.example.com/token"}"#,
    ] {
        let error = discovery::endpoints(&provider, &Fake::new([(200, body)])).await.unwrap_err();
        assert_eq!(error, OAuthError::ForeignMetadata);
    }
    for endpoint in
        ["http://auth.example.com/token", "http://127.0.0.1:80/token", "https://10.0.0.1/token", "file:///x"]
    {
        let body = good.replace("https://auth.example.com/token", endpoint);
        let error = discovery::endpoints(&provider, &Fake::new([(200, &body)])).await.unwrap_err();
        assert!(matches!(error, OAuthError::Broken { place: Place::Metadata, .. }), "{endpoint}");
    }
    for (status, body) in [(200, "<html>"), (200, "{}"), (404, "")] {
        assert!(discovery::endpoints(&provider, &Fake::new([(status, body)])).await.is_err());
    }
    let error = discovery::endpoints(&provider, &Fake::failing(HttpError::Redirected)).await.unwrap_err();
    assert_eq!(error, OAuthError::Network { place: Place::Metadata, error: HttpError::Redirected });
}

#[tokio::test]
async fn l16_an_endpoint_that_is_found_where_tools_reach_is_refused_unless_it_is_written() {
    let config = "client_id = \"cli\"\nissuer = \"https://auth.example.com\"\ndiscovery = true\n";
    // An origin of the service, as `provider_of` makes it.
    let endpoint = "https://abc.supabase.co/oauth/token";
    let body = format!(r#"{{"issuer":"https://auth.example.com","token_endpoint":"{endpoint}"}}"#);
    let error = discovery::endpoints(&provider_of(config, &[]), &Fake::new([(200, &body)])).await.unwrap_err();
    assert_eq!(error, OAuthError::WithinReach { field: "token_endpoint" });
    let written = format!("{config}token_endpoint = \"{endpoint}\"");
    assert!(discovery::endpoints(&provider_of(&written, &[]), &Fake::new([(200, &body)])).await.is_ok());
}

#[tokio::test]
async fn metadata_is_looked_for_at_the_second_address_whatever_the_first_answers() {
    let provider = provider_of("client_id = \"cli\"\nissuer = \"https://auth.example.com\"\ndiscovery = true", &[]);
    let good = r#"{"issuer":"https://auth.example.com","token_endpoint":"https://auth.example.com/token"}"#;
    for (status, body) in [(404, ""), (200, "<html>"), (302, ""), (403, "{}")] {
        assert!(discovery::endpoints(&provider, &Fake::new([(status, body), (200, good)])).await.is_ok(), "{status}");
    }
    let error = discovery::endpoints(&provider, &Fake::new([(503, ""), (200, good)])).await.unwrap_err();
    assert_eq!(error, OAuthError::Busy(Place::Metadata));
}

#[tokio::test]
async fn l2_metadata_without_s256_is_refused_before_a_browser_opens() {
    for methods in ["", r#","code_challenge_methods_supported":["plain"]"#] {
        let body = format!(
            r#"{{"issuer":"https://auth.example.com","authorization_endpoint":"https://auth.example.com/a",
                "token_endpoint":"https://auth.example.com/token"{methods}}}"#
        );
        let provider =
            provider_of("client_id = \"cli\"\nissuer = \"https://auth.example.com\"\ndiscovery = true", &["read"]);
        let (fake, person) = (Fake::new([(200, &body)]), Reader::default());
        assert_eq!(sign_in(&provider, &fake, &person).by_browser(None).await.err(), Some(OAuthError::NoPkce));
        assert!(person.0.lock().unwrap().is_empty());
    }
}

#[test]
fn g2_errors_are_two_lines_and_hold_nothing_of_an_answer() {
    for error in [OAuthError::Declined, OAuthError::NoPkce, OAuthError::Busy(Place::Token), OAuthError::TooLate] {
        let refusal = hotcell_protocol::Refusal::from(error);
        assert!(!refusal.hint.is_empty() && !refusal.message.ends_with('.'));
    }
}

#[test]
fn g1_what_holds_a_secret_of_a_sign_in_cannot_be_printed_copied_or_serialised() {
    use std::fmt::Debug;
    use std::fmt::Display;
    has_none_of!(SignedIn: Debug, Display, Clone, serde::Serialize);
    has_none_of!(super::http::HttpRequest: Debug, Display, Clone, serde::Serialize);
    has_none_of!(super::http::HttpReply: Debug, Display, Clone, serde::Serialize);
    has_none_of!(super::reply::Reply: Debug, Display, Clone, serde::Serialize);
    has_none_of!(super::pkce::Once: Debug, Display, Clone, PartialEq, serde::Serialize);
    has_none_of!(super::callback::Answer: Debug, Display, Clone, serde::Serialize);
    has_none_of!(super::issuer::Carried<'_>: Debug, Display, serde::Serialize);
    has_none_of!(super::client::Client<'_>: Debug, Display, Clone, serde::Serialize);
    has_none_of!(super::issuer::OAuthIssuer: Debug, Display, Clone, serde::Serialize);
}
