//! Request bodies and headers that hold secrets. Each is written into one buffer of its whole length, which is wiped: a
//! buffer that grows leaves its earlier ones behind (threat G8).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// Parameters of a request. Values may be secret.
pub(crate) type Fields<'a> = [(&'a str, &'a str)];

/// `application/x-www-form-urlencoded` (RFC 6749 appendix B).
pub(crate) fn form(fields: &Fields<'_>) -> Zeroizing<Vec<u8>> {
    let length = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for (name, value) in fields {
        if !text.is_empty() {
            text.push(b'&');
        }
        for (part, after) in [(name, &b"="[..]), (value, b"")] {
            byte_serialize(part.as_bytes()).for_each(|piece| text.extend_from_slice(piece.as_bytes()));
            text.extend_from_slice(after);
        }
    }
    text
}

/// A JSON object of texts.
pub(crate) fn json(fields: &Fields<'_>) -> Zeroizing<Vec<u8>> {
    // An escape has at most six bytes (RFC 8259 §7).
    let length = fields.iter().map(|(name, value)| 6 * (name.len() + value.len()) + 6).sum::<usize>() + 2;
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    text.push(b'{');
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        // Text always serialises, and a vector always takes it.
        let written = serde_json::to_writer(&mut *text, name).and_then(|()| {
            text.push(b':');
            serde_json::to_writer(&mut *text, value)
        });
        debug_assert!(written.is_ok());
    }
    text.push(b'}');
    text
}

/// `Basic` with the client's id and secret, each form-encoded first (RFC 6749 §2.3.1).
pub(crate) fn basic(client_id: &str, secret: &str) -> Zeroizing<String> {
    let mut pair = Zeroizing::new(Vec::with_capacity(3 * (client_id.len() + secret.len()) + 1));
    for (part, before) in [(client_id, &b""[..]), (secret, b":")] {
        pair.extend_from_slice(before);
        byte_serialize(part.as_bytes()).for_each(|piece| pair.extend_from_slice(piece.as_bytes()));
    }
    let mut header = Zeroizing::new(String::with_capacity("Basic ".len() + pair.len().div_ceil(3) * 4));
    header.push_str("Basic ");
    STANDARD.encode_string(pair.as_slice(), &mut header);
    header
}

/// `Bearer` with a token (RFC 6750 §2.1).
pub(crate) fn bearer(token: &str) -> Zeroizing<String> {
    Zeroizing::new(["Bearer ", token].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_written_as_the_standards_say_and_their_buffers_do_not_grow() {
        let fields = [("grant_type", "password"), ("password", "a&b=c d+é\"\\\n")];
        let form = form(&fields);
        assert_eq!(&**form, b"grant_type=password&password=a%26b%3Dc+d%2B%C3%A9%22%5C%0A");
        let json = json(&fields);
        assert_eq!(&**json, "{\"grant_type\":\"password\",\"password\":\"a&b=c d+é\\\"\\\\\\n\"}".as_bytes());
        assert_eq!(&**super::json(&[]), b"{}");
        let header = basic("cl:ient", "se cret");
        assert_eq!(&**header, "Basic Y2wlM0FpZW50OnNlK2NyZXQ=");
        let all = [("a", "\u{1}\u{2}\u{3}")];
        assert!(super::form(&all).capacity() >= super::form(&all).len());
        assert_eq!(super::json(&all).capacity(), 6 * 4 + 6 + 2, "g8: a buffer grew");
        assert_eq!(super::form(&all).capacity(), 3 * 4 + 2, "g8: a buffer grew");
        assert!(header.capacity() == header.len() || header.capacity() == "Basic ".len() + 28);
    }
}
