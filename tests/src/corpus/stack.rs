//! S: guests that want more stack than there is.

use hotcell_protocol::Code;
use serde_json::json;

use super::Does;
use super::Ends;
use super::Row;
use super::guests::parsed;
use super::guests::running;
use super::wat_guests::RUN;

const TRAPPED: Ends = Ends::Stopped(Code::GuestTrapped);

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "S1",
        name: "recurse-deep",
        does: Does::Hostile("recurse", |_, _| json!({"depth": 0})),
        ends: TRAPPED,
        most_ms: 500,
        most_mib: 8,
    },
    Row {
        id: "S2",
        name: "recurse-indirect",
        does: Does::Text(|_| running(INDIRECT), "{}"),
        ends: TRAPPED,
        most_ms: 500,
        most_mib: 8,
    },
    Row {
        id: "S3",
        name: "huge-frame",
        does: Does::Text(|_| huge_frame(), "{}"),
        ends: TRAPPED,
        most_ms: 500,
        most_mib: 8,
    },
    Row {
        id: "S4",
        name: "recurse-through-realloc",
        does: Does::Text(|_| recurse_through_realloc(), "{}"),
        ends: TRAPPED,
        most_ms: 500,
        most_mib: 8,
    },
];

const INDIRECT: &str = r#"(type $f (func (param i32))) (table 2 funcref) (elem (i32.const 0) $a $b)
    (func $a (param i32) (call_indirect (type $f) (local.get 0) (i32.const 1)))
    (func $b (param i32) (call_indirect (type $f) (local.get 0) (i32.const 0)))
    (func (export "run") (call $a (i32.const 0)))"#;

/// A function that keeps 8 KiB of values alive over a call of itself.
fn huge_frame() -> Vec<u8> {
    let count = 1_000;
    let set: String = (0..count).map(|n| format!("(local.set {} (i64.load (i32.const {})))", n + 1, n * 8)).collect();
    let sum: String =
        (0..count).map(|n| format!("(global.set $g (i64.xor (global.get $g) (local.get {})))", n + 1)).collect();
    let locals = "i64 ".repeat(count);
    running(&format!(
        r#"(memory 1) (global $g (mut i64) (i64.const 0))
        (func $f (param i32) (local {locals}) {set} (call $f (local.get 0)) {sum})
        (func (export "run") (call $f (i32.const 1)))"#
    ))
}

/// The host calls the allocator, which calls the host for something that needs the allocator.
fn recurse_through_realloc() -> Vec<u8> {
    parsed(&format!(
        r#"(component
        (import "wasi:random/random@0.2.6" (instance $random (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
        (core module $shim (table (export "t") 1 funcref) (type $f (func (param i64 i32)))
            (func (export "get") (param i64 i32) (call_indirect (type $f) (local.get 0) (local.get 1) (i32.const 0))))
        (core instance $shim (instantiate $shim))
        (core module $m (import "shim" "get" (func $get (param i64 i32))) (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $get (i64.const 16) (i32.const 0)) (i32.const 1024))
            (func (export "run") (call $get (i64.const 16) (i32.const 0))))
        (core instance $i (instantiate $m (with "shim" (instance $shim))))
        (core func $get (canon lower (func $random "get-random-bytes") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
        (core module $fix (import "shim" "t" (table 1 funcref)) (import "host" "get" (func $get (param i64 i32))) (elem (i32.const 0) func $get))
        (core instance (instantiate $fix (with "shim" (instance $shim)) (with "host" (instance (export "get" (func $get))))))
        {RUN})"#
    ))
}
