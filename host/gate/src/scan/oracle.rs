//! The scan once more, slow and plain: the whole view written down, searched by a library. What the quick one is compared with.

use aho_corasick::AhoCorasick;

use super::forms;
use super::forms::Wiped;

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

    /// Whether the view of the text, as it is, holds one.
    pub(crate) fn are_in(&self, text: &[u8]) -> bool {
        self.0.is_match(forms::view(text).as_slice())
    }
}
