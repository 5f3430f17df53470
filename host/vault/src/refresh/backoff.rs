//! How long nothing is sent after a refresh that failed: a server that is down is not hammered, and a caller learns at once.

use std::time::Duration;

use crate::envelope::random;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// The most that a server may ask for: it must not lock a user out for a day.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(15 * 60);

/// The pause after so many failures in a row: from half of 1, 2, 4, … 60 seconds to all of it, by chance, so that many hosts do
/// not come back together. Never less than the server asked for.
pub(super) fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST);
    // Without random numbers: all of it.
    let share = random().map_or(u32::from(u16::MAX), |bytes| u32::from(u16::from_be_bytes(bytes)));
    let pause = full / 2 + full / 2 * share / u32::from(u16::MAX);
    pause.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_to_a_minute_and_is_as_long_as_the_server_asked() {
        for (failures, full) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            for _ in 0..50 {
                let pause = pause(failures, None);
                let full = Duration::from_secs(full);
                assert!(full / 2 <= pause && pause <= full, "{failures}: {pause:?}");
            }
        }
        assert_eq!(pause(1, Some(Duration::from_secs(90))), Duration::from_secs(90));
        assert_eq!(pause(1, Some(Duration::MAX)), LONGEST_ASKED);
        assert!((0..50).any(|_| pause(7, None) != pause(7, None)), "no chance in it");
    }
}
