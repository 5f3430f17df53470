//! A request's parts, made one [`Asked`]. Pure: no clock, no I/O, no state. What has two readings is refused, never repaired; the
//! gate then reads the URL once more, strictly, and everything else against the grant.

use hotcell_protocol::Asked;
use hotcell_protocol::GuestError;
use hotcell_protocol::Header;
use hotcell_protocol::limits;

use super::fields::Fields;
use super::fields::fits;
use super::fields::is_token;
use crate::bindings::wasi_http::types::ErrorCode;
use crate::bindings::wasi_http::types::Method;
use crate::bindings::wasi_http::types::Scheme;

/// What runtimes and their libraries set by themselves, and what the host sets anyhow: left out without a word, so that none of
/// it takes the place of the host's own. Every other field is the gate's to judge.
const THE_HOSTS: [&str; 4] = ["accept-encoding", "content-length", "host", "user-agent"];

/// Whether a field of this name (in any case) is left out.
pub(crate) fn is_the_hosts(name: &str) -> bool {
    THE_HOSTS.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// The parts, as a program set them.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) method: Method,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) authority: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) headers: Fields,
}

/// A refusal: what the program learns, and what the person reads.
pub(crate) type Refused = (ErrorCode, &'static str);

impl Parts {
    /// The request without its body. `has_body`: whether one will come.
    pub(crate) fn asked(&self, has_body: bool) -> Result<Asked, Refused> {
        let method = self.sent_method().ok_or((
            ErrorCode::HttpRequestMethodInvalid,
            "the request's method is none of GET, HEAD, POST, PUT, PATCH and DELETE",
        ))?;
        let url = self.url()?;
        let lengths = self.headers.entries().iter().map(|(name, value)| (name.len(), value.len()));
        if !fits(lengths) {
            return Err((
                ErrorCode::HttpRequestHeaderSectionSize(None),
                "the request has more than 64 header fields, or more than 8 KiB of them",
            ));
        }
        let declared = content_length(&self.headers)?;
        if !has_body && declared.is_some_and(|length| length != 0) {
            return Err((ErrorCode::HttpRequestBodySize(Some(0)), "the request has a content-length and no body"));
        }
        let headers = self.sent_headers()?;
        Ok(Asked { method, url, headers, body: None })
    }

    fn sent_method(&self) -> Option<hotcell_protocol::Method> {
        use hotcell_protocol::Method as Sent;
        match &self.method {
            Method::Delete => Some(Sent::Delete),
            Method::Get => Some(Sent::Get),
            Method::Head => Some(Sent::Head),
            Method::Patch => Some(Sent::Patch),
            Method::Post => Some(Sent::Post),
            Method::Put => Some(Sent::Put),
            Method::Other(name) => Sent::parse(name),
            Method::Connect | Method::Options | Method::Trace => None,
        }
    }

    fn url(&self) -> Result<String, Refused> {
        let invalid = |why| (ErrorCode::HttpRequestUriInvalid, why);
        let scheme = match &self.scheme {
            None | Some(Scheme::Https) => "https",
            Some(Scheme::Http) => "http",
            Some(Scheme::Other(_)) => return Err(invalid("the request's scheme is neither http nor https")),
        };
        let authority = self.authority.as_deref().filter(|authority| is_authority(authority));
        let authority =
            authority.ok_or(invalid("the request has no authority, or one that is not a host with a port"))?;
        let path = self.path.as_deref().unwrap_or_default();
        if !is_path(path) {
            return Err(invalid("the request's path does not begin with a slash, or has characters that no path has"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let url = format!("{scheme}://{authority}{slash}{path}");
        if url.len() > limits::URL_BYTES {
            return Err((ErrorCode::HttpRequestUriTooLong, "the request's URL has more than 8 KiB"));
        }
        Ok(url)
    }

    fn sent_headers(&self) -> Result<Vec<Header>, Refused> {
        let host = |value: &[u8]| self.authority.as_deref().is_some_and(|authority| authority.as_bytes() == value);
        let mut headers = Vec::new();
        for (name, value) in self.headers.entries() {
            if name == "host" && !host(value) {
                return Err((
                    ErrorCode::HttpRequestDenied,
                    "the field `host` names another host than the request goes to",
                ));
            }
            if is_the_hosts(name) {
                continue;
            }
            let value = String::from_utf8(value.clone())
                .map_err(|_| (ErrorCode::HttpProtocolError, "a header field has bytes that are no text"))?;
            headers.push(Header { name: name.clone(), value });
        }
        Ok(headers)
    }
}

/// The one length that `content-length` names, if it is there. Several that differ are how requests are smuggled (RFC 9112 §6.3).
pub(crate) fn content_length(headers: &Fields) -> Result<Option<u64>, Refused> {
    let mut found = None;
    for (_, value) in headers.entries().iter().filter(|(name, _)| name == "content-length") {
        // No sign, no space, no list, no leading zeros: one spelling of one number.
        let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let length = text.and_then(|text| text.parse::<u64>().ok().filter(|length| length.to_string() == text));
        let length = length.ok_or((ErrorCode::HttpRequestBodySize(None), "the field `content-length` is no number"))?;
        if found.is_some_and(|found| found != length) {
            return Err((ErrorCode::HttpRequestBodySize(None), "the request has two different lengths"));
        }
        found = Some(length);
    }
    Ok(found)
}

/// A method's name: a token (RFC 9110 §9.1), of a length that somebody could have meant.
pub(crate) fn is_method(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(is_token)
}

/// `host` or `host:port`. No user name, no path, nothing encoded: each would be read in two ways once it stands in a URL.
pub(crate) fn is_authority(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'[' | b']');
    (1..=limits::URL_BYTES).contains(&text.len()) && text.bytes().all(good)
}

/// Empty, or begins with the path's slash or the query's question mark: no absolute form (GHSA-5qpp-g3j2-8frx), no `*`. No
/// fragment, which is not sent.
pub(crate) fn is_path(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\');
    (text.is_empty() || text.starts_with(['/', '?'])) && text.len() <= 2 * limits::URL_BYTES && text.bytes().all(good)
}

/// What a program learns when there is no answer: one code for each of the gate's words, none with a text.
pub(crate) fn error_code(error: GuestError) -> ErrorCode {
    match error {
        GuestError::BadRequest => ErrorCode::HttpProtocolError,
        GuestError::Broken => ErrorCode::InternalError(None),
        GuestError::Denied => ErrorCode::HttpRequestDenied,
        GuestError::NeedsSignIn => ErrorCode::ConfigurationError,
        GuestError::TimedOut => ErrorCode::HttpResponseTimeout,
        GuestError::TooLarge => ErrorCode::HttpResponseBodySize(None),
        GuestError::TooMany => ErrorCode::ConnectionLimitReached,
        GuestError::Unreachable => ErrorCode::DestinationUnavailable,
        GuestError::Withheld => ErrorCode::HttpResponseIncomplete,
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
