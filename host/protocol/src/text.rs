//! Untrusted text, made fit for a terminal, a log and an agent.

/// Replaces control characters, terminal escapes and bidirectional controls by visible escapes, so that text of a
/// guest or a server cannot redraw a terminal, forge a log line or reorder what a person reads (RUSTSEC-2025-0055,
/// CVE-2021-42574). Line ends and tabs become escapes too: one text, one line.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_odd(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Cuts text to at most `bytes` bytes, at a character boundary, and says so with an ellipsis.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub(3)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mut out = text.get(..end).unwrap_or_default().to_owned();
    out.push('…');
    out
}

/// Text of at most `bytes` bytes, fit to be shown. Cut before it is made visible too, so that a gigabyte is not first turned
/// into several.
#[must_use]
pub fn shown(text: &str, bytes: usize) -> String {
    cut(&visible(&cut(text, bytes)), bytes)
}

/// Whether a character steers a terminal, reorders what a person reads, or cannot be seen.
#[must_use]
pub fn is_odd(c: char) -> bool {
    c.is_control() || is_bidi_or_invisible(c)
}

/// Unicode bidirectional controls (UAX #9), zero-width characters, tags and line separators.
fn is_bidi_or_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g5_escapes_and_bidi_controls_become_visible() {
        assert_eq!(visible("a\u{1b}[2Jb\r\nc\u{202e}d"), "a\\u{1b}[2Jb\\r\\nc\\u{202e}d");
        assert_eq!(visible("grün 日本 🙂"), "grün 日本 🙂");
    }

    #[test]
    fn a_cut_ends_at_a_character() {
        assert_eq!(cut("日本語", 7), "日…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdef", 0), "…");
    }
}
