//! The way to authorisation servers: the same client as for tools, but for one request and one small answer at a time.

use std::time::Duration;

use bytes::Bytes;
use hotcell_protocol::Refusal;
use hotcell_vault::Waiting;
use hotcell_vault::oauth::Http;
use hotcell_vault::oauth::HttpError;
use hotcell_vault::oauth::HttpReply;
use hotcell_vault::oauth::HttpRequest;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::header;
use reqwest::Client;
use reqwest::Response;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::client;
use super::resolver::Public;

/// Bytes of an answer. A token has at most 16 KiB, metadata a few (threat L14).
const MOST_BYTES: usize = 64 * 1024;
/// Time of an exchange, from the first lookup to the last byte (threat L14).
const TIME: Duration = Duration::from_secs(20);
/// Longest wait that a server may ask for and is believed.
const LONGEST_RETRY: Duration = Duration::from_secs(60 * 60);

/// Sends requests to authorisation servers, for [`hotcell_vault::oauth`]. It is no way out for tools: nothing that they call
/// leads here.
pub struct IssuerNetwork {
    client: Client,
}

impl IssuerNetwork {
    /// A network that trusts the bundled certificate authorities, and those in `extra_roots` (PEM).
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::BadConfig`] for broken certificates.
    pub fn new(extra_roots: Option<&[u8]>) -> Result<Self, Refusal> {
        // No connection is kept: a refresh an hour needs none, and none is left to be mixed up.
        Ok(Self { client: client::build(client::tls(extra_roots)?, Public::default(), 0)? })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpReply, HttpError> {
        let method = if request.body.is_some() { Method::POST } else { Method::GET };
        let mut sent = reqwest::Request::new(method, request.endpoint.url().clone());
        *sent.headers_mut() = headers(request.headers).ok_or(HttpError::Broken)?;
        // Handed over without a copy, and wiped when the client has sent it (threat G8).
        *sent.body_mut() = request.body.map(|body| Bytes::from_owner(body).into());
        let response = self.client.execute(sent).await.map_err(|error| explain(&error))?;
        let status = response.status().as_u16();
        // Where it leads is no concern: what is meant for one server goes to no other (RFC 9700 §4.12, threat D3).
        if response.status().is_redirection() {
            return Err(HttpError::Redirected);
        }
        if !(200..=599).contains(&status) {
            return Err(HttpError::Broken);
        }
        let coded = response.headers().get_all(header::CONTENT_ENCODING);
        if coded.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(HttpError::Encoded);
        }
        let retry_after = retry_after(response.headers());
        Ok(HttpReply { status, retry_after, body: body(response).await? })
    }
}

impl Http for IssuerNetwork {
    fn send(&self, request: HttpRequest) -> Waiting<'_, Result<HttpReply, HttpError>> {
        Box::pin(async move { timeout(TIME, self.exchange(request)).await.unwrap_or(Err(HttpError::TimedOut)) })
    }
}

/// The request's headers, each value marked sensitive: no library logs it (threat G1).
fn headers(written: Vec<(String, Zeroizing<String>)>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(written.len() + 1);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in written {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = Zeroizing::new(value.as_bytes().to_vec());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Some(headers)
}

/// The whole body, in one buffer of the largest size: one that grows leaves its earlier ones behind, unwiped.
async fn body(mut response: Response) -> Result<Zeroizing<Vec<u8>>, HttpError> {
    let mut body = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). A date would need the server's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY))
}

/// The client's error may hold the URL (reqwest#1361): it ends here.
fn explain(error: &reqwest::Error) -> HttpError {
    if client::forbidden(error).is_some() {
        HttpError::Forbidden
    } else if error.is_timeout() {
        HttpError::TimedOut
    } else if error.is_connect() {
        HttpError::Unreachable
    } else {
        HttpError::Broken
    }
}
