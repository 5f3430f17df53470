//! Addresses of authorisation servers: what may be sent a password, a code or a refresh token.

use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde::Deserialize;
use url::Host;
use url::Url;

/// Longest address in bytes.
const MOST_BYTES: usize = 2_048;

/// An address that secrets may be sent to: `https`, or `http` on a literal loopback address (RFC 6749 §3.1, RFC 8252 §8.3,
/// threat L7). Names are resolved by the network, which refuses those that lead to addresses that are not public.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint {
    url: Url,
    text: String,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it and how it is to be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = cut(&visible(text), 200);
        read(text)
            .map(|url| Self { url, text: text.to_owned() })
            .map_err(|why| format!("`{shown}` {why}; write it as in https://auth.example.com/oauth/token"))
    }

    /// The address, taken apart.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address as it was written. Issuers are compared by their text (RFC 8414 §3.3).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The same address with this path after its own, and a query.
    pub(crate) fn below(&self, path: &str, query: Option<&str>) -> Self {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        Self { text: url.to_string(), url }
    }

    /// The same address with this query.
    pub(crate) fn with_query(&self, query: Option<&str>) -> Self {
        let mut url = self.url.clone();
        url.set_query(query);
        Self { text: url.to_string(), url }
    }

    /// The same origin with this path.
    pub(crate) fn at_path(&self, path: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(None);
        Self { text: url.to_string(), url }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

fn read(text: &str) -> Result<Url, &'static str> {
    if text.len() > MOST_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err("is too long, or has a space, a backslash, a control character or a character outside ASCII");
    }
    let url = Url::parse(text).map_err(|_| "is no absolute URL")?;
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("has a fragment, a user name or a password");
    }
    let named = matches!(url.host(), Some(Host::Domain(name)) if !name.is_empty());
    match url.scheme() {
        "https" if named || is_loopback(&url) => Ok(url),
        "https" => Err("names its server by a number; only names are allowed, and 127.0.0.1 and [::1]"),
        // Spelled exactly so: 127.1 and 0x7f000001 are other spellings that other readers take for other machines.
        "http" if is_loopback(&url) && (url.as_str() == text || url.as_str().strip_suffix('/') == Some(text)) => {
            Ok(url)
        }
        "http" => Err("is not encrypted; use https (http is for 127.0.0.1 and [::1] alone)"),
        _ => Err("is neither https nor http"),
    }
}

/// The two loopback literals: never a name, which others could make lead elsewhere (RFC 8252 §8.3).
pub(crate) fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l7_secrets_go_to_encrypted_names_or_to_this_machine() {
        for good in [
            "https://auth.example.com/token",
            "https://auth.example.com",
            "https://auth.example.com:8443/a?b=c",
            "http://127.0.0.1:9000/token",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/token",
            "https://127.0.0.1/token",
        ] {
            assert!(Endpoint::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://auth.example.com/token",
            "http://localhost:9000/token",
            "http://127.1:9000/token",
            "http://0x7f000001/token",
            "http://127.0.0.1.evil.example/token",
            "http://127.0.0.1@evil.example/token",
            "https://user@auth.example.com/token",
            "https://10.0.0.1/token",
            "https://169.254.169.254/token",
            "https://[fd00::1]/token",
            "https://auth.example.com/token#a",
            "https://auth.example.com/to ken",
            "https:\\\\auth.example.com",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "auth.example.com/token",
            "",
        ] {
            let why = Endpoint::parse(bad).unwrap_err();
            assert!(why.contains("; write it as in https://"), "{why}");
        }
    }

    #[test]
    fn addresses_below_an_issuer_keep_its_path() {
        let issuer = Endpoint::parse("https://abc.supabase.co/auth/v1").unwrap();
        let token = issuer.below("token", Some("grant_type=password"));
        assert_eq!(token.as_str(), "https://abc.supabase.co/auth/v1/token?grant_type=password");
        assert_eq!(issuer.at_path("/.well-known/x").as_str(), "https://abc.supabase.co/.well-known/x");
    }
}
