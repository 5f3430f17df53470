//! Proof Key for Code Exchange (RFC 7636), and the values that are used once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Digest as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::OAuthError;

/// 256 random bits as 43 characters of base64url: a code verifier (RFC 7636 §4.1) or a `state` (RFC 6749 §10.12).
pub(crate) struct Once(Zeroizing<String>);

impl Once {
    pub(crate) fn new() -> Result<Self, OAuthError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| OAuthError::NoRandomness)?;
        // The whole length at once: a text that grows leaves its earlier buffers behind, unwiped.
        let mut text = Zeroizing::new(String::with_capacity(43));
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        Ok(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The code challenge of method `S256` (RFC 7636 §4.2); `plain` is never used (threat L2).
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes()))
    }

    /// Whether a text is this one, in a time that says nothing of where they differ: digests are compared, and who guesses
    /// cannot choose those.
    pub(crate) fn is(&self, other: &str) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(other.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_the_challenge_is_that_of_rfc_7636_appendix_b() {
        let once = Once("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned().into());
        assert_eq!(once.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn l1_values_for_one_use_have_256_bits_and_differ() {
        let (one, two) = (Once::new().ok().unwrap(), Once::new().ok().unwrap());
        assert_eq!(one.as_str().len(), 43);
        assert_eq!(one.0.capacity(), 43, "g8: a buffer grew");
        assert!(one.is(one.as_str()) && !one.is(two.as_str()) && !one.is("") && !one.is(&one.as_str()[..42]));
    }
}
