//! Why a call stopped: the engine's errors, made refusals with a code.

use std::fmt;

use hotcell_protocol::Code;
use hotcell_protocol::Limits;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use crate::state::State;

/// Why the epoch callback stopped a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The wall deadline is over.
    Deadline,
    /// The processor time is used up.
    Processor,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "deadline",
            Self::Processor => "processor time",
        })
    }
}

impl std::error::Error for Stopped {}

/// The refusal for a call whose wall time is over.
#[must_use]
pub fn deadline(limits: &Limits) -> Refusal {
    Refusal::new(
        Code::DeadlineExceeded,
        format!("the call took longer than {} s", limits.deadline.as_secs_f64()),
        "ask for less in one call, or give it more time (call --timeout, or limits.deadline_seconds in config.toml)",
    )
}

/// The refusal for an error of the engine in the middle of a call.
pub(crate) fn refusal(error: &wasmtime::Error, state: &State, limits: &Limits) -> Refusal {
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return match stopped {
            Stopped::Deadline => deadline(limits),
            Stopped::Processor => processor(limits),
        };
    }
    if state.limiter.refused() {
        return memory(format!(
            "the tool wanted more memory than it has ({} MiB), or a larger table",
            limits.memory_bytes / 1024 / 1024
        ));
    }
    if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
        return trapped(format!("the tool exited with status {status} instead of returning"));
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Refusal::internal("the pool of instances is used up, which its size should not allow");
    }
    let root = error.root_cause().to_string();
    if let Some(refusal) = over_a_count(error, &root) {
        return refusal;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => trapped("the tool's stack overflowed: it recurses too deep".to_owned()),
        Some(Trap::UnreachableCodeReached) => trapped("the tool panicked or aborted (its log may say why)".to_owned()),
        Some(trap) => trapped(format!("the tool trapped: {trap}")),
        None => trapped(format!("the tool was stopped: {}", cut(&visible(&root), 300))),
    }
}

/// Limits that the engine counts itself. Two of its errors have no public type: their words are pinned by tests, and stay
/// the same within the series (wasmtime 48: `HostcallFuelExhausted`, `HandleTable::insert`, `StoreOpaque::bump`).
fn over_a_count(error: &wasmtime::Error, root: &str) -> Option<Refusal> {
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return Some(memory(format!("the tool holds more than {} streams, timers and the like", limits::RESOURCES)));
    }
    if root.contains("store handle limit exceeded") {
        return Some(memory(format!("the tool holds more than {} handles", limits::COMPONENT_HANDLES)));
    }
    if root.contains("resource limit exceeded") {
        return Some(memory("the tool has more instances, memories or tables than a call may have".to_owned()));
    }
    root.contains("fuel allocated for hostcalls").then(|| {
        Refusal::new(
            Code::ResultTooLarge,
            format!(
                "the tool handed more data to the host at once than it may ({} MiB as the host holds it)",
                limits::HOSTCALL_FUEL / 1024 / 1024
            ),
            "return or send less in one piece; a list costs some 40 bytes for each item, bytes included",
        )
    })
}

fn processor(limits: &Limits) -> Refusal {
    Refusal::new(
        Code::DeadlineExceeded,
        format!("the tool used more than {} s of processor time", limits.cpu_time.as_secs_f64()),
        "ask for less in one call, or raise limits.cpu_seconds in config.toml",
    )
}

fn memory(what: String) -> Refusal {
    Refusal::new(Code::MemoryExceeded, what, "ask for less in one call")
}

fn trapped(what: String) -> Refusal {
    Refusal::new(Code::GuestTrapped, what, "this is a mistake in the tool: report it to its author")
}
