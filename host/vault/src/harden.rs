//! What the whole process gives up, so that its memory stays its own.

/// No core dumps, and on Linux no debugger and no `/proc/PID/mem` for other processes of the same user (threats G6, G7). For
/// the start of `main`: what a process started before can be read until then.
///
/// What it is not: a wall against the superuser, or against whoever can start this program themselves.
///
/// # Errors
/// What the system said. A host that goes on without is as easy to read as any other program.
#[cfg(unix)]
pub fn harden_process() -> std::io::Result<()> {
    use rustix::process::Resource;
    use rustix::process::Rlimit;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Elsewhere there is nothing to do: a user's error reports stay on the machine unless sent.
///
/// # Errors
/// None.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
pub fn harden_process() -> std::io::Result<()> {
    Ok(())
}
