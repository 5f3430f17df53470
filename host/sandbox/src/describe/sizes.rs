//! What a component declares before it runs: memories and tables of all its parts. Refused here, by name, rather than
//! by the engine at some later point.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use wasmparser::Parser;
use wasmparser::Payload;

/// Bytes of a WebAssembly page (WebAssembly core specification, §4.2.8).
const PAGE: u64 = 65_536;

/// Checks each declared memory and table against the limits of a call.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    for payload in Parser::new(0).parse_all(bytes) {
        // Whether the bytes are whole and valid is the decoder's business.
        let Ok(payload) = payload else { return Ok(()) };
        match payload {
            Payload::MemorySection(section) => {
                for memory in section.into_iter().flatten() {
                    if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
                        return Err(unsupported("a 64-bit, shared or odd-paged memory"));
                    }
                    let least = memory.initial.saturating_mul(PAGE);
                    if least > limit(limits::MEMORY_BYTES) {
                        return Err(too_much(format!("declares a memory of {least} bytes"), limits::MEMORY_BYTES));
                    }
                }
            }
            Payload::TableSection(section) => {
                for table in section.into_iter().flatten() {
                    if table.ty.table64 || table.ty.shared {
                        return Err(unsupported("a 64-bit or shared table"));
                    }
                    if table.ty.initial > limit(limits::TABLE_ELEMENTS) {
                        return Err(too_much(
                            format!("declares a table of {} elements", table.ty.initial),
                            limits::TABLE_ELEMENTS,
                        ));
                    }
                }
            }
            _ => {}
        }
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

fn unsupported(what: &str) -> Refusal {
    Refusal::new(Code::BadComponent, format!("the component declares {what}"), "build it for plain 32-bit WebAssembly")
}
