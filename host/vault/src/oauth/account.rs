//! Who signed in: a name to show, never one to decide by (threat L15).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::provider::Provider;
use super::text;

/// What an ID token says of a person (OpenID Connect Core §2, §5.1).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    #[serde(deserialize_with = "text::plain")]
    iss: Option<String>,
    aud: Audience,
    #[serde(deserialize_with = "text::plain")]
    email: Option<String>,
    #[serde(deserialize_with = "text::plain")]
    preferred_username: Option<String>,
    #[serde(deserialize_with = "text::plain")]
    sub: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    Nobody,
    One(String),
    Many(Vec<String>),
}

/// Supabase's own way to say who it is.
#[derive(Deserialize)]
struct OfSupabase {
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    #[serde(deserialize_with = "text::plain")]
    email: Option<String>,
    #[serde(deserialize_with = "text::plain")]
    phone: Option<String>,
}

/// The account that an ID token names, if it was made by this issuer for this client. Its signature is not checked: it came
/// from the token endpoint itself, over TLS (OpenID Connect Core §3.1.3.7, item 6), and is shown only.
pub(crate) fn of_id_token(token: &str, provider: &Provider) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims: Claims = text::object(&payload)?;
    let client = provider.client()?;
    let for_us = match &claims.aud {
        Audience::Nobody => false,
        Audience::One(one) => one == client,
        Audience::Many(many) => many.iter().any(|one| one == client),
    };
    let by_it = provider.issuer().is_some_and(|issuer| claims.iss.as_deref() == Some(issuer));
    let account = claims.email.or(claims.preferred_username).or(claims.sub)?;
    (for_us && by_it).then(|| shown(&account)).flatten()
}

/// The account that Supabase's answer names.
pub(crate) fn of_supabase(body: &[u8]) -> Option<String> {
    let User { email, phone } = text::object::<OfSupabase>(body)?.user;
    [email, phone].into_iter().flatten().find_map(|name| shown(&name))
}

/// A name of a server's, fit to be shown.
pub(crate) fn shown(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| cut(&visible(name), 120))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::fake::provider;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn l15_an_id_token_gives_a_name_to_show_and_only_our_issuers_to_this_client() {
        let provider = provider("issuer = \"https://auth.example.com\"\nclient_id = \"cli\"");
        let of = |claims: &str| of_id_token(&token(claims), &provider);
        let good = r#"{"iss":"https://auth.example.com","aud":"cli","sub":"1","email":"a@example.com"}"#;
        assert_eq!(of(good).as_deref(), Some("a@example.com"));
        let many = r#"{"iss":"https://auth.example.com","aud":["x","cli"],"sub":"a\u001b[2J"}"#;
        assert_eq!(of(many).as_deref(), Some("a\\u{1b}[2J"));
        for bad in [
            r#"{"iss":"https://evil.example","aud":"cli","sub":"1"}"#,
            r#"{"iss":"https://auth.example.com","aud":"other","sub":"1"}"#,
            r#"{"iss":"https://auth.example.com","sub":"1"}"#,
            r#"{"aud":"cli","sub":"1"}"#,
            r#"{"iss":"https://auth.example.com","aud":"cli"}"#,
            "[]",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
        for bad in ["", "a", "a.b", "a.!.c"] {
            assert_eq!(of_id_token(bad, &provider), None);
        }
    }
}
