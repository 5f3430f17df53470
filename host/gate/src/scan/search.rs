//! Finds any of many words in a text's view (its letters and digits, in lower case) in one pass, mostly without looking at
//! each byte and without writing the view down: Wu and Manber, "A fast algorithm for multi-pattern searching" (TR-94-17,
//! University of Arizona, 1994), on the text as it is.
//!
//! Why not a library: a thousand words make the automata of aho-corasick leave their fast path, with a hundred tokens in the
//! store a response would take ten times as long, and each needs the view, which costs more to write than to search.
//!
//! How it jumps without the view: four bytes that stand side by side in a text, all letters and digits, stand side by side in
//! its view. Where no word begins (its first `window` bytes) with anything that has these four in it, no word ends its window
//! soon after them. What lies between two bytes of the view is never shorter in the text, so that a jump in the view is a safe
//! one in the text.

use zeroize::Zeroizing;

/// Bytes that a word must have at least.
pub(super) const LEAST: usize = 16;
/// Bytes of a word that decide how far the search may jump, at most. Words are longer as a rule.
const WIDEST: usize = 64;
/// Bytes that are looked at before each jump.
const BLOCK: usize = 4;
/// Bits of the table's index: 64 KiB for a few words, 1 MiB for thousands, so that three of four places stay free. More would
/// not fit into the second cache of many processors.
const BITS: std::ops::RangeInclusive<u32> = 16..=20;
/// Places of a text that are searched by turns: while one waits for memory, the processor works on the others.
const LANES: usize = 4;
/// Bytes that are looked at together.
const WORD: usize = 8;

/// Words, ready to be searched for. They are forms of secrets, and are wiped.
pub(super) struct Words {
    words: Vec<Zeroizing<Vec<u8>>>,
    /// How many first bytes of each word the jumps are made of: its window.
    window: usize,
    /// Bits that a hash leaves out.
    shift: u32,
    /// For each hash of a block, how far the search may jump: 0 where a window ends with it.
    jumps: Vec<u8>,
    /// The words whose window ends with a block of this hash: (hash, index of the word), sorted.
    ends: Vec<(u32, u32)>,
}

impl Words {
    /// Prepares words, which are views, each of at least [`LEAST`] bytes; shorter ones are not searched for.
    pub(super) fn new(mut words: Vec<Zeroizing<Vec<u8>>>) -> Self {
        words.retain(|word| word.len() >= LEAST);
        words.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
        words.dedup();
        let Some(shortest) = words.iter().map(|word| word.len()).min() else {
            return Self { words, window: 0, shift: 0, jumps: Vec::new(), ends: Vec::new() };
        };
        let most = (1 << BITS.end()) / 4 / words.len() + BLOCK;
        let window = shortest.min(WIDEST).min(most).max(LEAST);
        let needed = (words.len() * (window - BLOCK + 1) * 4).next_power_of_two().ilog2();
        let bits = needed.clamp(*BITS.start(), *BITS.end());
        let farthest = u8::try_from(window - BLOCK + 1).unwrap_or(1);
        let mut all = Self { words, window, shift: 32 - bits, jumps: vec![farthest; 1 << bits], ends: Vec::new() };
        all.fill();
        all
    }

    fn fill(&mut self) {
        for (index, word) in self.words.iter().enumerate() {
            for (at, block) in word.windows(BLOCK).take(self.window - BLOCK + 1).enumerate() {
                let hash = hash(u32::from_le_bytes(block.try_into().unwrap_or_default()), self.shift);
                let behind = u8::try_from(self.window - BLOCK - at).unwrap_or(0);
                if let Some(jump) = self.jumps.get_mut(place(hash)) {
                    *jump = behind.min(*jump);
                }
                if behind == 0 {
                    self.ends.push((hash, u32::try_from(index).unwrap_or(u32::MAX)));
                }
            }
        }
        self.ends.sort_unstable();
    }

