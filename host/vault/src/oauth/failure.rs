//! What an authorisation server says no with: a code, and nothing else of its answer (threat G2).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Deserializer;

use super::http::HttpError;
use super::text;

/// An error code (RFC 6749 §5.2) that fits `^[a-z_]{1,64}$`. Descriptions can echo a token, and are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCode(String);

impl ErrorCode {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the token endpoint gave no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 429 or 5xx: later, perhaps. Whatever code stands in such an answer is no final word.
    Busy { retry_after: Option<Duration> },
    /// A success that is none: not JSON, no token, or of another type.
    Broken(&'static str),
    /// No answer.
    Network(HttpError),
    /// The server's no, with its code where that is one.
    Refused(Option<ErrorCode>),
}

impl Failure {
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(Some(code)) => Some(code.as_str()),
            _ => None,
        }
    }
}

/// The fields that hold an error's code. Of other types than text they count as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(deserialize_with = "code")]
    error: Option<ErrorCode>,
    /// Supabase (`error_code`, and `code` from version 2024-01-01 of its API on).
    #[serde(deserialize_with = "code")]
    error_code: Option<ErrorCode>,
    #[serde(deserialize_with = "code")]
    code: Option<ErrorCode>,
}

fn code<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ErrorCode>, D::Error> {
    Ok(text::read(from, ErrorCode::parse)?.flatten())
}

/// The code of an error's body, by RFC 6749 §5.2.
pub(crate) fn of_oauth(body: &[u8]) -> Option<ErrorCode> {
    text::object::<Written>(body)?.error
}

/// The code of an error's body, as Supabase writes them: the finest first.
pub(crate) fn of_supabase(body: &[u8]) -> Option<ErrorCode> {
    let Written { error, error_code, code } = text::object(body)?;
    error_code.or(code).or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_of_an_error_only_a_plain_code_is_kept() {
        let code = |body: &str| of_oauth(body.as_bytes()).map(|code| code.to_string());
        assert_eq!(
            code(r#"{"error":"invalid_grant","error_description":"token rt-1"}"#).as_deref(),
            Some("invalid_grant")
        );
        for body in [
            r#"{"error":"Refresh token rt-12345 is unknown"}"#,
            r#"{"error":"rt-12345"}"#,
            r#"{"error":""}"#,
            r#"{"error":{"code":"invalid_grant"}}"#,
            r#"{"error":7}"#,
            r#"{"error":null}"#,
            r#"{"error_description":"x"}"#,
            r#"["error"]"#,
            "invalid_grant",
            "",
        ] {
            assert_eq!(code(body), None, "{body}");
        }
        assert_eq!(code(&format!(r#"{{"error":"{}"}}"#, "a".repeat(65))), None);
    }

    #[test]
    fn supabase_writes_codes_in_three_ways() {
        let code = |body: &str| of_supabase(body.as_bytes()).map(|code| code.to_string());
        let used = Some("refresh_token_already_used");
        assert_eq!(code(r#"{"code":400,"error_code":"refresh_token_already_used","msg":"x"}"#).as_deref(), used);
        assert_eq!(code(r#"{"code":"refresh_token_already_used","message":"x"}"#).as_deref(), used);
        assert_eq!(code(r#"{"error":"invalid_grant","error_description":"x"}"#).as_deref(), Some("invalid_grant"));
    }
}
