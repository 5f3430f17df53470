//! Undoes escapes inside of text: those of JSON, HTML and percent-encoding, wherever they stand. Without this a base64 text in
//! lines inside of a JSON string (`\n`), or a token of which only the odd characters are escaped (`\u002B`), would pass.

use zeroize::Zeroizing;

use super::forms::Wiped;

/// The text with each escape replaced by what it stands for; `None` if there is none.
pub(super) fn unescaped(bytes: &[u8]) -> Option<Wiped> {
    let first = next(bytes)?;
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut rest = bytes;
    let mut at = Some(first);
    let mut changed = false;
    while let Some(start) = at {
        let (before, from) = rest.split_at_checked(start).unwrap_or((rest, &[]));
        out.extend_from_slice(before);
        let (byte, length) = match from {
            [b'\\', after @ ..] => backslash(after),
            [b'%', after @ ..] => percent(after),
            [b'&', after @ ..] => entity(after),
            _ => None,
        }
        .unwrap_or((None, 0));
        if length == 0 {
            // No escape after all: the character itself.
            out.extend(from.first());
            rest = from.get(1..).unwrap_or_default();
        } else {
            changed = true;
            out.extend(byte);
            rest = from.get(length..).unwrap_or_default();
        }
        at = next(rest);
    }
    out.extend_from_slice(rest);
    changed.then_some(out)
}

/// Where something begins that may be an escape.
pub(super) fn next(bytes: &[u8]) -> Option<usize> {
    memchr::memchr3(b'\\', b'%', b'&', bytes)
}

/// A byte, where the escape stands for one (what is not ASCII is in no token), and how long the escape is with its first
/// character.
type Escape = (Option<u8>, usize);

/// RFC 8259 §7, and `\xXX` as many languages write it.
fn backslash(after: &[u8]) -> Option<Escape> {
    match after {
        [b'u', hex @ ..] => Some((ascii(number(hex.get(..4)?, 16)?), 6)),
        [b'x', hex @ ..] => Some((ascii(number(hex.get(..2)?, 16)?), 4)),
        [b'n' | b'r' | b't' | b'b' | b'f' | b'v', ..] => Some((Some(b'\n'), 2)),
        [other @ (b'\\' | b'/' | b'"' | b'\''), ..] => Some((Some(*other), 2)),
        _ => None,
    }
}

/// RFC 3986 §2.1.
fn percent(after: &[u8]) -> Option<Escape> {
    Some((ascii(number(after.get(..2)?, 16)?), 3))
}

/// HTML's numeric references, and the names of what stands in tokens.
fn entity(after: &[u8]) -> Option<Escape> {
    const NAMES: [(&str, u8); 12] = [
        ("amp", b'&'),
        ("lt", b'<'),
        ("gt", b'>'),
        ("quot", b'"'),
        ("apos", b'\''),
        ("plus", b'+'),
        ("equals", b'='),
        ("sol", b'/'),
        ("lowbar", b'_'),
        ("period", b'.'),
        ("colon", b':'),
        ("hyphen", b'-'),
    ];
    let end = after.iter().take(12).position(|byte| *byte == b';')?;
    let name = after.get(..end)?;
    let byte = match name {
        [b'#', b'x' | b'X', hex @ ..] => ascii(number(hex, 16)?),
        [b'#', digits @ ..] => ascii(number(digits, 10)?),
        name => Some(NAMES.iter().find(|(known, _)| known.as_bytes() == name)?.1),
    };
    Some((byte, end + 2))
}

fn ascii(number: u32) -> Option<u8> {
    u8::try_from(number).ok().filter(u8::is_ascii)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    u32::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &str) -> Option<String> {
        unescaped(input.as_bytes()).map(|out| String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn each_escape_becomes_what_it_stands_for_and_the_rest_stays() {
        for (input, expected) in [
            (r"a\u002Bb", "a+b"),
            (r"a\nb\/c\\d", "a\nb/c\\d"),
            (r"\x41\x42", "AB"),
            ("a%2Bb%2f", "a+b/"),
            ("a&#43;b&#x2F;c&amp;d&plus;", "a+b/c&d+"),
            (r"\ud83d\ude00x%41", "xA"),
        ] {
            assert_eq!(text(input).as_deref(), Some(expected), "{input}");
        }
        for plain in [
            "",
            "plain",
            "100% & more \\",
            r"\u00",
            "%",
            "%4",
            "&",
            "&nothing;",
            r"\q",
            "%zz",
            "&#;",
            "&#x;",
            r"\u+041",
        ] {
            assert_eq!(text(plain), None, "{plain}");
        }
    }
}
