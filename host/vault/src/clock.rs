//! Time: the wall clock, and one that goes on while the machine sleeps. A parameter, so that tests can turn it.

use std::time::Duration;
use std::time::SystemTime;

/// Two clocks. A token is expired if either says so (threat M10): the wall clock can be set back, the other cannot.
pub trait Clock: Send + Sync {
    /// Time since 1970-01-01 UTC.
    fn wall(&self) -> Duration;

    /// Time since some fixed moment, the machine's sleep included.
    fn boot(&self) -> Duration;

    /// Names the moment that [`Clock::boot`] counts from, if another process of this machine counts from the same one: then
    /// the time of a token's arrival is written down on this clock too. `None` if only this process can know.
    fn boot_name(&self) -> Option<&str> {
        None
    }
}

/// A time in milliseconds, as records keep it.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The machine's clocks.
pub struct SystemClock {
    boot_name: Option<String>,
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl SystemClock {
    /// The machine's clocks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            boot_name: boot_name(),
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
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
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

    fn boot_name(&self) -> Option<&str> {
        self.boot_name.as_deref()
    }
}

/// The kernel's name for this boot: a random UUID, the same for all processes, another one after each start.
#[cfg(target_os = "linux")]
fn boot_name() -> Option<String> {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    let kernel = Dir::open_ambient_dir("/proc/sys/kernel/random", ambient_authority()).ok()?;
    let name = kernel.read_to_string("boot_id").ok()?.trim().to_owned();
    Some(name).filter(|name| name.len() == 36)
}

/// Elsewhere the clock starts with the process.
#[cfg(not(target_os = "linux"))]
fn boot_name() -> Option<String> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn all_clocks_of_one_boot_count_from_the_same_moment() {
        let (one, other) = (SystemClock::new(), SystemClock::new());
        assert!(one.boot_name().is_some());
        assert_eq!(one.boot_name(), other.boot_name());
        let (first, then) = (one.boot(), other.boot());
        assert!(first <= then && then - first < Duration::from_secs(5));
    }
}
