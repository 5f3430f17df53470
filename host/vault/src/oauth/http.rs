//! The network, as the vault sees it: one request, one bounded answer. The gate has the client.

use std::time::Duration;

use zeroize::Zeroizing;

use super::endpoint::Endpoint;
use crate::issuer::Waiting;

/// Sends requests to authorisation servers.
///
/// An implementation follows no redirect (a 307 would carry a refresh token on, RFC 9700 §4.12, threat D3), knows no proxy,
/// takes no encoded answer, reads at most 64 KiB, and gives up after 20 seconds (threat L14).
pub trait Http: Send + Sync {
    /// One request, sent once.
    fn send(&self, request: HttpRequest) -> Waiting<'_, Result<HttpReply, HttpError>>;
}

/// A request. It may hold secrets, and has no `Debug`.
pub struct HttpRequest {
    /// Where to.
    pub endpoint: Endpoint,
    /// Header names in lower case, and their values. All values count as secret.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// The body of a `POST`; without one it is a `GET`.
    pub body: Option<Zeroizing<Vec<u8>>>,
}

/// An answer: whole and bounded. It may hold secrets, and has no `Debug`.
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// `Retry-After` in seconds (RFC 9110 §10.2.3), if it is there and a number.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer. No text of the server's or of a library's is in it (threats G2, G3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// It broke off, or does not speak HTTP/1.1.
    #[error("did not answer as HTTP/1.1, or broke off")]
    Broken,
    /// The answer is compressed, though nobody asked for that.
    #[error("gave an encoded answer, which was not asked for")]
    Encoded,
    /// The name leads to an address that is not public.
    #[error("leads to an address that is not public")]
    Forbidden,
    /// It wants the request to be sent elsewhere.
    #[error("redirects, and what is meant for it is sent nowhere else")]
    Redirected,
    /// It took too long.
    #[error("did not answer in time")]
    TimedOut,
    /// The answer has more than 64 KiB.
    #[error("gave an answer of more than 65536 bytes")]
    TooLarge,
    /// No connection.
    #[error("cannot be reached (name, address or certificate)")]
    Unreachable,
}
