//! The memory and the open files of a process, where the system tells (Linux; elsewhere nothing is measured).

/// A field of a process's status in KiB, such as `VmRSS` (now) or `VmHWM` (its peak); `self` is this process
/// (proc_pid_status(5)).
pub fn kib(process: &str, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// How many files, sockets and pipes a process has open; `None` if it is gone.
pub fn descriptors(process: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count())
}
