//! Percent-encoding in the one form that the gate takes (RFC 3986 §6.2.2): upper-case digits, nothing encoded that need not be.

/// Text, encoded but for RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

fn digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

/// Why a text cannot be one segment of a path: the gate takes no segment that some server could read as another path, however
/// often that decodes it (threat B12).
pub(crate) fn refused_segment(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    let mut bytes = text.as_bytes().to_vec();
    // Once more than the gate decodes what was encoded here.
    for _ in 0..3 {
        if is_dots(&bytes) {
            return Some("it is made of dots and spaces alone");
        }
        if bytes.iter().any(|byte| matches!(byte, b'/' | b'\\' | b';' | 0..=0x1f | 0x7f)) {
            return Some("it has a separator (/, \\, ;) or a control character");
        }
        bytes = decode(&bytes);
    }
    is_dots(&bytes).then_some("it is made of dots and spaces alone")
}

fn is_dots(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    !text.is_empty() && text.chars().all(|letter| letter == '.' || letter.is_whitespace())
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|hex| *first == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("a b/c?d=é~%2e"), "a%20b%2Fc%3Fd%3D%C3%A9~%252e");
    }

    #[test]
    fn b12_a_text_that_some_server_takes_for_another_path_is_no_segment() {
        for bad in [
            "",
            ".",
            "..",
            "...",
            " ",
            ". .",
            "\u{a0}..",
            "a/b",
            "/",
            "a\\b",
            "a;b",
            "a\nb",
            "a\0",
            "%2e",
            "%2e%2e",
            "%2E%2E%2F",
            "%252e",
            "..%2f",
            "a%2fb",
            "a%252fb",
            "%5c",
            "%0d%0a",
            "%3b",
            "\u{3000}..",
        ] {
            assert!(refused_segment(bad).is_some(), "{bad:?}");
        }
        for good in
            ["a", ".well-known", "a..b", "v1.0", "你", "a b", "100%", "%zz", "a?b", "a#b", "a@b", "x:y", "%C3%A9"]
        {
            assert_eq!(refused_segment(good), None, "{good:?}");
        }
    }
}
