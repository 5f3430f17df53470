//! The memory of this process and of its workers: now, and the peak since the last look (Linux; elsewhere nothing is measured).

use crate::memory::kib;

/// What there was at the start.
pub(super) struct Start {
    processes: Vec<(String, u64)>,
    /// What a worker has that has done next to nothing.
    worker: u64,
}

/// Forgets the peaks, and says how much memory there is.
pub(super) fn start(workers: &[u32]) -> Option<Start> {
    let all = workers.iter().map(u32::to_string).chain(["self".to_owned()]);
    let one = |process: String| {
        // 5: resets the peak resident size (proc_pid_clear_refs(5)).
        std::fs::write(format!("/proc/{process}/clear_refs"), "5").ok()?;
        let before = kib(&process, "VmRSS")?;
        Some((process, before))
    };
    let processes = all.map(one).collect::<Option<Vec<_>>>()?;
    let worker = processes.iter().filter(|(process, _)| process != "self").map(|(_, kib)| *kib).min();
    Some(Start { processes, worker: worker.unwrap_or_default() })
}

/// MiB by which the peaks are above what there was. A worker that is new has its own beginning, which is not counted.
pub(super) fn grown(since: Option<Start>, workers: &[u32]) -> Option<u64> {
    let Start { processes, worker } = since?;
    let is_new = |pid: &String| processes.iter().all(|(process, _)| process != pid);
    let new = workers.iter().map(u32::to_string).filter(is_new).map(|pid| (pid, worker));
    // A worker that is gone has nothing.
    let grown = |(process, then): (String, u64)| kib(&process, "VmHWM").unwrap_or(0).saturating_sub(then);
    let new: u64 = new.map(grown).sum();
    Some((new + processes.into_iter().map(grown).sum::<u64>()) / 1024)
}
