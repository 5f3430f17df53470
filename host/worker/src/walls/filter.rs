//! The system calls of a worker. Anything else ends the process at once, by a signal that the broker sees (SIGSYS).
//!
//! The list is what running guests was seen to need (tests run the whole hostile corpus through it), and what the C library may
//! use instead. Nothing on it opens a file, a socket or a process, reaches another process, or makes memory executable.

use std::io;

use seccompiler::SeccompAction;
use seccompiler::SeccompCmpArgLen;
use seccompiler::SeccompCmpOp;
use seccompiler::SeccompCondition;
use seccompiler::SeccompFilter;
use seccompiler::SeccompRule;
use seccompiler::TargetArch;

/// One allowed system call.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// Its name, as in its manual page.
    pub name: &'static str,
    /// Its number on this machine.
    pub number: libc::c_long,
    /// What its arguments must be.
    pub only: Only,
}

/// A condition on arguments.
#[derive(Debug, Clone, Copy)]
pub enum Only {
    /// None.
    Any,
    /// What is done at a crash: argument 0 is `SIGSEGV` or `SIGBUS`.
    Crashes,
    /// Memory that is not executable: argument 2 without `PROT_EXEC`.
    NotExecutable,
    /// The same, of this process alone and counted by its limits: argument 3 without `MAP_SHARED` and `MAP_GROWSDOWN`.
    OwnMemory,
    /// Nothing: it is refused (`ENOSYS`), and the process goes on. `mremap` would make executable memory longer, over bytes
    /// behind the code that a tool's author chose; the C library's allocator does without it.
    Refused,
}

const fn any(name: &'static str, number: libc::c_long) -> Allowed {
    Allowed { name, number, only: Only::Any }
}

const fn not_executable(name: &'static str, number: libc::c_long) -> Allowed {
    Allowed { name, number, only: Only::NotExecutable }
}

/// All of them.
pub const ALLOWED: &[Allowed] = &[
    // The socket, and the runtime's own wake-up.
    any("read", libc::SYS_read),
    any("write", libc::SYS_write),
    any("writev", libc::SYS_writev),
    any("recvfrom", libc::SYS_recvfrom),
    any("epoll_ctl", libc::SYS_epoll_ctl),
    #[cfg(target_arch = "x86_64")]
    any("epoll_wait", libc::SYS_epoll_wait),
    any("epoll_pwait", libc::SYS_epoll_pwait),
    any("close", libc::SYS_close),
    // Memory: of guests (pool, images, stacks) and of the allocator.
    any("brk", libc::SYS_brk),
    any("madvise", libc::SYS_madvise),
    Allowed { name: "mmap", number: libc::SYS_mmap, only: Only::OwnMemory },
    not_executable("mprotect", libc::SYS_mprotect),
    Allowed { name: "mremap", number: libc::SYS_mremap, only: Only::Refused },
    any("munmap", libc::SYS_munmap),
    // Threads that are there: the clock of the engine sleeps, locks wait.
    any("clock_nanosleep", libc::SYS_clock_nanosleep),
    any("futex", libc::SYS_futex),
    any("sched_yield", libc::SYS_sched_yield),
    // Traps of guests are signals.
    // The standard library's own handler of crashes gives way to the system's, so that the broker learns of a crash.
    Allowed { name: "rt_sigaction", number: libc::SYS_rt_sigaction, only: Only::Crashes },
    any("rt_sigprocmask", libc::SYS_rt_sigprocmask),
    any("rt_sigreturn", libc::SYS_rt_sigreturn),
    any("sigaltstack", libc::SYS_sigaltstack),
    // Time where the system does not offer it without a call, and random numbers.
    any("clock_gettime", libc::SYS_clock_gettime),
    any("getrandom", libc::SYS_getrandom),
    // The end.
    any("exit", libc::SYS_exit),
    any("exit_group", libc::SYS_exit_group),
];

/// Applies the filter to all threads of this process, for good.
///
/// # Errors
/// What the system said; none of the filter is in force then.
pub fn apply() -> io::Result<()> {
    let failed = || io::Error::other("seccomp cannot be had");
    for program in [refused(), program()] {
        let program = program.map_err(|_| failed())?;
        seccompiler::apply_filter_all_threads(&program).map_err(|_| failed())?;
    }
    Ok(())
}

/// Of two filters the stricter answer counts: this one refuses, and leaves all else to the other.
fn refused() -> Result<seccompiler::BpfProgram, seccompiler::BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let refused = ALLOWED.iter().filter(|allowed| matches!(allowed.only, Only::Refused));
    let rules = refused.map(|allowed| (allowed.number, Vec::new())).collect();
    let error = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, error, architecture)?.try_into()
}

fn program() -> Result<seccompiler::BpfProgram, seccompiler::BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let rules = ALLOWED.iter().map(|allowed| Ok((allowed.number, conditions(allowed.only)?)));
    let rules = rules.collect::<Result<_, seccompiler::BackendError>>()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?.try_into()
}

/// Alternatives: one of them must hold.
fn conditions(only: Only) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let argument = |index, operator, value: libc::c_int| {
        let condition =
            SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, u64::from(value.unsigned_abs()))?;
        SeccompRule::new(vec![condition])
    };
    match only {
        Only::Any | Only::Refused => Ok(Vec::new()),
        Only::Crashes => {
            [libc::SIGSEGV, libc::SIGBUS].into_iter().map(|signal| argument(0, SeccompCmpOp::Eq, signal)).collect()
        }
        Only::NotExecutable => Ok(vec![SeccompRule::new(vec![without(2, libc::PROT_EXEC)?])?]),
        Only::OwnMemory => {
            let counted = without(3, libc::MAP_SHARED | libc::MAP_GROWSDOWN)?;
            Ok(vec![SeccompRule::new(vec![without(2, libc::PROT_EXEC)?, counted])?])
        }
    }
}

/// An argument without these bits.
fn without(argument: u8, bits: libc::c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    let none = SeccompCmpOp::MaskedEq(u64::from(bits.unsigned_abs()));
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, none, 0)
}
