//! A secret: bytes that cannot be printed, copied, compared or serialised by accident, and that are wiped.

use zeroize::Zeroizing;

/// Longest token in bytes. Servers refuse request heads above 8 to 16 KiB.
const MOST_BYTES: usize = 16 * 1024;

/// A token, key or passphrase as text that fits into a header (visible ASCII).
///
/// It has no `Debug`, `Display`, `Clone`, `PartialEq` or `Serialize`, and wipes itself when dropped:
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
/// ```compile_fail
/// fn serialise(_: &impl serde::Serialize) {}
/// serialise(&hotcell_vault::Secret::new("s3cret-s3cret".to_owned().into()).unwrap());
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
    /// Takes a text over. What surrounds it (a line end, spaces of a copied text) must be gone already.
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

    /// The text. Every use of a secret's value goes through here, so that one search lists them all.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<Secret, BadToken> {
        Secret::new(text.to_owned().into())
    }

    #[test]
    fn b4_what_does_not_fit_into_a_header_is_no_token() {
        assert_eq!(secret("").err(), Some(BadToken::Empty));
        for bad in ["a b", "a\r\nb", "a\tb", "a\0b", "tökén", "a\u{7f}"] {
            assert_eq!(secret(bad).err(), Some(BadToken::OddCharacter));
        }
        assert_eq!(secret(&"a".repeat(MOST_BYTES + 1)).err(), Some(BadToken::TooLong));
        assert!(secret(&"a".repeat(MOST_BYTES)).is_ok());
        assert_eq!(secret("ghp_abc").ok().unwrap().expose(), "ghp_abc");
    }
}
