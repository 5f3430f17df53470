//! Tokens that were replaced, and that servers take until their time is over: they may still not come back in a response
//! (threat E11).

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use crate::clock::Clock;
use crate::id::Who;
use crate::record::Record;
use crate::snapshot::Snapshot;
use crate::token::Token;

/// How long a token of unknown life is looked for after it was replaced.
const UNKNOWN: Duration = Duration::from_secs(60 * 60);
/// How long any is.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How many are kept; the oldest go first.
const MOST: usize = 256;

#[derive(Default)]
pub(crate) struct Retired(Mutex<Vec<Old>>);

struct Old {
    who: Who,
    token: Arc<Token>,
    until: Duration,
}

impl Retired {
    /// Keeps what `next` replaces, if it was ever opened here; forgets all tokens of records that were cleared.
    pub(crate) fn turn(&self, before: &Snapshot, next: &Snapshot, clock: &dyn Clock) {
        let replaced = before.held().filter_map(|record| {
            let token = record.opened()?;
            let after = next.find(&record.who()).filter(|after| after.holds_token())?;
            (after.opened().is_none_or(|after| !Arc::ptr_eq(token, after))).then(|| old(record, token, clock))
        });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(replaced);
        kept.retain(|old| next.find(&old.who).is_some_and(Record::holds_token));
        let excess = kept.len().saturating_sub(MOST);
        drop(kept.drain(..excess));
    }

    /// Those whose time is not over.
    pub(crate) fn tokens(&self, clock: &dyn Clock) -> Vec<Arc<Token>> {
        let now = clock.boot();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|old| old.until > now);
        kept.iter().map(|old| Arc::clone(&old.token)).collect()
    }
}

fn old(record: &Record, token: &Arc<Token>, clock: &dyn Clock) -> Old {
    let left = record.left(clock).unwrap_or(UNKNOWN).min(LONGEST);
    Old { who: record.who(), token: Arc::clone(token), until: clock.boot().saturating_add(left) }
}