    /// Whether the view of the text holds one of the words.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.stand_in(text, 0, true)
    }

    /// Whether one of the words may be there, or begin there, in what follows the first `seen` bytes of a text that is not yet
    /// whole: its window is. No word is in a text where all parts of it say no.
    pub(super) fn may_be_in(&self, text: &[u8], seen: usize) -> bool {
        self.stand_in(text, seen, false)
    }

    fn stand_in(&self, text: &[u8], seen: usize, whole: bool) -> bool {
        let first = self.window.max(seen + 1);
        if self.words.is_empty() || text.len() < first {
            return false;
        }
        let share = (text.len() - first) / LANES + 1;
        // Invariant: `end` of a lane is behind a byte of the text, and each window that ends in the lane's share ends with
        // that byte or later. A lane reads beyond its share in both directions.
        let mut lanes: [(usize, usize); LANES] = std::array::from_fn(|lane| {
            let start = first + lane * share;
            (start, (start + share).min(text.len() + 1))
        });
        loop {
            let mut done = 0;
            for (end, most) in &mut lanes {
                if *end >= *most {
                    done += 1;
                    continue;
                }
                match self.jump(text, *end).or_else(|| self.step(text, *end, whole)) {
                    Some(next) => *end = next,
                    None => return true,
                }
            }
            if done == LANES {
                return false;
            }
        }
    }

    /// The next place, found by the last four letters or digits that stand together in the eight bytes before this one; `None`
    /// if there are none, or they say too little.
    #[inline]
    fn jump(&self, text: &[u8], end: usize) -> Option<usize> {
        let bytes = word_at(text, end.checked_sub(WORD)?)?;
        let kept = kept(bytes);
        let twos = kept & (kept << 8);
        let fours = twos & (twos << 16);
        if fours == 0 {
            return None;
        }
        let behind = fours.leading_zeros() & !7;
        let block = u32::try_from(((bytes | all(LOWER)) << behind) >> 32).unwrap_or_default();
        let jump = usize::from(self.jumps.get(place(hash(block, self.shift))).copied().unwrap_or(0));
        // No window ends less than `jump` behind the block; what lies between it and `end` is part of that.
        jump.checked_sub(usize::try_from(behind / 8).unwrap_or(WORD)).filter(|left| *left > 0).map(|left| end + left)
    }

    /// The next place, to the letter, by the last four of the view; `None` if a word is there, or its window.
    fn step(&self, text: &[u8], end: usize, whole: bool) -> Option<usize> {
        // Windows end with a letter or digit.
        let Some(last) = first_kept(text, end - 1) else { return Some(usize::MAX) };
        let before = text.get(..=last).unwrap_or_default();
        let mut block = 0_u32;
        let mut found = 0;
        for byte in before.iter().rev().filter(|byte| byte.is_ascii_alphanumeric()).take(BLOCK) {
            block = block << 8 | u32::from(byte | LOWER);
            found += 1;
        }
        let hash = hash(block, self.shift);
        match self.jumps.get(place(hash)).copied().unwrap_or(0) {
            _ if found < BLOCK => Some(last + 2),
            0 if self.stands_at(text, last, hash, whole) => None,
            0 => Some(last + 2),
            jump => Some(last + 1 + usize::from(jump)),
        }
    }

    /// Whether one of the words, or at least its window, stands in the view so that its window ends with this byte of the text.
    fn stands_at(&self, text: &[u8], last: usize, hash: u32, whole: bool) -> bool {
        let (before, after) = text.split_at_checked(last + 1).unwrap_or((text, &[]));
        let first = self.ends.partition_point(|(of, _)| *of < hash);
        let candidates = self.ends.iter().skip(first).take_while(|(of, _)| *of == hash);
        candidates.filter_map(|(_, index)| self.words.get(usize::try_from(*index).ok()?)).any(|word| {
            let (window, rest) = word.split_at_checked(self.window).unwrap_or((word, &[]));
            begins_with(before.iter().rev(), window.iter().rev()) && (!whole || begins_with(after.iter(), rest.iter()))
        })
    }
}

/// Whether the view of some bytes begins with these.
fn begins_with<'a>(text: impl Iterator<Item = &'a u8>, mut word: impl Iterator<Item = &'a u8>) -> bool {
    let mut view = text.filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| byte | LOWER);
    word.all(|byte| view.next() == Some(*byte))
}

/// Where the first letter or digit is, from this place on.
fn first_kept(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(bytes) = word_at(text, at) {
        match kept(bytes) {
            0 => at += WORD,
            kept => return Some(at + usize::try_from(kept.trailing_zeros() / 8).unwrap_or(0)),
        }
    }
    text.get(at..)?.iter().position(u8::is_ascii_alphanumeric).map(|behind| at + behind)
}

/// Eight bytes of the text, the first in the lowest place.
fn word_at(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*text.get(at..)?.first_chunk()?))
}

/// Makes a letter lower case, and leaves a digit as it is.
const LOWER: u8 = 0x20;

/// A byte eight times.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; WORD])
}

/// The highest bit of each byte that is an ASCII letter or digit, all eight at once ("SIMD within a register": Lamport,
/// "Multiple byte processing with full-word instructions", CACM 18.8, 1975).
fn kept(bytes: u64) -> u64 {
    // A sum of two bytes below 0x80 stays within its byte; its highest bit says whether the first is this large.
    let at_least = |bytes: u64, least: u8| bytes + all(0x80 - least);
    let low = bytes & all(0x7f);
    let lower = low | all(LOWER);
    let letters = at_least(lower, b'a') & !at_least(lower, b'z' + 1);
    let digits = at_least(low, b'0') & !at_least(low, b'9' + 1);
    (letters | digits) & !bytes & all(0x80)
}

