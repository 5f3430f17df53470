//! Drives a fuzz target in this process. A target is a function of bytes that panics where a promise is broken, and else says
//! with a number what it saw. An input whose number is new is kept, and is what later inputs are made of: guided by what the
//! code decided instead of by which branches it took, on a stable compiler.
//!
//! An ordinary test run replays what was kept and adds a few thousand inputs. `cargo x fuzz TARGET SECONDS` goes on for longer.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a part of the tests"
)]

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// Inputs of an ordinary test run, besides those that are replayed.
const FEW: u64 = 5_000;
/// Bytes of an input, and of seven in eight: what decides is mostly near, and a short input takes a tenth of the time.
const LONGEST: usize = 4_096;
const SHORT: usize = 256;
/// Inputs that are kept. Enough to start from, few enough to be replayed in no time.
const KEPT: usize = 200;

/// A fuzz target.
pub struct Target<'a> {
    /// Its name: a folder of `tests/fuzz/corpus`.
    pub name: &'a str,
    /// Inputs to start from.
    pub seeds: &'a [&'a [u8]],
    /// Pieces that chance would hardly find.
    pub words: &'a [&'a [u8]],
}

impl Target<'_> {
    /// Replays what was kept, then tries new inputs: as long as `HOTCELL_FUZZ_SECONDS` says, or a few thousand.
    ///
    /// # Panics
    /// If the target does. The input is kept in `tests/fuzz/finds` first.
    pub fn drive(&self, run: impl Fn(&[u8]) -> u64) {
        let seconds = std::env::var("HOTCELL_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
        let mut pool: Vec<Vec<u8>> = self.seeds.iter().map(|seed| seed.to_vec()).collect();
        pool.extend(files(&folder("corpus", self.name)));
        pool.extend(files(&folder("finds", self.name)));
        let mut seen: HashSet<u64> = pool.iter().map(|input| self.one(input, &run)).collect();
        let replayed = pool.len();
        let started = Instant::now();
        let mut random = Random(seconds.map_or(0x5eed, |_: u64| clock() | 1));
        let mut executions = 0_u64;
        let mut slowest = Duration::ZERO;
        while seconds.map_or(executions < FEW, |seconds| started.elapsed() < Duration::from_secs(seconds)) {
            let input = self.mutated(&pool, &mut random);
            let before = Instant::now();
            let number = self.one(&input, &run);
            slowest = slowest.max(before.elapsed());
            executions += 1;
            if seen.insert(number) && pool.len() < KEPT {
                if seconds.is_some() {
                    keep("corpus", self.name, &input);
                }
                pool.push(input);
            }
        }
        println!(
            "{}: {replayed} replayed, {executions} executions in {:.0} s ({:.0}/s), {} different outcomes, slowest {slowest:?}",
            self.name,
            started.elapsed().as_secs_f64(),
            executions as f64 / started.elapsed().as_secs_f64().max(0.001),
            seen.len(),
        );
        assert!(slowest < Duration::from_secs(1), "{}: an input took {slowest:?}", self.name);
    }

    fn one(&self, input: &[u8], run: &impl Fn(&[u8]) -> u64) -> u64 {
        catch_unwind(AssertUnwindSafe(|| run(input))).unwrap_or_else(|_| {
            let file = keep("finds", self.name, input);
            panic!("{}: a promise is broken by the input in {}", self.name, file.display())
        })
    }

    fn mutated(&self, pool: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = pool.get(random.below(pool.len())).cloned().unwrap_or_default();
        for _ in 0..=random.below(4) {
            let at = random.below(input.len() + 1);
            let end = (at + 1 + random.below(8)).min(input.len());
            match random.below(8) {
                0 if at < input.len() => input[at] ^= 1 << random.below(8),
                1 if at < input.len() => input[at] = random.byte(),
                2 => input.insert(at, random.byte()),
                3 => drop(input.drain(at..end)),
                4 => drop(input.splice(at..at, input[at..end].to_vec())),
                5 | 6 if !self.words.is_empty() => {
                    let word = self.words[random.below(self.words.len())];
                    let over = if random.below(2) == 0 { at } else { (at + word.len()).min(input.len()) };
                    drop(input.splice(at..over, word.iter().copied()));
                }
                _ if !pool.is_empty() => {
                    let other = &pool[random.below(pool.len())];
                    let (from, to) = (random.below(other.len() + 1), random.below(other.len() + 1));
                    drop(input.splice(at.., other[from.min(to)..from.max(to)].iter().copied()));
                }
                _ => {}
            }
        }
        input.truncate(if random.below(8) == 0 { LONGEST } else { SHORT });
        input
    }
}

/// A number out of several: what a target returns.
pub fn outcome<T: std::hash::Hash>(of: T) -> u64 {
    use std::hash::Hasher as _;
    // Fixed keys: the same in every run, so that a corpus stays one.
    let mut hasher = std::hash::DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or(0) % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

fn clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap_or(1)
}

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target)
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn keep(kind: &str, target: &str, input: &[u8]) -> PathBuf {
    let folder = folder(kind, target);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{:016x}", outcome(input)));
    std::fs::write(&file, input).unwrap();
    file
}
