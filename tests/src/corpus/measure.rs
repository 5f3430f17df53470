//! The memory of this process: now, and its peak since the last look (Linux; elsewhere nothing is measured).

use crate::memory::kib;

/// Forgets the peak, and says how much memory this process has.
pub(super) fn start() -> Option<u64> {
    // 5: resets the peak resident size (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    kib("self", "VmRSS")
}

/// MiB by which the peak since [`start`] is above what it gave.
pub(super) fn grown(since: Option<u64>) -> Option<u64> {
    Some(kib("self", "VmHWM")?.saturating_sub(since?) / 1024)
}