/// Fibonacci hashing (Knuth, TAOCP 6.4) of four bytes.
fn hash(block: u32, shift: u32) -> u32 {
    block.wrapping_mul(0x9e37_79b1) >> shift
}

fn place(hash: u32) -> usize {
    usize::try_from(hash).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::oracle::Slow;
    use super::*;

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

        /// The text with one of these before one in `rarely` of its letters, some of which become upper case.
        fn disguised(&mut self, text: &[u8], rarely: usize) -> Vec<u8> {
            // Each neighbour of what is kept, what becomes a digit with a bit set, and bytes beyond ASCII.
            const BETWEEN: &[u8] = b"-/:@[`{ \0\x10\x19\x1a\x7f\x80\xb0\xc1\xe1\xff";
            let mut out = Vec::new();
            for letter in text {
                while self.next(rarely) == 0 {
                    out.push(BETWEEN[self.next(BETWEEN.len())]);
                }
                out.push(if self.next(3) == 0 { letter.to_ascii_uppercase() } else { *letter });
            }
            out
        }
    }

    #[test]
    fn it_finds_what_aho_corasick_finds_in_the_view_and_nothing_else() {
        let mut random = Random(0x5eed);
        let mut found = [0, 0];
        for round in 0..8_000 {
            let (letters, rarely) = (1 + round % 4, 2 + random.next(12));
            let shortest = LEAST + random.next(34);
            let words: Vec<Vec<u8>> = (0..1 + random.next(8))
                .map(|_| {
                    let length = shortest + random.next(8);
                    random.text(length, letters)
                })
                .collect();
            let length = random.next(200);
            let mut text = random.text(length, letters);
            if round % 3 == 0 {
                let at = random.next(text.len() + 1);
                let word = words[random.next(words.len())].clone();
                text.splice(at..at, word);
            }
            let text = random.disguised(&text, rarely);
            let words: Vec<_> = words.into_iter().map(Zeroizing::new).collect();
            let expected = Slow::new(&words).are_in(&text);
            let ours = Words::new(words.clone());
            assert_eq!(ours.are_in(&text), expected, "{words:?} in {text:?}");
            // As it comes: whatever the pieces are, one of them says that a word may be there.
            let (mut seen, mut may_be) = (0, false);
            while seen < text.len() {
                let next = (seen + 1 + random.next(40)).min(text.len());
                may_be |= ours.may_be_in(&text[..next], seen);
                seen = next;
            }
            assert!(may_be || !expected, "{words:?} in {text:?}, piece by piece");
            found[usize::from(expected)] += 1;
        }
        assert!(found.iter().all(|count| *count > 500), "the test is one-sided: {found:?}");
    }

    #[test]
    fn a_letter_or_digit_is_one_in_every_place_of_eight() {
        for byte in 0..=255_u8 {
            for place in 0..WORD {
                for other in [0, 0xff, b'a', b'/'] {
                    let mut bytes = [other; WORD];
                    bytes[place] = byte;
                    let bits = kept(u64::from_le_bytes(bytes)).to_le_bytes();
                    let expected = bytes.map(|byte| if byte.is_ascii_alphanumeric() { 0x80 } else { 0 });
                    assert_eq!(bits, expected, "{bytes:?}");
                }
            }
            assert!(!byte.is_ascii_alphanumeric() || byte | LOWER == byte.to_ascii_lowercase());
        }
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
    fn long_gaps_between_letters_hide_nothing_and_cost_little() {
        let word = b"0123456789abcdefghij";
        let words = Words::new(vec![Zeroizing::new(word.to_vec())]);
        for gap in [1, 7, 8, 9, 1_000, 20_000] {
            let apart =
                |word: &[u8]| word.iter().flat_map(|byte| [vec![b' '; gap], vec![*byte]].concat()).collect::<Vec<_>>();
            assert!(words.are_in(&apart(word)), "{gap}");
            assert!(!words.are_in(&apart(&word[..19])), "{gap}");
        }
        // A quadratic search would take minutes here.
        let started = std::time::Instant::now();
        let sparse = [vec![b' '; 10_000], b"x".to_vec()].concat().repeat(400);
        assert!(!words.are_in(&sparse) && !words.are_in(&vec![b' '; 4 << 20]));
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn nothing_is_found_where_there_is_nothing_to_look_for() {
        assert!(!Words::new(Vec::new()).are_in(b"0123456789abcdef"));
        assert!(!Words::new(vec![Zeroizing::new(b"short".to_vec())]).are_in(b"short short short short"));
        assert!(!Words::new(vec![Zeroizing::new(vec![b'a'; LEAST])]).are_in(b""));
    }
}
