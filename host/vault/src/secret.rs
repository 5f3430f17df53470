//! A secret: bytes that cannot be printed, copied, compared or serialised by accident, and that are wiped.

use zeroize::Zeroizing;

/// Longest token in bytes. Servers refuse request heads above 8 to 16 KiB.
const MOST_BYTES: usize = 16 * 1024;

/// A token as text that fits into a header (visible ASCII). It wipes itself when dropped.
///
/// It has no `Debug`, `Display`, `Clone`, `PartialEq` or `Serialize`:
///
/// ```compile_fail
/// let secret = hotcell_vault::Secret::new("s3cret-s3cret".to_owned().into()).unwrap();
/// println!("{secret:?}");
/// ```
/// ```compile_fail
/// let secret = hotcell_vault::Secret::new("s3cret-s3cret".to_owned().into()).unwrap();
/// println!("{secret}");
/// ```
/// ```compile_fail
/// let secret = hotcell_vault::Secret::new("s3cret-s3cret".to_owned().into()).unwrap();
/// let twice = secret.clone();
/// drop(secret);
/// ```
pub struct Secret(Zeroizing<String>);

/// Why a text cannot be a token. Says nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Nothing was given.
    #[error("the token is empty")]
    Empty,
    /// More than 16 KiB.
    #[error("the token has more than 16384 bytes")]
    TooLong,
    /// A space, a control character, or a character outside ASCII: it would not fit into a header (RFC 9110 §5.5).
    #[error("the token has a space, a control character or a character outside ASCII")]
    OddCharacter,
}

impl Secret {
    /// Takes a text over, its spare capacity too. What surrounds it (a line end, spaces of a copied text) must be gone already.
    ///
    /// # Errors
    /// [`BadToken`] for a text that does not fit into a header.
    pub fn new(text: Zeroizing<String>) -> Result<Self, BadToken> {
        match text.as_bytes() {
            [] => Err(BadToken::Empty),
            bytes if bytes.len() > MOST_BYTES => Err(BadToken::TooLong),
            bytes if !bytes.iter().all(u8::is_ascii_graphic) => Err(BadToken::OddCharacter),
            _ => Ok(Self(text)),
        }
    }

    /// Takes a line over, as it is read from a terminal or a pipe: one line end after it is no part of the token.
    ///
    /// # Errors
    /// As [`Secret::new`]; a second line is an odd character.
    pub fn from_line(mut line: Zeroizing<String>) -> Result<Self, BadToken> {
        // In place: a trimmed copy would leave the line behind, unwiped.
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Self::new(line)
    }

    /// The text. Every use of a secret's value goes through here, so that one search lists them all.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A second copy, wiped like the first. For a new record that keeps a secret of the earlier one.
    pub(crate) fn copy(&self) -> Self {
        Self(Zeroizing::new(self.expose().to_owned()))
    }

    /// How many bytes it has: from 1 to 16 KiB.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no secret is empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::StoreKey;
    use crate::has_none_of::has_none_of;
    use crate::key::Key;
    use crate::token::NewToken;
    use crate::token::Token;

    fn secret(text: &str) -> Result<Secret, BadToken> {
        Secret::new(text.to_owned().into())
    }

    #[test]
    fn b4_what_does_not_fit_into_a_header_is_no_token() {
        assert_eq!(secret("").err(), Some(BadToken::Empty));
        for bad in ["a b", "a\r\nb", "a\n", " a", "a\tb", "a\0b", "tökén", "a\u{7f}"] {
            assert_eq!(secret(bad).err(), Some(BadToken::OddCharacter));
        }
        assert_eq!(secret(&"a".repeat(MOST_BYTES + 1)).err(), Some(BadToken::TooLong));
        assert_eq!(secret(&"a".repeat(MOST_BYTES)).ok().unwrap().len(), MOST_BYTES);
        assert_eq!(secret("ghp_abc").ok().unwrap().expose(), "ghp_abc");
    }

    #[test]
    fn one_line_end_after_a_line_is_no_part_of_the_token() {
        let from = |line: &str| Secret::from_line(line.to_owned().into()).map(|secret| secret.expose().to_owned());
        for line in ["ghp_abc", "ghp_abc\n", "ghp_abc\r\n"] {
            assert_eq!(from(line).as_deref(), Ok("ghp_abc"));
        }
        for line in ["ghp_abc\r", "ghp_abc\n\n", "ghp_abc\nghp_def\n", " ghp_abc\n"] {
            assert_eq!(from(line), Err(BadToken::OddCharacter));
        }
        for line in ["", "\n", "\r\n"] {
            assert_eq!(from(line), Err(BadToken::Empty));
        }
    }

    #[test]
    fn g1_what_holds_a_secret_cannot_be_printed_copied_compared_or_serialised() {
        use std::fmt::Debug;
        use std::fmt::Display;
        has_none_of!(Secret: Debug, Display, Clone, PartialEq, std::hash::Hash, serde::Serialize, ToString);
        has_none_of!(Secret: std::ops::Deref<Target = str>, AsRef<str>, AsRef<[u8]>, Into<String>);
        has_none_of!(Token: Debug, Display, Clone, PartialEq, serde::Serialize);
        has_none_of!(NewToken: Debug, Display, Clone, PartialEq, serde::Serialize);
        has_none_of!(StoreKey: Debug, Display, Clone, PartialEq, serde::Serialize);
        has_none_of!(Key: Debug, Display, Clone, PartialEq, serde::Serialize);
        has_none_of!(crate::AuthStore: Debug, Display, serde::Serialize);
    }
}
