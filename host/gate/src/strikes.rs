//! Counts withheld responses. Each tells a hostile tool one bit; after three the grant is suspended (threat E12).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;

/// Withheld responses after which a tool gets none any more.
pub const STRIKES: u32 = 3;

/// Where strikes are kept. They outlive a process: otherwise a tool would begin anew with each `hotcell call`.
pub trait StrikeBook: Send + Sync {
    /// How many this tool has for this service. A book that cannot be read says [`STRIKES`].
    fn count(&self, digest: Digest, service: &str) -> u32;

    /// Adds one.
    fn add(&self, digest: Digest, service: &str);
}

/// A book that lives as long as the process: for embedding programs that keep their own, and for tests.
#[derive(Default)]
pub struct StrikesInMemory {
    counts: Mutex<HashMap<(Digest, String), u32>>,
}

impl StrikeBook for StrikesInMemory {
    fn count(&self, digest: Digest, service: &str) -> u32 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&(digest, service.to_owned())).copied().unwrap_or_default()
    }

    fn add(&self, digest: Digest, service: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((digest, service.to_owned())).or_default();
        *count = count.saturating_add(1);
    }
}

/// Refuses a tool that has reached the limit.
pub(crate) fn check(book: &dyn StrikeBook, digest: Digest, tool: &str, service: &str) -> Result<(), Refusal> {
    if book.count(digest, service) < STRIKES {
        return Ok(());
    }
    let of = if service.is_empty() { "public origins" } else { service };
    Err(Refusal::new(
        Code::LeakStopped,
        format!(
            "{tool} is suspended for {of}: {STRIKES} of its answers held a credential or could not be searched for one"
        ),
        format!(
            "look at what it did (hotcell audit --tool {tool}), deny the path to tools, then: hotcell resume {tool}"
        ),
    ))
}
