//! A successful answer of the token endpoint (RFC 6749 §5.1), read strictly where it matters and mildly where it does not.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::account;
use super::failure::Failure;
use super::life::Life;
use super::provider::Dialect;
use super::provider::Provider;
use super::text;
use crate::NewToken;
use crate::secret::Secret;

/// What is taken from an answer. All else is dropped, Supabase's `provider_token` and `provider_refresh_token` too: they
/// are secrets of third parties that nobody here asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(deserialize_with = "text::hidden")]
    access_token: Option<Zeroizing<String>>,
    #[serde(deserialize_with = "text::hidden")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(deserialize_with = "text::hidden")]
    id_token: Option<Zeroizing<String>>,
    #[serde(deserialize_with = "text::plain")]
    token_type: Option<String>,
    #[serde(deserialize_with = "text::plain")]
    scope: Option<String>,
    expires_in: Life,
}

/// A token as the server gave it.
pub(crate) struct Reply {
    access: Secret,
    refresh: Option<Secret>,
    expires_in: Option<Duration>,
    /// The server's word on scopes.
    scope: Option<String>,
    /// A name to show.
    pub(crate) account: Option<String>,
}

impl Reply {
    pub(crate) fn read(body: &[u8], provider: &Provider) -> Result<Self, Failure> {
        let written: Written = text::object(body).ok_or(Failure::Broken("it is not the JSON of a token"))?;
        let access = written.access_token.ok_or(Failure::Broken("it holds no access token"))?;
        // Not only `Bearer` is named so (threat L10): a token bound to a key would be refused by the service later on.
        if !written.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err(Failure::Broken("its token is no bearer token"));
        }
        let secret = |text| Secret::new(text).map_err(|_| Failure::Broken("its token has odd characters or no bounds"));
        let account = match provider.dialect() {
            Dialect::Oauth => written.id_token.and_then(|token| account::of_id_token(&token, provider)),
            Dialect::Supabase => account::of_supabase(body),
        };
        Ok(Self {
            access: secret(access)?,
            refresh: written.refresh_token.map(secret).transpose()?,
            expires_in: written.expires_in.0,
            scope: written.scope,
            account,
        })
    }

    /// The token for the store, with the scopes that `granted` makes of the server's word. The one place that makes one.
    pub(crate) fn into_token(self, granted: impl FnOnce(Option<&str>) -> BTreeSet<String>) -> NewToken {
        NewToken {
            scopes: granted(self.scope.as_deref()),
            refresh: self.refresh,
            expires_in: self.expires_in,
            ..NewToken::of(self.access)
        }
    }

    /// Without its refresh token: of client credentials there is none to keep (RFC 6749 §4.4.3).
    pub(crate) fn without_refresh(mut self) -> Self {
        self.refresh = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::fake::provider;

    fn read(body: &str) -> Result<Reply, Failure> {
        Reply::read(body.as_bytes(), &provider("dialect = \"supabase\""))
    }

    #[test]
    fn a_token_is_read() {
        let reply = read(
            r#"{"access_token":"at-1","token_type":"BEARER","expires_in":60,"refresh_token":"rt-1","scope":"a b",
                "provider_token":"pt-1","provider_refresh_token":"pt-2","user":{"id":"1","email":"a@example.com"}}"#,
        );
        let reply = reply.ok().unwrap();
        assert_eq!(reply.account.as_deref(), Some("a@example.com"));
        let token = reply.into_token(|word| word.unwrap().split(' ').map(str::to_owned).collect());
        assert_eq!((token.access.expose(), token.refresh.unwrap().expose()), ("at-1", "rt-1"));
        assert_eq!(token.expires_in, Some(Duration::from_secs(60)));
        assert_eq!(token.scopes.len(), 2);
    }

    #[test]
    fn l10_what_is_no_bearer_token_is_no_token() {
        for body in [
            r#"{"access_token":"at","token_type":"DPoP"}"#,
            r#"{"access_token":"at","token_type":"bot"}"#,
            r#"{"access_token":"at","token_type":""}"#,
            r#"{"access_token":"at"}"#,
            r#"{"access_token":"at","token_type":["bearer"]}"#,
            r#"{"access_token":"","token_type":"bearer"}"#,
            r#"{"access_token":7,"token_type":"bearer"}"#,
            r#"{"access_token":{"a":"at"},"token_type":"bearer"}"#,
            r#"{"access_token":"a t","token_type":"bearer"}"#,
            r#"{"access_token":"a\r\nt","token_type":"bearer"}"#,
            r#"{"access_token":"at","access_token":"other","token_type":"bearer"}"#,
            r#"{"access_token":"at","token_type":"bearer"} x"#,
            r#"{"access_token":"at","token_type":"bearer""#,
            r#"["at"]"#,
            "",
        ] {
            assert!(matches!(read(body), Err(Failure::Broken(_))), "{body}");
        }
    }

    #[test]
    fn l18_a_silly_life_does_not_cost_the_token() {
        for (life, expected) in [("0", Some(0)), ("-5", Some(0)), ("\"60\"", Some(60)), ("{}", None), ("null", None)] {
            let body = format!(r#"{{"access_token":"at","token_type":"bearer","expires_in":{life}}}"#);
            let reply = read(&body).ok().unwrap();
            assert_eq!(reply.expires_in.map(|life| life.as_secs()), expected, "{life}");
        }
        let reply = read(r#"{"access_token":"at","token_type":"bearer","refresh_token":""}"#).ok().unwrap();
        assert!(reply.expires_in.is_none() && reply.refresh.is_none());
    }
}
