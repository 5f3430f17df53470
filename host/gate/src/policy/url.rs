//! URLs, read strictly: what is compared is byte for byte what is sent. Odd spellings are refused, never repaired, because
//! two readers of one odd URL are how requests end up elsewhere (GHSA-5qpp-g3j2-8frx, CVE-2020-5260, threats B8, B12, C1, C5).

use std::fmt;
use std::net::IpAddr;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use url::Host;
use url::Url;

/// Scheme, host and port, compared as typed values (threat C6). The host is lower-case ASCII, or a loopback address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

/// A URL that passed, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The whole URL, exactly as it was given and will be sent.
    pub(crate) url: Url,
    /// Its origin.
    pub(crate) origin: Origin,
    /// The path's segments, still percent-encoded, in canonical form. `/` alone is one empty segment.
    pub(crate) segments: Vec<String>,
}

impl Target {
    /// The path as text. May hold data: for the person at the terminal, not for the record.
    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }
}

impl Origin {
    /// Reads an origin from the operator's text: `https://host[:port]`, or `http://` for a literal loopback address.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let shown = cut(&visible(text), 200);
        let target = read(&format!("{text}/")).map_err(|why| format!("`{shown}` is no origin: {why}"))?;
        if target.url.path() != "/" || target.url.query().is_some() {
            return Err(format!("`{shown}` has a path; an origin is scheme, host and port"));
        }
        if !target.origin.https && !target.origin.is_loopback() {
            return Err(format!("`{shown}` is not encrypted; use https (http is for 127.0.0.1 and [::1] alone)"));
        }
        Ok(target.origin)
    }

    /// Whether this is a literal loopback address.
    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "127.0.0.1" | "[::1]")
    }

    /// Whether a credential may travel there: encrypted, or on this machine (threat C7).
    pub(crate) fn may_carry_credentials(&self) -> bool {
        self.https || self.is_loopback()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        let default = if self.https { 443 } else { 80 };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Reads a guest's URL.
pub(crate) fn parse(text: &str) -> Result<Target, Refusal> {
    read(text).map_err(refused)
}

/// Refuses a guest's URL that is too long, before it is looked through.
pub(crate) fn bounded(text: &str) -> Result<(), Refusal> {
    short(text).map_err(refused)
}

fn refused(why: String) -> Refusal {
    Refusal::new(
        Code::BadRequest,
        format!("the request's URL is refused: {why}"),
        "the tool must write it in canonical form: https://host/path?query, lower-case host, no odd spellings",
    )
}

fn short(text: &str) -> Result<(), String> {
    if text.len() > limits::URL_BYTES {
        return Err(format!("it has more than {} bytes", limits::URL_BYTES));
    }
    Ok(())
}

/// Reads a URL; the error says what is wrong and quotes nothing of it.
fn read(text: &str) -> Result<Target, String> {
    short(text)?;
    if !text.bytes().all(is_url_byte) {
        return Err("it has a control character, a space, a backslash, a fragment or a character outside ASCII".into());
    }
    let url = Url::parse(text).map_err(|_| "it is no absolute URL".to_owned())?;
    // The one comparison that catches every repair that a reader might make: dot segments, upper case, default ports,
    // numeric hosts, missing slashes.
    if url.as_str() != text {
        return Err("it is not in canonical form".into());
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') && authority(text).contains('@') {
        return Err("it has a user name or password".into());
    }
    let origin = origin(&url)?;
    let segments =
        url.path().strip_prefix('/').ok_or("it has no path")?.split('/').map(str::to_owned).collect::<Vec<_>>();
    check_segments(&segments)?;
    check_percent(url.query().unwrap_or_default()).ok_or("its query has a broken percent-encoding")?;
    Ok(Target { url, origin, segments })
}

/// Bytes that may stand in a URL here: visible ASCII without those that readers disagree about.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn origin(url: &Url) -> Result<Origin, String> {
    let https = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err("its scheme is neither https nor http".into()),
    };
    let host = match url.host().ok_or("it has no host")? {
        Host::Domain(name) => domain(name)?.to_owned(),
        Host::Ipv4(address) => loopback(IpAddr::V4(address)).ok_or("its host is an address; only names are allowed")?,
        Host::Ipv6(address) => loopback(IpAddr::V6(address)).ok_or("its host is an address; only names are allowed")?,
    };
    let port = url.port_or_known_default().ok_or("it has no port")?;
    if port == 0 {
        return Err("port 0 is no port".into());
    }
    Ok(Origin { https, host, port })
}

