//! The book of strikes: `strikes.json` in the state folder. What a tool did in one process counts in the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use cap_std::fs::Dir;
use hotcell_gate::STRIKES;
use hotcell_gate::StrikeBook;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use serde::Deserialize;
use serde::Serialize;

use crate::folders;
use crate::folders::ReadOnce;

const FILE: &str = "strikes.json";
const LOCK: &str = "strikes.lock";
const FILE_BYTES: usize = 4 * 1024 * 1024;

/// The book.
pub struct Strikes {
    state: Dir,
    known: ReadOnce<Book>,
    /// A strike could not be written down: then everybody counts as suspended in this process.
    lost: AtomicBool,
}

/// Strikes of each service, for each digest.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    #[serde(default)]
    strikes: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Strikes {
    /// The book of this state folder.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] if the folder cannot be opened once more.
    pub fn open(state: &Dir) -> Result<Self, Refusal> {
        let state = state.try_clone().map_err(|_| Refusal::internal("the state folder cannot be opened again"))?;
        Ok(Self { state, known: ReadOnce::default(), lost: AtomicBool::new(false) })
    }

    /// The services for which a tool is suspended.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::StoreUnavailable`] if the book cannot be read.
    pub fn suspended(&self, digest: Digest) -> Result<Vec<String>, Refusal> {
        let book = self.known()?;
        let of = book.strikes.get(&digest.to_string());
        Ok(of
            .into_iter()
            .flatten()
            .filter(|(_, count)| **count >= STRIKES)
            .map(|(service, _)| shown(service))
            .collect())
    }

    /// Whether a tool has any, of whatever service.
    ///
    /// # Errors
    /// As [`Strikes::suspended`].
    pub(crate) fn has_any(&self, digest: Digest) -> Result<bool, Refusal> {
        Ok(self.known()?.strikes.get(&digest.to_string()).is_some_and(|of| of.values().any(|count| *count > 0)))
    }

    /// Forgets the strikes of a tool. Reached by a person's command only. Returns the services that had some.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::StoreUnavailable`] if the book cannot be written.
    pub fn forget(&self, digest: Digest) -> Result<Vec<String>, Refusal> {
        let _lock = folders::lock(&self.state, LOCK)?;
        let mut book = self.read()?;
        let gone = book.strikes.remove(&digest.to_string()).unwrap_or_default();
        self.write(&book)?;
        Ok(gone.keys().map(|service| shown(service)).collect())
    }

    /// The book. Looked at for each call, so that it is not read anew while it stays as it is.
    fn known(&self) -> Result<Arc<Book>, Refusal> {
        self.known.get(&self.state, FILE, || self.read())
    }

    fn read(&self) -> Result<Book, Refusal> {
        let Some(bytes) = folders::read_file(&self.state, FILE, FILE_BYTES)? else { return Ok(Book::default()) };
        serde_json::from_slice(&bytes).map_err(|_| {
            Refusal::new(
                hotcell_protocol::Code::StoreUnavailable,
                format!("{FILE} in the state folder is damaged, so every tool counts as suspended"),
                "look at the audit record for what tools did, then delete that file",
            )
        })
    }

    fn write(&self, book: &Book) -> Result<(), Refusal> {
        let text = serde_json::to_vec_pretty(book).map_err(|_| Refusal::internal("the strikes have no JSON form"))?;
        folders::replace_file(&self.state, FILE, &text)
    }

    fn add_one(&self, digest: Digest, service: &str) -> Result<(), Refusal> {
        let _lock = folders::lock(&self.state, LOCK)?;
        let mut book = self.read()?;
        let count = book.strikes.entry(digest.to_string()).or_default().entry(service.to_owned()).or_default();
        *count = count.saturating_add(1);
        self.write(&book)
    }
}

/// Public origins have no service's name.
fn shown(service: &str) -> String {
    if service.is_empty() { "public origins".to_owned() } else { service.to_owned() }
}

impl StrikeBook for Strikes {
    fn count(&self, digest: Digest, service: &str) -> u32 {
        let of = |book: Arc<Book>| book.strikes.get(&digest.to_string()).and_then(|of| of.get(service)).copied();
        if self.lost.load(Ordering::Relaxed) {
            return STRIKES;
        }
        // A book that cannot be read suspends: a tool must not win by breaking it.
        self.known().map_or(STRIKES, |book| of(book).unwrap_or_default())
    }

    fn add(&self, digest: Digest, service: &str) {
        if let Err(refusal) = self.add_one(digest, service) {
            self.lost.store(true, Ordering::Relaxed);
            tracing::error!(code = refusal.code.as_str(), "a strike cannot be written down");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::in_tests::state;

    #[test]
    fn e12_strikes_count_in_the_next_process_and_only_a_person_takes_them_back() {
        let (_folder, dir) = state();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        for _ in 0..STRIKES {
            assert!(Strikes::open(&dir).unwrap().count(one, "api") < STRIKES);
            Strikes::open(&dir).unwrap().add(one, "api");
        }
        let strikes = Strikes::open(&dir).unwrap();
        assert_eq!(strikes.count(one, "api"), STRIKES);
        assert_eq!(strikes.suspended(one).unwrap(), ["api"]);
        assert_eq!((strikes.count(one, "b"), strikes.count(other, "api")), (0, 0));
        assert_eq!(strikes.forget(one).unwrap(), ["api"]);
        assert_eq!(Strikes::open(&dir).unwrap().count(one, "api"), 0);
    }

    #[test]
    fn a_damaged_book_suspends_everybody_and_says_so() {
        let (_folder, dir) = state();
        folders::replace_file(&dir, FILE, b"{\"strikes\": 5}").unwrap();
        let strikes = Strikes::open(&dir).unwrap();
        assert_eq!(strikes.count(Digest::of(b"one"), "api"), STRIKES);
        assert!(strikes.suspended(Digest::of(b"one")).unwrap_err().message.contains("damaged"));
    }

    #[test]
    fn strikes_at_once_are_all_counted() {
        let (_folder, dir) = state();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| Strikes::open(&dir).unwrap().add(Digest::of(b"one"), "api"));
            }
        });
        assert_eq!(Strikes::open(&dir).unwrap().count(Digest::of(b"one"), "api"), 8);
    }
}
