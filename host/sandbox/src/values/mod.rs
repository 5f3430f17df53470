//! JSON ↔ component values, by the action's types. Pure: no engine runs here, no clock, no I/O.

mod handed;
mod path;
mod read;
mod write;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use path::Path;

pub use handed::hand_over;
pub use handed::not_its_result;
pub use handed::take_back;
pub use handed::weigh;
pub use read::arguments;
pub use write::Budget;
pub use write::to_json;

/// The largest whole number that every JSON reader keeps (RFC 8259 §6, IEEE 754 doubles): 2^53 − 1.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

fn bad_arguments(path: &Path<'_>, what: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        Code::BadArguments,
        format!("{path}: {what}"),
        "hotcell inspect TOOL shows the parameters and their types",
    )
}

fn too_many_values() -> Refusal {
    Refusal::new(
        Code::BadArguments,
        format!("the arguments hold more than {} values", limits::JSON_NODES),
        "send less in one call",
    )
}

fn too_many_bytes() -> Refusal {
    Refusal::new(
        Code::BadArguments,
        format!("the arguments have more than {} bytes as JSON", limits::ARGUMENT_BYTES),
        "send less in one call",
    )
}
