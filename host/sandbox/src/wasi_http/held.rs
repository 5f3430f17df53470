//! How many bytes of bodies the host holds for one call: requests that are written, answers that nobody reads.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use hotcell_protocol::limits;

/// The count of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holdings(Arc<AtomicUsize>);

/// Bytes that count as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    of: Holdings,
    bytes: usize,
}

impl Holdings {
    /// Nothing yet.
    pub(crate) fn nothing(&self) -> Held {
        Held { of: self.clone(), bytes: 0 }
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Holds more; whether there is room for it.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|held| *held <= limits::HELD_BYTES);
        let room = self.of.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if room {
            self.bytes += bytes;
        }
        room
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_ends_at_the_limit_and_is_given_back() {
        let holdings = Holdings::default();
        let (mut first, mut second) = (holdings.nothing(), holdings.nothing());
        assert!(first.grow(limits::HELD_BYTES - 1) && second.grow(1));
        assert!(!second.grow(1) && !first.grow(usize::MAX));
        drop(first);
        assert_eq!(holdings.bytes(), 1);
        assert!(second.grow(limits::HELD_BYTES - 1));
        drop(second);
        assert_eq!(holdings.bytes(), 0);
    }
}
