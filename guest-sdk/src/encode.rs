//! Percent-encoding in the one form that the host takes (RFC 3986 §6.2.2): upper-case digits, nothing encoded that need not be.

use crate::http::Error;

/// One segment of a path, encoded.
///
/// # Errors
/// [`Error::Segment`] for what no host lets through: an empty segment, `.`, `..`, and text with `/`, `\`, `;` or a control character.
pub fn segment(text: &str) -> Result<String, Error> {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ';');
    if text.is_empty() || text == "." || text == ".." || text.contains(odd) {
        return Err(Error::Segment);
    }
    Ok(encode(text))
}

/// Text, encoded but for RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("a b/c?d=é~"), "a%20b%2Fc%3Fd%3D%C3%A9~");
    }

    #[test]
    fn segments_that_could_leave_the_path_are_errors() {
        assert_eq!(segment("hello world").ok().as_deref(), Some("hello%20world"));
        for bad in ["", ".", "..", "a/b", "a\\b", "a;b", "a\nb"] {
            assert!(matches!(segment(bad), Err(Error::Segment)), "{bad:?}");
        }
    }
}
