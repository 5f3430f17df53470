//! What a worker gives up before it runs a guest. Each wall is asked of the system, and said to stand only where the system said
//! that it does.

pub mod filter;

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use landlock::ABI;
use landlock::Access as _;
use landlock::AccessFs;
use landlock::AccessNet;
use landlock::Ruleset;
use landlock::RulesetAttr as _;
use landlock::RulesetStatus;
use landlock::Scope;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::process::DumpableBehavior;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::thread::CapabilitySet;
use rustix::thread::CapabilitySets;
use rustix::thread::UnshareFlags;
use serde::Deserialize;
use serde::Serialize;

/// Open files of a worker: its socket, its runtime's three, its code, the null device, and some to spare.
const OPEN_FILES: u64 = 16;
/// Bytes of native stacks and heap that no limit of WebAssembly counts, and the memories of all calls of a worker.
const DATA_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// A wall around a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wall {
    /// No open file but its own (`close_range`).
    Descriptors,
    /// No file can be opened (Landlock).
    Files,
    /// No core dump, no file written, few open files (`setrlimit`); nobody of this user can debug it (`PR_SET_DUMPABLE`).
    Limits,
    /// A network of its own, in which there is nothing (`unshare`).
    Network,
    /// No privilege is held, and none can be had (`no_new_privs`, capabilities).
    Privileges,
    /// No signal is sent out, and no abstract socket reached (Landlock of Linux 6.12).
    Signals,
    /// The system calls that running guests needs, and no other: none that opens, connects, starts, or makes memory executable
    /// (seccomp).
    SystemCalls,
}

impl Wall {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Descriptors,
        Self::Files,
        Self::Limits,
        Self::Network,
        Self::Privileges,
        Self::Signals,
        Self::SystemCalls,
    ];
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "no open files of others",
            Self::Files => "no files (Landlock)",
            Self::Limits => "process limits",
            Self::Network => "no network (namespace)",
            Self::Privileges => "no privileges",
            Self::Signals => "no signals (Landlock)",
            Self::SystemCalls => "few system calls (seccomp)",
        })
    }
}

/// The walls that stand around a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls(BTreeSet<Wall>);

impl Walls {
    /// Whether this one stands.
    #[must_use]
    pub fn has(&self, wall: Wall) -> bool {
        self.0.contains(&wall)
    }

    /// Those that stand.
    pub fn standing(&self) -> impl Iterator<Item = Wall> + '_ {
        self.0.iter().copied()
    }

    /// Those that could not be had here.
    pub fn missing(&self) -> impl Iterator<Item = Wall> + '_ {
        Wall::ALL.into_iter().filter(|wall| !self.has(*wall))
    }
}

impl Extend<Wall> for Walls {
    fn extend<T: IntoIterator<Item = Wall>>(&mut self, walls: T) {
        self.0.extend(walls);
    }
}

/// What must be done while the process has one thread: the standard streams alone stay open, limits, a network of its own,
/// no privileges.
///
/// # Errors
/// None: what cannot be had is missing from the answer.
pub fn before_threads() -> Walls {
    let mut walls = Walls::default();
    first_to_go();
    walls.extend(close_others().ok().map(|()| Wall::Descriptors));
    walls.extend(own_network().ok().map(|()| Wall::Network));
    walls.extend(no_privileges().ok().map(|()| Wall::Privileges));
    walls.extend(limit().ok().map(|()| Wall::Limits));
    end_with_broker();
    walls
}

/// This process ends with the thread that started it, whatever a guest that took it over does: the signal cannot be caught, and
/// the call that would take this back is not among those allowed. After the namespaces, because the system forgets it where
/// privileges are gained (PR_SET_PDEATHSIG(2const)). A broker that is gone before has closed the socket. Where it cannot be had, a
/// worker that is not taken over ends all the same: with its socket.
fn end_with_broker() {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).ok();
}

/// Where memory runs out, this process ends before the one that holds the tokens (proc_pid_oom_score_adj(5)). Where that cannot
/// be said, it is no wall that is missing.
fn first_to_go() {
    if let Ok(file) = rustix::fs::open("/proc/self/oom_score_adj", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        rustix::io::write(file, b"1000").ok();
    }
}

/// What the program that started the broker left open, for instance.
fn close_others() -> io::Result<()> {
    // Safety: nothing in this process owns a descriptor yet but the standard streams, which stay.
    #[expect(unsafe_code, reason = "there is no safe way to close what nobody owns")]
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A network, and with it names of machines and shared memory, of its own. Where only the superuser may have that, a user
/// namespace makes this process one, over nothing.
fn own_network() -> io::Result<()> {
    let own = UnshareFlags::NEWUSER | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // Safety: descriptors are not unshared, which is what the function warns of; the process has one thread.
    #[expect(unsafe_code, reason = "the flags that it is unsafe for are not among these")]
    unsafe { rustix::thread::unshare_unsafe(own) }?;
    Ok(())
}

fn no_privileges() -> io::Result<()> {
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}

fn limit() -> io::Result<()> {
    let both = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    rustix::process::setrlimit(Resource::Core, both(0))?;
    rustix::process::setrlimit(Resource::Fsize, both(0))?;
    rustix::process::setrlimit(Resource::Nofile, both(OPEN_FILES))?;
    rustix::process::setrlimit(Resource::Data, both(DATA_BYTES))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Puts nothing in the place of the standard streams.
///
/// # Errors
/// What the system said.
pub fn close_standard_streams() -> io::Result<()> {
    let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}

/// No file can be opened by this thread and those that it starts. Best effort: older kernels have less of it, and the filter of
/// system calls stands before it.
#[must_use]
pub fn no_files() -> Vec<Wall> {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V7))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V7)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V7)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match restricted.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => vec![Wall::Files, Wall::Signals],
        Ok(RulesetStatus::PartiallyEnforced) => vec![Wall::Files],
        _ => Vec::new(),
    }
}

/// The filter of system calls, over all threads.
#[must_use]
pub fn few_system_calls() -> Option<Wall> {
    filter::apply().ok().map(|()| Wall::SystemCalls)
}
