//! The bearer token of the HTTP server: made once, shown once, kept as a hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use zeroize::Zeroizing;

use crate::folders;
use crate::random;

/// The file's name in the state folder.
const FILE: &str = "serve.token";
/// A digest and its line end.
const FILE_BYTES: usize = 256;
/// What a token starts with, so that searchers for leaked secrets can know it.
const PREFIX: &str = "hcs_";

/// The hash of the one token that is let in.
#[derive(Clone, Copy)]
pub(crate) struct Bearer(Digest);

impl Bearer {
    /// The kept one; or a new one if there is none, or if it is asked for, with the token to be shown.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] if the file cannot be used.
    pub(crate) fn of(state: &Dir, new: bool) -> Result<(Self, Option<Zeroizing<String>>), Refusal> {
        if !new && let Some(bytes) = folders::read_file(state, FILE, FILE_BYTES)? {
            let kept = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
            return kept.map(|digest| (Self(digest), None)).ok_or_else(broken);
        }
        let bytes = random::bytes::<32>()?;
        let token = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes)));
        let digest = Digest::of(token.as_bytes());
        folders::replace_file(state, FILE, format!("{digest}\n").as_bytes())?;
        Ok((Self(digest), Some(token)))
    }

    /// Whether the value of an `Authorization` header carries the token (RFC 6750 §2.1). Hashes are compared: how long
    /// that takes tells nothing of the token.
    pub(super) fn admits(self, authorization: &[u8]) -> bool {
        let Some((scheme, token)) = authorization.split_at_checked(7) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && Digest::of(token) == self.0
    }
}

fn broken() -> Refusal {
    Refusal::new(
        Code::StoreUnavailable,
        format!("{FILE} in the state folder is no token's hash"),
        "make a new token: hotcell serve --http --new-token",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_once_kept_as_a_hash_and_replaced_on_demand() {
        let (_folder, state) = folders::in_tests::state();
        let (bearer, token) = Bearer::of(&state, false).unwrap();
        let token = token.unwrap();
        let kept = state.read(FILE).unwrap();
        assert!(!kept.windows(8).any(|window| window == &token.as_bytes()[8..16]));
        assert!(bearer.admits(format!("Bearer {}", *token).as_bytes()));
        for wrong in [String::new(), "Bearer ".into(), format!("Basic {}", *token), format!("Bearer {}x", *token)] {
            assert!(!bearer.admits(wrong.as_bytes()), "{wrong}");
        }
        let (again, none) = Bearer::of(&state, false).unwrap();
        assert!(none.is_none() && again.admits(format!("bearer {}", *token).as_bytes()));
        let (other, new) = Bearer::of(&state, true).unwrap();
        assert!(!other.admits(format!("Bearer {}", *token).as_bytes()) && new.is_some());
        state.write(FILE, "x").unwrap();
        assert_eq!(Bearer::of(&state, false).err().unwrap().code, Code::StoreUnavailable);
    }
}
