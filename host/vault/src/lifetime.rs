//! How long a token is used: until its soft end without a thought, until its hard end while a new one is fetched.

use std::time::Duration;

/// A token this close to its end is not sent any more: it would expire on the way.
const MARGIN: Duration = Duration::from_secs(5);
/// Lives shorter than this one have ends of their own: a fixed margin would leave nothing of them.
const SHORT: Duration = Duration::from_secs(60);
/// A new token is fetched in the last tenth of a life, but not in less than this…
const EARLY_AT_LEAST: Duration = Duration::from_secs(30);
/// …and not in more.
const EARLY_AT_MOST: Duration = Duration::from_secs(300);

/// Where in its life a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Used.
    Fresh,
    /// Used, and a new one is fetched meanwhile.
    Aging,
    /// Never sent any more (threat M11).
    Expired,
}

/// The stage at `now` of a token that lives from `from` to `to`: milliseconds of one clock.
pub(crate) fn stage(from: u64, to: u64, now: u64) -> Stage {
    let life = Duration::from_millis(to.saturating_sub(from));
    let ends_within = |time: Duration| Duration::from_millis(to.saturating_sub(now)) <= time;
    if life.is_zero() || ends_within(MARGIN.min(life / 4)) {
        Stage::Expired
    } else if ends_within(if life < SHORT { life / 2 } else { (life / 10).clamp(EARLY_AT_LEAST, EARLY_AT_MOST) }) {
        Stage::Aging
    } else {
        Stage::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which a life of so many seconds becomes aging and expired.
    fn ends(life: u64) -> (f64, f64) {
        let first = |wanted| (0..=life * 1_000).find(|now| stage(0, life * 1_000, *now) == wanted).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let seconds = |millis: u64| millis as f64 / 1_000.0;
        (seconds(first(Stage::Aging)), seconds(first(Stage::Expired)))
    }

    #[test]
    fn a_life_has_a_soft_and_a_hard_end() {
        assert_eq!(ends(3_600), (3_300.0, 3_595.0));
        assert_eq!(ends(600), (540.0, 595.0));
        assert_eq!(ends(60), (30.0, 55.0));
        assert_eq!(ends(30), (15.0, 25.0));
        assert_eq!(ends(2), (1.0, 1.5));
        assert_eq!(ends(1), (0.5, 0.75));
    }

    #[test]
    fn l18_a_life_of_nothing_and_a_life_that_ends_before_it_begins_are_over() {
        for (from, to, now) in [(5, 5, 5), (5, 5, 0), (9, 5, 6), (0, 1, 1), (0, u64::MAX, u64::MAX)] {
            assert_eq!(stage(from, to, now), Stage::Expired, "{from} {to} {now}");
        }
    }
}
