//! Received → Answer: whatever holds a live secret is withheld whole; of the headers only harmless ones pass.
//!
//! A tripwire, not a guarantee: a server that wants to can send a token back in a form that no scan knows. What binds is
//! where the token was sent. Whole tokens only, never fragments: a scan for fragments is an oracle that gives the token
//! away character by character (threat E12).

mod forms;
#[cfg(test)]
pub(crate) mod oracle;
mod reading;
mod search;
mod secrets;
mod unescape;

use std::sync::Arc;

use hotcell_protocol::Answer;
use hotcell_protocol::Code;
use hotcell_protocol::Header;
use hotcell_protocol::Refusal;
use http::HeaderMap;
use http::header;
use url::Url;

use crate::network::Received;
pub(crate) use reading::Reading;
pub(crate) use secrets::Secrets;

/// Response headers that a tool sees.
const RETURNED: [&str; 11] = [
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "retry-after",
];

/// Response headers that no service may let through: they carry credentials or steer connections (threats C9, E5).
const NEVER_RETURNED: [&str; 12] = [
    "alt-svc",
    "authentication-info",
    "connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "refresh",
    "set-cookie",
    "set-cookie2",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Whether no service may hand this response header (lower case) to a tool.
pub(crate) fn is_never_returned(name: &str) -> bool {
    NEVER_RETURNED.contains(&name)
}

/// Scans a response and strips it. A hit withholds all of it: masking parts would answer a guess with each part.
pub(crate) fn clean(received: Received, secrets: &Arc<Secrets>, further: &[String]) -> Result<Answer, Refusal> {
    let Received { status, headers, body, reading, target, .. } = received;
    let origin = target.origin.to_string();
    let in_headers = headers
        .iter()
        .any(|(name, value)| secrets.are_in(name.as_str().as_bytes()) || secrets.are_in(value.as_bytes()));
    if in_headers || reading.found(secrets, &body) {
        return Err(leak(&origin));
    }
    refuse_encoded(&headers, &body, &origin)?;
    if status == 206 {
        return Err(unscannable(&origin, "a part of a body (206), which nobody asked for"));
    }
    let headers = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str();
        if !is_returned(name, further) {
            return None;
        }
        let value = value.to_str().ok()?;
        let value = if name == header::LOCATION.as_str() { reduced(&target.url, value)? } else { value.to_owned() };
        Some(Header { name: name.to_owned(), value })
    });
    Ok(Answer { status, headers: headers.collect(), body })
}

fn is_returned(name: &str, further: &[String]) -> bool {
    let listed = RETURNED.contains(&name) || further.iter().any(|other| other == name);
    let limits = name.starts_with("x-ratelimit-") || name.starts_with("ratelimit");
    !is_never_returned(name) && (listed || limits)
}

/// A body that is encoded although the host asked for `identity` cannot be scanned (threat E3).
fn refuse_encoded(headers: &HeaderMap, body: &[u8], origin: &str) -> Result<(), Refusal> {
    for value in headers.get_all(header::CONTENT_ENCODING) {
        if !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity") && !value.is_empty() {
            return Err(unscannable(origin, "an encoded body although none was asked for"));
        }
    }
    // Compressed without saying so: gzip (RFC 1952), zstd (RFC 8878).
    if body.starts_with(&[0x1f, 0x8b, 8]) || body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Err(unscannable(origin, "a compressed body without saying so"));
    }
    Ok(())
}

/// Where a redirect points, without query, fragment and user: those are where credentials ride (threat D1).
fn reduced(base: &Url, location: &str) -> Option<String> {
    let mut url = base.join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url.into())
}

fn leak(origin: &str) -> Refusal {
    Refusal::new(
        Code::LeakStopped,
        format!("the answer of {origin} held a credential, and was withheld whole"),
        "the server gives back what it is sent: the operator should deny that path to tools (`deny` of the service)",
    )
}

fn unscannable(origin: &str, what: &str) -> Refusal {
    Refusal::new(
        Code::LeakStopped,
        format!("{origin} sent {what}, which cannot be searched for credentials"),
        "the server must answer unencoded and whole, as it is asked to",
    )
}
