//! The memory of this process: now, and its peak since the last look (Linux; elsewhere nothing is measured).

/// Forgets the peak, and says how much memory this process has.
pub(super) fn start() -> Option<u64> {
    // 5: resets the peak resident size (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    kib("VmRSS:")
}

/// MiB by which the peak since [`start`] is above what it gave.
pub(super) fn grown(since: Option<u64>) -> Option<u64> {
    Some(kib("VmHWM:")?.saturating_sub(since?) / 1024)
}

fn kib(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
