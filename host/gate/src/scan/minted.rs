//! A new credential in an answer: a server that was asked with the user's token can make another one, and the tool would have it
//! (threat E9). What is live is found by the scan; what has just been made is in no store, and is known by its name alone.
//!
//! A tripwire for honest servers: the JSON members and form fields under which OAuth (RFC 6749 §5.1, RFC 7591 §3.2.1, OpenID
//! Connect Core §3.1.3.3) and well-known APIs hand credentials out.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Bytes of an answer that are looked at. One that makes a credential is short; one that lists a thousand things is not.
const LOOKED_AT: usize = 16 * 1024;
/// Characters of a value that may be a credential: what is shorter is a kind, a mask or a name.
const LEAST: usize = 16;

const NAMES: [&str; 16] = [
    "access_token",
    "accessToken",
    "refresh_token",
    "refreshToken",
    "id_token",
    "idToken",
    "provider_token",
    "provider_refresh_token",
    "registration_access_token",
    "client_secret",
    "clientSecret",
    "private_key",
    "privateKey",
    "secret_access_key",
    "signedURL",
    "signedUrl",
];

/// Each name in quotes. A library of many words, and not the scan's own: these are short, few, and no secrets.
static QUOTED: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(NAMES.map(|name| format!("\"{name}\""))).ok());

/// The name under which the body hands out a credential.
pub(super) fn name_in(body: &[u8]) -> Option<&'static str> {
    credential_name(body.get(..LOOKED_AT).unwrap_or(body))
}

/// The name under which a text of any length holds what looks like a credential: for what is written down to be kept.
#[must_use]
pub fn credential_name(body: &[u8]) -> Option<&'static str> {
    let members = QUOTED.iter().flat_map(|names| names.find_iter(body));
    let mut found = members.filter(|found| is_credential(body.get(found.end()..).unwrap_or_default()));
    match found.next() {
        Some(found) => NAMES.get(found.pattern().as_usize()).copied(),
        None => field_in(body),
    }
}

/// Whether a member's value follows that may be a credential: a string without spaces.
fn is_credential(after_name: &[u8]) -> bool {
    let value = after_name.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    let Some(text) = value.and_then(|value| value.strip_prefix(b"\"")) else { return false };
    // A key in PEM has spaces and escaped line ends, and says what it is.
    text.starts_with(b"-----BEGIN") || is_long(text, |byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'*'))
}

/// A form (`access_token=…&scope=…`), as token endpoints answer that came before OAuth 2.0 did.
fn field_in(body: &[u8]) -> Option<&'static str> {
    let is_form =
        body.iter().take(LEAST).all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'=' | b'-' | b'&'));
    let fields = body.split(|byte| *byte == b'&').filter(|_| is_form).take(16);
    let values = fields.filter_map(|field| {
        let (name, value) = field.split_at_checked(field.iter().position(|byte| *byte == b'=')?)?;
        Some((name, value.get(1..)?))
    });
    let mut named = values.filter(|(_, value)| is_long(value, |byte| byte.is_ascii_graphic()));
    named.find_map(|(name, _)| NAMES.iter().find(|known| known.as_bytes() == name).copied())
}

fn is_long(text: &[u8], fits: impl Fn(u8) -> bool) -> bool {
    text.iter().take(LEAST).filter(|byte| fits(**byte)).count() == LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e9_a_new_credential_is_known_by_its_name_and_what_only_speaks_of_one_passes() {
        for (body, expected) in [
            (
                r#"{"access_token":"gho_16C7e42F292c6912E7710c838347Ae178B4a","token_type":"bearer"}"#,
                Some("access_token"),
            ),
            (r#"{ "user": {"id": 1}, "refresh_token" : "v1.MjAyNi0wMS0wMQ" }"#, Some("refresh_token")),
            (r#"[{"id": 1, "client_secret":"s3cr3t-0123456789abcdef"}]"#, Some("client_secret")),
            ("{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIE\"}", Some("private_key")),
            (r#"{"signedURL":"/object/sign/a/b.png?token=eyJhbGciOi"}"#, Some("signedURL")),
            ("access_token=gho_16C7e42F292c6912E7710c838347Ae178B4a&scope=repo", Some("access_token")),
            (r#"{"access_token":null,"id_token":"","refresh_token":12345678901234567890}"#, None),
            (r#"{"access_token":"********************"}"#, None),
            (r#"{"access_token":"the token of the user, see there"}"#, None),
            (r#"{"text":"write \"access_token\": \"0123456789abcdef0123\" there"}"#, None),
            (r#"{"access_token_url":"https://auth.example/token/long/path"}"#, None),
            (r#"{"token":"0123456789abcdef0123"}"#, None),
            ("a page about access_token=0123456789abcdef0123", None),
            ("", None),
        ] {
            assert_eq!(name_in(body.as_bytes()), expected, "{body}");
        }
        let late = [" ".repeat(LOOKED_AT), r#"{"access_token":"0123456789abcdef"}"#.to_owned()].concat();
        assert_eq!(name_in(late.as_bytes()), None);
        for cut in 0..40 {
            name_in(&br#"{"access_token": "0123456789abcdef0123456"}"#[..cut]);
        }
    }
}
