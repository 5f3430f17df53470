//! The live secrets of the store, ready to be looked for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotcell_vault::Token;

use super::forms;
use super::forms::Wiped;
use super::search::LEAST;
use super::search::Words;
use super::unescape::unescaped;

/// Shorter secrets are not looked for: they would be found everywhere.
const LEAST_BYTES: usize = 8;

/// The live secrets of the store in the forms that are looked for.
pub(crate) struct Secrets {
    tokens: Vec<Arc<Token>>,
    /// Secrets with so few letters and digits that only the whole word counts: refresh tokens of 12 characters exist.
    short: Vec<Wiped>,
    words: Words,
}

impl Secrets {
    /// Prepares the forms of all secrets of these tokens.
    pub(crate) fn new(tokens: Vec<Arc<Token>>) -> Self {
        let secrets = || tokens.iter().flat_map(|token| token.secrets()).map(|secret| secret.expose().as_bytes());
        // Those inside of what is stored for HTTP's Basic scheme count, too.
        let passwords: Vec<Wiped> = secrets().filter_map(password).collect();
        let all = || secrets().chain(passwords.iter().map(|password| password.as_slice()));
        let letters = |secret: &[u8]| secret.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
        let is_short = |secret: &&[u8]| secret.len() >= LEAST_BYTES && letters(secret) < LEAST;
        let short = all().filter(is_short).map(|secret| Wiped::new(secret.to_vec())).collect();
        let words = Words::new(all().flat_map(forms::of).collect());
        Self { words, short, tokens }
    }

    /// Whether these are the tokens that the forms were made of.
    pub(crate) fn are_of(&self, tokens: &[Arc<Token>]) -> bool {
        self.tokens.len() == tokens.len() && self.tokens.iter().zip(tokens).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// Whether the bytes hold a secret in one of the forms, as they are or behind escapes, which may be escaped once more.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        self.stand_in(bytes) || self.are_behind_escapes(bytes)
    }

    /// Whether a secret is in a text that has escapes, once they are undone, or undone again.
    pub(super) fn are_behind_escapes(&self, bytes: &[u8]) -> bool {
        if self.tokens.is_empty() {
            return false;
        }
        let Some(once) = unescaped(bytes) else { return false };
        self.stand_in(&once) || unescaped(&once).is_some_and(|twice| self.stand_in(&twice))
    }

    fn stand_in(&self, bytes: &[u8]) -> bool {
        self.words.are_in(bytes) || self.short_ones_are_in(bytes)
    }

    /// Whether a word that a secret may begin with ends behind the first `seen` bytes of a text that is not yet whole.
    pub(super) fn may_be_in(&self, text: &[u8], seen: usize) -> bool {
        self.words.may_be_in(text, seen)
    }

    /// Whether one of the short secrets is in a text as it is.
    pub(super) fn short_ones_are_in(&self, bytes: &[u8]) -> bool {
        self.short.iter().any(|secret| stands_alone(secret, bytes))
    }
}

/// The password of a stored `base64(user:password)` (RFC 7617): a server gives that back rather than the whole.
fn password(secret: &[u8]) -> Option<Wiped> {
    let both = Wiped::new(STANDARD.decode(secret).ok()?);
    let colon = both.iter().position(|byte| *byte == b':')?;
    let text = both.iter().all(|byte| !byte.is_ascii_control());
    both.get(colon + 1..)
        .filter(|password| text && password.len() >= LEAST_BYTES)
        .map(|password| Wiped::new(password.to_vec()))
}

/// Whether the secret is there as a word of its own.
fn stands_alone(secret: &[u8], bytes: &[u8]) -> bool {
    let in_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    memchr::memmem::find_iter(bytes, secret).any(|at| {
        !in_word(at.checked_sub(1).and_then(|before| bytes.get(before))) && !in_word(bytes.get(at + secret.len()))
    })
}

#[cfg(test)]
mod tests;
