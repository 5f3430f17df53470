//! L: guests that end badly, callers that go away, files that change.

use hotcell_protocol::Code;
use serde_json::json;

use super::Does;
use super::Ends;
use super::Row;
use super::guests::fine;
use super::guests::running;
use super::guests::sending;
use super::wat_guests::RUN;

const TRAPPED: Ends = Ends::Stopped(Code::GuestTrapped);

const fn row(id: &'static str, name: &'static str, does: Does, ends: Ends) -> Row {
    Row { id, name, does, ends, most_ms: 500, most_mib: 8 }
}

const fn text(id: &'static str, name: &'static str, bytes: fn(&str) -> Vec<u8>) -> Row {
    row(id, name, Does::Text(bytes, "{}"), TRAPPED)
}

pub(super) const ROWS: &[Row] = &[
    text("L1a", "trap", |_| running(r#"(func (export "run") (unreachable))"#)),
    text("L1b", "divide-by-zero", |_| {
        running(r#"(func (export "run") (drop (i32.div_u (i32.const 1) (i32.const 0))))"#)
    }),
    text("L1c", "read-beyond-its-memory", |_| {
        running(r#"(memory 1) (func (export "run") (drop (i32.load (i32.const 65533))))"#)
    }),
    text("L1d", "trap-in-start", |_| running(r#"(func $s (unreachable)) (start $s) (func (export "run"))"#)),
    row("L1e", "panic", Does::Hostile("panic", |_, _| json!({})), TRAPPED),
    // A body that is said to lie beyond the memory: the host traps while it reads what it is given.
    text("L1f", "trap-inside-a-host-call", |origin| {
        sending(
            &format!("{origin}/api/x"),
            r#"(func (export "run") (call $send (i32.const 0) (i32.const 64) (global.get $length)
                (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0x10000) (i32.const 0x7fffffff) (i32.const 0)))"#,
            RUN,
        )
    }),
    row(
        "L2",
        "caller-goes-away-a-thousand-times",
        Does::Abandoned(|| running(r#"(func (export "run") (loop br 0))"#), 1_000),
        Ends::Returns(|_| true),
    ),
    row("L3", "file-swapped-after-the-grant", Does::Swapped(fine_with_a_twist), Ends::NotCalled(Code::ToolNotTrusted)),
];

fn fine_with_a_twist() -> Vec<u8> {
    let mut bytes = fine();
    // A custom section (0) of three bytes, named `x`: other bytes, the same behaviour.
    bytes.extend([0, 3, 1, b'x', 0]);
    bytes
}
