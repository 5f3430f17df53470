//! Received → Answer: whatever holds a live secret is withheld whole; of the headers only harmless ones pass.
//!
//! A tripwire, not a guarantee: a server that wants to can send a token back in a form that no scan knows. What binds is
//! where the token was sent. Whole tokens only, never fragments: a scan for fragments is an oracle that gives the token
//! away character by character (threat E12).

pub(crate) mod decode;
mod forms;
pub(crate) mod minted;
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
use http::header;
use url::Url;

use crate::network;
use crate::network::Received;
use decode::Undecoded;
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
/// `further`: response headers that the service lets through besides. `minting`: the service whose token was sent, unless its
/// operator lets new credentials pass.
pub(crate) fn clean(
    received: Received,
    secrets: &Arc<Secrets>,
    further: &[String],
    minting: Option<&str>,
) -> Result<Answer, Refusal> {
    let Received { status, headers, body, reading, target, .. } = received;
    let origin = target.origin.to_string();
    let in_headers = headers
        .iter()
        .any(|(name, value)| secrets.are_in(name.as_str().as_bytes()) || secrets.are_in(value.as_bytes()));
    if in_headers || reading.found(secrets, &body) {
        return Err(leak(&origin));
    }
    let body = match decode::decoded(&headers, &body) {
        // Searched for both: as it came (a gzip header has room for a text), and as the tool sees it.
        Ok(Some(decoded)) if secrets.are_in(&decoded) => return Err(leak(&origin)),
        Ok(Some(decoded)) => decoded,
        Ok(None) if decode::is_compressed(&body) => {
            return Err(unscannable(&origin, "a compressed body without saying so"));
        }
        Ok(None) => body,
        Err(why) => return Err(undecoded(&origin, why)),
    };
    if let Some((service, name)) = minting.and_then(|service| Some((service, minted::name_in(&body)?))) {
        return Err(new_credential(&origin, service, name));
    }
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

fn new_credential(origin: &str, service: &str, name: &str) -> Refusal {
    Refusal::new(
        Code::LeakStopped,
        format!("the answer of {origin} held a new credential (`{name}`), and was withheld whole"),
        format!(
            "the operator should deny that path to tools (`deny` of [service.{service}]); if its tools may have what it \
             makes: new_credentials = \"pass\" there"
        ),
    )
}

fn undecoded(origin: &str, why: Undecoded) -> Refusal {
    let what = match why {
        Undecoded::Broken => "an encoded body that is broken: cut, with a wrong checksum, or with more behind its end",
        Undecoded::TooLarge => return network::too_large(origin),
        Undecoded::TooMuch => "a body that grows a hundredfold when it is decoded",
        Undecoded::Unknown => "a body that is encoded twice, or otherwise than as gzip or deflate,",
    };
    unscannable(origin, what)
}

fn unscannable(origin: &str, what: &str) -> Refusal {
    Refusal::new(
        Code::LeakStopped,
        format!("{origin} sent {what}, which cannot be searched for credentials"),
        "the server must answer unencoded and whole, as it is asked to",
    )
}
