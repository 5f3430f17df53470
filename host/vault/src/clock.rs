//! Time: the wall clock, and one that goes on while the machine sleeps. A parameter, so that tests can turn it.

use std::time::Duration;
use std::time::SystemTime;

/// Two clocks. A token is expired if either says so (threat M10): the wall clock can be set back, the other cannot.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01 UTC.
    fn wall(&self) -> u64;

    /// Time since some fixed moment, the machine's sleep included.
    fn boot(&self) -> Duration;
}

/// The machine's clocks.
pub struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl SystemClock {
    /// The machine's clocks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            started: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    #[cfg(target_os = "linux")]
    fn boot(&self) -> Duration {
        // CLOCK_BOOTTIME goes on in suspend; `Instant` (CLOCK_MONOTONIC) does not.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    #[cfg(not(target_os = "linux"))]
    fn boot(&self) -> Duration {
        self.started.elapsed()
    }
}