/// The two loopback literals. Whether they are granted is the operator's service's business.
fn loopback(address: IpAddr) -> Option<String> {
    match address.to_string().as_str() {
        "127.0.0.1" => Some("127.0.0.1".to_owned()),
        "::1" => Some("[::1]".to_owned()),
        _ => None,
    }
}

/// A DNS name in the one form that is compared: lower-case letters, digits and hyphens, two labels or more or one of
/// letters, no dot at the end (threats C4, C5).
fn domain(name: &str) -> Result<&str, String> {
    if name.len() > 253 || name.ends_with('.') {
        return Err("its host is too long or ends with a dot".into());
    }
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !name.split('.').all(good) {
        return Err("its host has a label that is no DNS label in lower case".into());
    }
    Ok(name)
}

fn check_segments(segments: &[String]) -> Result<(), String> {
    let last = segments.len().saturating_sub(1);
    for (index, segment) in segments.iter().enumerate() {
        if segment.is_empty() && index != last {
            return Err("its path has an empty segment (//)".into());
        }
        check_segment(segment)?;
    }
    Ok(())
}

/// A segment must mean the same to every server, however often that decodes it.
pub(crate) fn check_segment(segment: &str) -> Result<(), String> {
    if segment.contains(';') {
        return Err("its path has a `;`, which servers read differently".into());
    }
    let mut decoded = segment.as_bytes().to_vec();
    check_percent(segment)
        .filter(|()| is_canonical(segment))
        .ok_or("its path has a percent-encoding that is not canonical")?;
    for _ in 0..3 {
        if is_dots(&decoded) {
            return Err("its path has a dot segment".into());
        }
        // After a first decoding, what was encoded shows: a separator, a control character, a parameter.
        decoded = decode(&decoded);
        if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\' | b';' | 0..=0x1f | 0x7f)) {
            return Err("its path has an encoded separator or control character".into());
        }
    }
    if is_dots(&decoded) {
        return Err("its path has a dot segment".into());
    }
    if std::str::from_utf8(&decode(segment.as_bytes())).is_err() {
        return Err("its path is not UTF-8".into());
    }
    Ok(())
}

/// Whether a segment is made of dots and spaces alone: `.` and `..`, and what some servers make of them, which drop spaces and
/// further dots at a name's end (`..%20`, `...`).
fn is_dots(segment: &[u8]) -> bool {
    let text = String::from_utf8_lossy(segment);
    !text.is_empty() && text.chars().all(|letter| letter == '.' || letter.is_whitespace())
}

/// `%` is followed by two hex digits wherever it stands.
fn check_percent(text: &str) -> Option<()> {
    let mut parts = text.split('%');
    parts.next();
    parts.all(|part| part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))).then_some(())
}

/// Upper-case hex digits, and nothing encoded that need not be (RFC 3986 §6.2.2).
fn is_canonical(segment: &str) -> bool {
    segment.split('%').skip(1).all(|part| {
        let Some(hex) = part.get(..2) else { return false };
        let byte = u8::from_str_radix(hex, 16).unwrap_or(0);
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        !unreserved && !hex.bytes().any(|digit| digit.is_ascii_lowercase())
    })
}

pub(super) fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b12_a_segment_that_some_server_takes_for_a_dot_segment_is_refused() {
        for bad in [
            ".%20",
            "..%20",
            "%20..",
            "%20.%20",
            "...",
            "....",
            "%20",
            "%20%20",
            "..%C2%A0",
            "%E3%80%80..",
            "%252e%2520",
            "..%2520",
            "%25252e",
        ] {
            assert!(check_segment(bad).is_err(), "{bad}");
            assert!(parse(&format!("https://api.example.com/a/{bad}/b")).is_err(), "{bad}");
        }
        for good in ["", "a", ".well-known", "a..b", "a%20b", "v1.0", ".a.", "..a", "_", "%E4%BD%A0", "a%20"] {
            assert_eq!(check_segment(good), Ok(()), "{good}");
        }
    }
}
