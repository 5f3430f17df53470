//! The scan once more, slow and plain: the whole view written down, searched by a library. What the quick one is compared with.

use aho_corasick::AhoCorasick;

use super::forms;
use super::forms::Wiped;
use super::unescape::unescaped;

/// Words, searched for in a text's view.
pub(crate) struct Slow(AhoCorasick);

impl Slow {
    /// Of words that are views.
    pub(super) fn new(words: &[Wiped]) -> Self {
        Self(AhoCorasick::new(words.iter().map(|word| word.as_slice())).unwrap())
    }

    /// Of all forms of some secrets.
    pub(crate) fn of(secrets: &[&str]) -> Self {
        Self::new(&secrets.iter().flat_map(|secret| forms::of(secret.as_bytes())).collect::<Vec<_>>())
    }

    /// Whether the text holds one, as it is or behind escapes, or escapes of escapes.
    pub(crate) fn are_anywhere_in(&self, text: &[u8]) -> bool {
        let once = unescaped(text);
        let twice = once.as_ref().and_then(|once| unescaped(once));
        self.are_in(text) || [once, twice].iter().flatten().any(|text| self.are_in(text))
    }

    /// Whether the view of the text, as it is, holds one.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.0.is_match(forms::view(text).as_slice())
    }
}
