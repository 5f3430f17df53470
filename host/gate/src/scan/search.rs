//! Finds any of many words in one pass, mostly without looking at each byte: Wu and Manber, "A fast algorithm for
//! multi-pattern searching" (TR-94-17, University of Arizona, 1994).
//!
//! Why not a library: a thousand words make the automata of aho-corasick leave its fast path, and with a hundred tokens in the
//! store a response would take ten times as long. Here the time hardly depends on how many words there are.

use zeroize::Zeroizing;

/// Bytes of a word that decide how far the search may jump. Words must have at least as many.
pub(super) const WINDOW: usize = 16;
/// Bytes that are looked at before each jump.
const BLOCK: usize = 4;
/// How far it jumps where the block is in no word's window.
const FARTHEST: u8 = (WINDOW - BLOCK + 1) as u8;
/// Bits of the table's index: 256 KiB, which stays in a core's own cache.
const BITS: u32 = 18;

/// Words, ready to be searched for. They are forms of secrets, and are wiped.
pub(super) struct Words {
    words: Vec<Zeroizing<Vec<u8>>>,
    /// For each hash of a block, how far the search may jump: 0 where a window ends with it.
    jumps: Vec<u8>,
    /// The words whose window ends with a block of this hash: (hash, index of the word), sorted.
    ends: Vec<(u32, u32)>,
}

impl Words {
    /// Prepares words, each of at least [`WINDOW`] bytes; shorter ones are not searched for.
    pub(super) fn new(mut words: Vec<Zeroizing<Vec<u8>>>) -> Self {
        words.retain(|word| word.len() >= WINDOW);
        words.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
        words.dedup();
        let mut jumps = Vec::new();
        let mut ends = Vec::new();
        if !words.is_empty() {
            jumps = vec![FARTHEST; 1 << BITS];
        }
        for (index, word) in words.iter().enumerate() {
            for (at, block) in word.windows(BLOCK).take(WINDOW - BLOCK + 1).enumerate() {
                let hash = hash(block);
                let behind = u8::try_from(WINDOW - BLOCK - at).unwrap_or(0);
                if let Some(jump) = jumps.get_mut(usize::try_from(hash).unwrap_or(0)) {
                    *jump = behind.min(*jump);
                }
                if behind == 0 {
                    ends.push((hash, u32::try_from(index).unwrap_or(u32::MAX)));
                }
            }
        }
        ends.sort_unstable();
        Self { words, jumps, ends }
    }

    /// Bytes of the longest word.
    pub(super) fn longest(&self) -> usize {
        self.words.iter().map(|word| word.len()).max().unwrap_or(0)
    }

    /// Whether the text holds one of the words.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        if self.words.is_empty() {
            return false;
        }
        // The end of the window.
        let mut end = WINDOW;
        while let Some(block) = text.get(end - BLOCK..end) {
            let hash = hash(block);
            match self.jumps.get(usize::try_from(hash).unwrap_or(0)).copied().unwrap_or(0) {
                0 if self.stands_at(text, end - WINDOW, hash) => return true,
                0 => end += 1,
                jump => end += usize::from(jump),
            }
        }
        false
    }

    fn stands_at(&self, text: &[u8], start: usize, hash: u32) -> bool {
        let first = self.ends.partition_point(|(of, _)| *of < hash);
        let candidates = self.ends.iter().skip(first).take_while(|(of, _)| *of == hash);
        let rest = text.get(start..).unwrap_or_default();
        candidates
            .filter_map(|(_, index)| self.words.get(usize::try_from(*index).ok()?))
            .any(|word| rest.starts_with(word))
    }
}

/// Fibonacci hashing (Knuth, TAOCP 6.4) of four bytes.
fn hash(block: &[u8]) -> u32 {
    let bytes: [u8; BLOCK] = block.try_into().unwrap_or_default();
    u32::from_le_bytes(bytes).wrapping_mul(0x9e37_79b1) >> (32 - BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aho_corasick::AhoCorasick;

    /// A small generator, the same in every run (xorshift, Marsaglia 2003).
    struct Random(u64);

    impl Random {
        fn next(&mut self, below: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 33).unwrap() % below
        }

        /// Text over few letters, so that words and parts of them occur often.
        fn text(&mut self, length: usize, letters: usize) -> Vec<u8> {
            (0..length).map(|_| b'a' + u8::try_from(self.next(letters)).unwrap()).collect()
        }
    }

    #[test]
    fn it_finds_what_aho_corasick_finds_and_nothing_else() {
        let mut random = Random(0x5eed);
        let mut found = [0, 0];
        for round in 0..4_000 {
            let letters = 1 + round % 4;
            let words: Vec<Vec<u8>> = (0..1 + random.next(8))
                .map(|_| {
                    let length = WINDOW + random.next(6);
                    random.text(length, letters)
                })
                .collect();
            let length = random.next(120);
            let mut text = random.text(length, letters);
            if round % 3 == 0 {
                let at = random.next(text.len() + 1);
                let word = words[random.next(words.len())].clone();
                text.splice(at..at, word);
            }
            let expected = AhoCorasick::new(&words).unwrap().is_match(&text);
            let ours = Words::new(words.iter().cloned().map(Zeroizing::new).collect());
            assert_eq!(ours.are_in(&text), expected, "{words:?} in {text:?}");
            found[usize::from(expected)] += 1;
        }
        assert!(found.iter().all(|count| *count > 500), "the test is one-sided: {found:?}");
    }

    #[test]
    fn a_word_is_found_at_every_place_and_one_changed_byte_hides_it() {
        let word = b"0123456789abcdefghij".to_vec();
        let words = Words::new(vec![Zeroizing::new(word.clone())]);
        for before in 0..40 {
            for after in [0, 1, 17] {
                let mut text = [vec![b'x'; before], word.clone(), vec![b'y'; after]].concat();
                assert!(words.are_in(&text));
                for at in before..before + word.len() {
                    text[at] ^= 1;
                    assert!(!words.are_in(&text));
                    text[at] ^= 1;
                }
            }
        }
    }

    #[test]
    fn nothing_is_found_where_there_is_nothing_to_look_for() {
        assert!(!Words::new(Vec::new()).are_in(b"0123456789abcdef"));
        assert!(!Words::new(vec![Zeroizing::new(b"short".to_vec())]).are_in(b"short short short short"));
        assert!(!Words::new(vec![Zeroizing::new(vec![b'a'; WINDOW])]).are_in(b""));
    }
}
