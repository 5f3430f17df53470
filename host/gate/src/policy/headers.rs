//! Request headers: an allow-list (threats B1 to B7). A name that is not on it is refused, not dropped: a tool that
//! believes it set a header must not be left believing it.

use hotcell_protocol::Code;
use hotcell_protocol::Header;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;

/// What a guest may set on every service.
const ALLOWED: [&str; 9] = [
    "accept",
    "accept-language",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "prefer",
];

/// What no service may allow a guest to set: framing, routing, credentials, and what makes servers answer in pieces or
/// in forms that cannot be scanned.
const NEVER: [&str; 34] = [
    "accept-charset",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "cookie2",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "if-range",
    "keep-alive",
    "max-forwards",
    "method",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Headers that passed. Made by [`check`] alone.
pub(crate) struct CheckedHeaders(pub(super) HeaderMap);

impl CheckedHeaders {
    pub(crate) fn into_map(self) -> HeaderMap {
        self.0
    }
}

/// Whether no service may let a guest set this name (lower case).
pub(crate) fn is_never_allowed(name: &str) -> bool {
    NEVER.contains(&name) || name.starts_with("proxy-") || name.starts_with("sec-") || name.starts_with("x-forwarded-")
}

/// Refuses more headers, or more bytes of them, than a request may have.
pub(crate) fn bounded(headers: &[Header]) -> Result<(), Refusal> {
    let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len() + 4).sum();
    if headers.len() > limits::REQUEST_HEADERS || bytes > limits::REQUEST_HEADER_BYTES {
        return Err(Refusal::new(
            Code::RequestTooLarge,
            format!(
                "the request has more than {} headers or {} bytes of them",
                limits::REQUEST_HEADERS,
                limits::REQUEST_HEADER_BYTES
            ),
            "the tool must send fewer",
        ));
    }
    Ok(())
}

/// Checks a guest's headers against the allow-list and the service's own names.
pub(crate) fn check(headers: &[Header], further: &[String]) -> Result<CheckedHeaders, Refusal> {
    bounded(headers)?;
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = name(&header.name, further)?;
        let value = value(&name, &header.value)?;
        if map.insert(&name, value).is_some() {
            return Err(bad(&name, "is there twice"));
        }
    }
    Ok(CheckedHeaders(map))
}

fn name(text: &str, further: &[String]) -> Result<HeaderName, Refusal> {
    // `HeaderName` takes tokens only (RFC 9110 §5.6.2): no space, colon, line end or NUL gets in, and case is folded.
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        Refusal::new(
            Code::BadRequest,
            "the request has a header whose name is no token",
            "the tool must write a plain header name",
        )
    })?;
    if !is_never_allowed(name.as_str())
        && (ALLOWED.contains(&name.as_str()) || further.iter().any(|other| other == name.as_str()))
    {
        return Ok(name);
    }
    let shown = cut(&visible(name.as_str()), 80);
    let hint = if is_never_allowed(name.as_str()) {
        "the host sets it, or nobody: credentials, framing and routing are not the tool's".to_owned()
    } else {
        format!("if tools may set it, the operator adds \"{shown}\" to `request_headers` of the service")
    };
    Err(Refusal::new(Code::HeaderForbidden, format!("the tool may not set the header {shown}"), hint))
}

fn value(name: &HeaderName, text: &str) -> Result<HeaderValue, Refusal> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t');
    let trimmed = text.trim_matches([' ', '\t']) == text;
    if !plain || !trimmed {
        return Err(bad(name, "has a control character, a character outside ASCII, or a space at its end"));
    }
    HeaderValue::from_str(text).map_err(|_| bad(name, "has a value that is no header value"))
}

fn bad(name: &HeaderName, what: &str) -> Refusal {
    Refusal::new(
        Code::BadRequest,
        format!("the header {} {what}", cut(name.as_str(), 80)),
        "the tool must write it as in RFC 9110 section 5.5",
    )
}
