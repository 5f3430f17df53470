//! The live secrets of the store, ready to be looked for.

use std::sync::Arc;

use hotcell_vault::Secret;
use hotcell_vault::Token;

use super::forms;
use super::search::WINDOW;
use super::search::Words;

/// Shorter secrets are not looked for: they would be found everywhere.
const LEAST_BYTES: usize = 8;

/// The live secrets of the store in the forms that are looked for.
pub(crate) struct Secrets {
    tokens: Vec<Arc<Token>>,
    words: Words,
    /// How much of a piece belongs to the next one too: a word may begin in one and end in the other.
    overlap: usize,
}

impl Secrets {
    /// Prepares the forms of all secrets of these tokens.
    pub(crate) fn new(tokens: Vec<Arc<Token>>) -> Self {
        let words =
            tokens.iter().flat_map(|token| token.secrets()).flat_map(|secret| forms::of(secret.expose().as_bytes()));
        let words = Words::new(words.collect());
        Self { tokens, overlap: words.longest().saturating_sub(1), words }
    }

    /// Whether these are the tokens that the forms were made of.
    pub(crate) fn are_of(&self, tokens: &[Arc<Token>]) -> bool {
        self.tokens.len() == tokens.len() && self.tokens.iter().zip(tokens).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// Whether the bytes hold a secret in one of the forms.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        !self.tokens.is_empty()
            && (forms::any_piece(bytes, self.overlap, |view| self.words.are_in(view))
                || self.short_ones().any(|secret| stands_alone(secret, bytes)))
    }

    /// Secrets with so few letters and digits that only the whole word counts: refresh tokens of 12 characters exist.
    fn short_ones(&self) -> impl Iterator<Item = &[u8]> {
        let secrets = self.tokens.iter().flat_map(|token| token.secrets()).map(Secret::expose).map(str::as_bytes);
        let letters = |secret: &[u8]| secret.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
        secrets.filter(move |secret| secret.len() >= LEAST_BYTES && letters(secret) < WINDOW)
    }
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
