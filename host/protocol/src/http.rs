//! One HTTP request as the guest asks for it, and what it gets back. Neither type can carry a token.

use serde::Deserialize;
use serde::Serialize;

/// Request methods that exist for a guest (RFC 9110 §9.3, RFC 5789).
///
/// `TRACE` reflects the request, credential included, and `CONNECT` opens a tunnel: both are absent, so
/// they cannot be asked for (threat B11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// DELETE
    Delete,
    /// GET
    Get,
    /// HEAD
    Head,
    /// PATCH
    Patch,
    /// POST
    Post,
    /// PUT
    Put,
}

impl Method {
    /// All methods, in alphabetical order.
    pub const ALL: [Self; 6] = [Self::Delete, Self::Get, Self::Head, Self::Patch, Self::Post, Self::Put];

    /// The method as it stands in a request line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    /// Reads an upper-case method name; `None` for any other text (methods are case-sensitive, RFC 9110 §9.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// One header field, name and value as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Field name, any case.
    pub name: String,
    /// Field value.
    pub value: String,
}

impl Header {
    /// A header field from its two parts.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A request as the guest wrote it: untrusted, unchecked, without a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Method.
    pub method: Method,
    /// Absolute URL, as text.
    pub url: String,
    /// Header fields in the guest's order.
    pub headers: Vec<Header>,
    /// Body, if any.
    pub body: Option<Vec<u8>>,
}

/// A response that passed the gate: scanned, bounded, stripped of everything that is not on the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Header fields that the allow-list lets through, names in lower case.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What the guest learns when there is no answer: the WIT enum `error`, without any text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestError {
    /// The request is malformed.
    BadRequest,
    /// The host failed.
    Broken,
    /// No grant allows this request.
    Denied,
    /// No usable token with the needed scope.
    NeedsSignIn,
    /// Request or response over its limit.
    TooLarge,
    /// The call's requests are used up.
    TooMany,
    /// Time is over.
    TimedOut,
    /// No connection.
    Unreachable,
    /// The response held a credential or could not be checked.
    Withheld,
}
