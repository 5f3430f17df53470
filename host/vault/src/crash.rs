//! Points at which a test kills the process, to see what is left (threat M3). Not in release builds.

/// Kills the process, as `kill -9` does, if `HOTCELL_CRASH_AT` names this point: `NAME`, or `NAME#2` for its second time.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let wanted = std::env::var("HOTCELL_CRASH_AT").ok()?;
        let (name, time) = wanted.split_once('#').unwrap_or((&wanted, "1"));
        Some((name.to_owned(), time.parse().ok()?))
    });
    if let Some((wanted, time)) = wanted
        && wanted == name
        && PASSED.fetch_add(1, Ordering::Relaxed).saturating_add(1) == *time
    {
        #[cfg(unix)]
        if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).is_ok() {
            std::thread::park();
        }
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_: &str) {}
