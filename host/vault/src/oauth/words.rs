//! The values of a provider's fields, each checked where it is read, so that a mistake is named with its place.

use std::collections::BTreeMap;

use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde::Deserialize;
use url::Url;

/// Parameters of an authorisation request that the flow itself sets: an operator's would turn them off (RFC 9700 §2.1).
const OF_THE_FLOW: [&str; 14] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// A scope of the server's (RFC 6749 §3.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ScopeToken(String);

impl ScopeToken {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ScopeToken {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if fits && (1..=256).contains(&text.len()) {
            return Ok(Self(text));
        }
        Err(mistake(&text, "is no scope: visible ASCII without spaces, quotes and backslashes (RFC 6749 section 3.3)"))
    }
}

/// A client id (RFC 6749 appendix A.1), narrower by the space.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct VisibleText(String);

impl VisibleText {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VisibleText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text));
        }
        Err(mistake(&text, "is no client id: write it as the service shows it, 1 to 512 visible ASCII characters"))
    }
}

/// What the token is for (RFC 8707 §2): an absolute URI without a fragment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Resource(String);

impl Resource {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Resource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.len() <= 2_048 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if plain && Url::parse(&text).is_ok_and(|url| url.fragment().is_none()) {
            return Ok(Self(text));
        }
        Err(mistake(&text, "is no resource: write an absolute URI without a fragment (RFC 8707 section 2)"))
    }
}

/// Fixed parameters of the authorisation request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl TryFrom<BTreeMap<String, String>> for Parameters {
    type Error = String;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self, String> {
        for (name, value) in &map {
            if OF_THE_FLOW.contains(&name.as_str()) {
                return Err(mistake(name, "is set by the flow itself; take it out of `authorization_parameters`"));
            }
            let named = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !named || value.len() > 512 || value.chars().any(char::is_control) {
                return Err(mistake(name, "or its value cannot be a parameter; names have letters, digits and `_`"));
            }
        }
        Ok(Self(map))
    }
}

fn mistake(text: &str, why: &str) -> String {
    format!("`{}` {why}", cut(&visible(text), 80))
}
