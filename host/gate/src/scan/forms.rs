//! The forms in which a secret is looked for: the published list (SECURITY.md; threat E2).
//!
//! Text is compared in one view: letters and digits alone, in lower case. In that view many forms are one: raw, in another
//! case, with separators, line ends or markup between the characters, UTF-16 and UTF-32, base64 in both alphabets and broken
//! into lines, hexadecimal in either case and with any separator, quoted-printable, each character percent-encoded.
//! Whole secrets only, never fragments: a scan for fragments gives a token away character by character (threat E12).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::search::LEAST;

/// Bytes that are wiped.
pub(super) type Wiped = Zeroizing<Vec<u8>>;

/// The view: letters and digits, in lower case.
pub(super) fn view(bytes: &[u8]) -> Wiped {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    out.extend(bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase));
    out
}

/// All forms of a secret as they stand in the view. Empty if it has too few letters and digits to be told from chance.
pub(super) fn of(secret: &[u8]) -> Vec<Wiped> {
    let mut forms = of_part(secret);
    // A JWT's payload and signature are as good as the whole to whoever knows the header, which everybody does (RFC 7515).
    let parts: Vec<&[u8]> = secret.split(|byte| *byte == b'.').collect();
    if let [_, payload, signature] = parts.as_slice() {
        forms.extend([payload, signature].into_iter().flat_map(|part| of_part(part)));
    }
    forms
}

fn of_part(secret: &[u8]) -> Vec<Wiped> {
    if view(secret).len() < LEAST {
        return Vec::new();
    }
    let hex = text(secret, |byte| format!("{byte:02x}"));
    let mut forms = vec![
        Zeroizing::new(secret.to_vec()),
        Zeroizing::new(secret.iter().rev().copied().collect()),
        Zeroizing::new(secret.iter().map(|byte| rot13(*byte)).collect()),
        // Escapes of every character: JSON, HTML in decimal and hexadecimal, percent (twice; once is hexadecimal).
        text(secret, |byte| format!("u00{byte:02x}")),
        text(secret, |byte| format!("{byte} ")),
        text(secret, |byte| format!("x{byte:x} ")),
        text(secret, |byte| format!("%25{byte:02x}")),
        // Escapes of those that need it.
        text(secret, |byte| if is_unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") }),
        text(secret, |byte| if is_unreserved(byte) { char::from(byte).to_string() } else { format!("%25{byte:02x}") }),
        text(secret, escaped_for_html),
        base32(secret),
    ];
    let mut once = base64_forms(secret);
    once.extend([Zeroizing::new(hex.to_ascii_uppercase()), hex]);
    forms.extend(once.iter().flat_map(|form| base64_forms(form)));
    forms.extend(once);
    let mut forms: Vec<_> = forms.iter().map(|form| view(form)).filter(|form| form.len() >= LEAST).collect();
    forms.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
    forms.dedup();
    forms
}

fn text(secret: &[u8], written: impl Fn(u8) -> String) -> Wiped {
    let mut out = Zeroizing::new(Vec::with_capacity(secret.len() * 8));
    for byte in secret {
        out.extend_from_slice(Zeroizing::new(written(*byte)).as_bytes());
    }
    out
}

/// What base64 text of anything that contains the bytes must contain: for each alignment the characters that depend on them
/// alone.
fn base64_forms(bytes: &[u8]) -> Vec<Wiped> {
    let mut forms = Vec::new();
    // What was there before shifts the text by 0 to 2 bytes; its first 0, 2, 3 characters then depend on those bytes.
    for (shift, first) in [0, 2, 3].into_iter().enumerate() {
        let shifted = Zeroizing::new([&vec![0; shift][..], bytes].concat());
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = Zeroizing::new(engine.encode(&*shifted));
            // The last characters mix with what comes after.
            let last = shifted.len() / 3 * 4;
            forms.extend(text.as_bytes().get(first..last).map(|form| Zeroizing::new(form.to_vec())));
        }
    }
    forms
}

/// Base32 (RFC 4648 §6) of the bytes alone, without the last, incomplete group.
fn base32(bytes: &[u8]) -> Wiped {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() / 5 * 8));
    for group in bytes.chunks_exact(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for place in (0..8).rev() {
            let digit = usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0);
            out.push(DIGITS.get(digit).copied().unwrap_or(b'A'));
        }
    }
    out
}

fn rot13(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        _ => byte,
    }
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn escaped_for_html(byte: u8) -> String {
    match byte {
        b'&' => "&amp;".into(),
        b'<' => "&lt;".into(),
        b'>' => "&gt;".into(),
        b'"' => "&quot;".into(),
        b'\'' => "&#39;".into(),
        other => char::from(other).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_keeps_letters_and_digits_in_lower_case() {
        assert_eq!(*view(b"Be-arer: gHp_1\r\n\0\xffZ"), *b"bearerghp1z");
        assert_eq!(*view(b""), *b"");
    }

    #[test]
    fn e12_no_form_is_shorter_than_what_chance_could_make() {
        for secret in
            [&b"ghp_0123456789abcdefghijABCDEFGHIJ456789"[..], b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"]
        {
            let forms = of(secret);
            assert!(forms.len() > 20, "{}", forms.len());
            assert!(forms.iter().all(|form| form.len() >= LEAST));
        }
        for short in [&b"hunter2"[..], b"123456789012", b"----------------------"] {
            assert!(of(short).is_empty());
        }
    }
}
