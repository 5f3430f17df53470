//! Whether a component is valid for the engine that will run it, and declares no more than a call may have. Refused here,
//! by name, rather than by the engine at some later point. Function bodies are left to the engine, which compiles them.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wasmparser::BinaryReaderError;
use wasmparser::CanonicalFunction;
use wasmparser::CanonicalOption;
use wasmparser::Instance;
use wasmparser::MemoryType;
use wasmparser::Parser;
use wasmparser::Payload;
use wasmparser::TableType;
use wasmparser::Validator;

use super::bad;
use super::broken;
use crate::features::FEATURES;

/// Bytes of a WebAssembly page (WebAssembly core specification, §4.2.8).
const PAGE: u64 = 65_536;

/// Validates every section of the component and of all its parts.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut instances = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| broken(&error))?;
        declared(&payload)?;
        instances += instantiated(&payload);
        if instances > limits::INSTANCES {
            return Err(too_many(format!("makes more than {} instances of its modules", limits::INSTANCES)));
        }
        // The answer would be the validator for one function's body.
        drop(validator.payload(&payload).map_err(|error| invalid(&error))?);
    }
    Ok(())
}

/// What a section declares, before the validator speaks of it in its own words. A broken entry is the validator's business.
fn declared(payload: &Payload<'_>) -> Result<(), Refusal> {
    match payload {
        Payload::MemorySection(section) if limit(limits::MEMORIES) < u64::from(section.count()) => {
            Err(too_many(format!("has a module with {} memories; {} is the most", section.count(), limits::MEMORIES)))
        }
        Payload::MemorySection(section) => section.clone().into_iter().flatten().try_for_each(memory),
        Payload::TableSection(section) => {
            section.clone().into_iter().flatten().try_for_each(|table| self::table(&table.ty))
        }
        Payload::ComponentCanonicalSection(section) => {
            section.clone().into_iter().flatten().try_for_each(|function| strings(&function))
        }
        _ => Ok(()),
    }
}

/// Modules that a section makes instances of. What a component does with components of its own is the engine's to count.
fn instantiated(payload: &Payload<'_>) -> usize {
    let Payload::InstanceSection(section) = payload else { return 0 };
    section.clone().into_iter().flatten().filter(|instance| matches!(instance, Instance::Instantiate { .. })).count()
}

fn memory(memory: MemoryType) -> Result<(), Refusal> {
    if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
        return Err(unsupported("a 64-bit, shared or odd-paged memory"));
    }
    let least = memory.initial.saturating_mul(PAGE);
    if least > limit(limits::MEMORY_BYTES) {
        return Err(too_much(format!("declares a memory of {least} bytes"), limits::MEMORY_BYTES));
    }
    Ok(())
}

fn table(table: &TableType) -> Result<(), Refusal> {
    if table.table64 || table.shared {
        return Err(unsupported("a 64-bit or shared table"));
    }
    if table.initial > limit(limits::TABLE_ELEMENTS) {
        return Err(too_much(format!("declares a table of {} elements", table.initial), limits::TABLE_ELEMENTS));
    }
    Ok(())
}

/// Text crosses the boundary as UTF-8 and in no other form: the engine's transcoders between encodings read and wrote out
/// of bounds (RUSTSEC-2026-0091, RUSTSEC-2026-0093), and no toolchain that we know uses them.
fn strings(function: &CanonicalFunction) -> Result<(), Refusal> {
    let (CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. }) = function else {
        return Ok(());
    };
    let other = |option: &CanonicalOption| matches!(option, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16);
    if options.iter().any(other) {
        return Err(bad("the component passes text as UTF-16", "build it with `string-encoding=utf8`, the usual one"));
    }
    Ok(())
}

fn limit(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}

fn too_much(what: String, limit: usize) -> Refusal {
    Refusal::new(
        Code::MemoryExceeded,
        format!("the component {what}; {limit} is the most"),
        "build it with a smaller initial memory or table",
    )
}

fn too_many(what: String) -> Refusal {
    Refusal::new(Code::MemoryExceeded, format!("the component {what}"), "build it of fewer parts")
}

fn unsupported(what: &str) -> Refusal {
    bad(format!("the component declares {what}"), "build it for plain 32-bit WebAssembly")
}

fn invalid(error: &BinaryReaderError) -> Refusal {
    bad(
        format!(
            "the component is not valid WebAssembly for this host, at byte {}: {}",
            error.offset(),
            cut(&visible(error.message()), 300)
        ),
        "build it with current tools for wasm32-wasip2, without threads, exceptions, async or other proposals; \
         a download may also have been cut short",
    )
}
