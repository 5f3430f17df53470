//! Counts withheld responses. Each tells a hostile tool one bit; after three the grant is suspended (threat E12).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;

/// Withheld responses after which a tool gets none any more.
const LIMIT: u32 = 3;

/// The counters, by what runs and by service. They live as long as the host.
#[derive(Default)]
pub(crate) struct Strikes {
    counts: Mutex<HashMap<(Digest, String), u32>>,
}

impl Strikes {
    /// Counts one.
    pub(crate) fn add(&self, digest: Digest, service: &str) {
        let mut counts = self.counts();
        let count = counts.entry((digest, service.to_owned())).or_default();
        *count = count.saturating_add(1);
    }

    /// Refuses a tool that has reached the limit.
    pub(crate) fn check(&self, digest: Digest, service: &str) -> Result<(), Refusal> {
        if self.counts().get(&(digest, service.to_owned())).copied().unwrap_or_default() < LIMIT {
            return Ok(());
        }
        Err(Refusal::new(
            Code::LeakStopped,
            format!("the tool is suspended for {service}: {LIMIT} of its answers held a credential"),
            "look at what it does (state folder, audit/audit.jsonl), deny the path, or remove the tool; a new start of hotcell lifts this",
        ))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<(Digest, String), u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
