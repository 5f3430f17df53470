//! M: guests that want the host's memory.

use hotcell_protocol::Code;
use serde_json::Value;
use serde_json::json;

use super::Does;
use super::Ends;
use super::Row;
use super::guests::parsed;
use super::guests::returning;
use super::guests::running;
use super::wat_guests::IMPORT_SLEEP;
use super::wat_guests::POLL;
use super::wat_guests::RUN;
use super::wat_guests::SLEEP;
use super::wat_guests::STREAMS;
use super::wat_guests::importing;

/// The limit of a guest's memory, and what its bookkeeping takes.
const ALL_MIB: u64 = 80;
const EXCEEDED: Ends = Ends::Stopped(Code::MemoryExceeded);
const TRAPPED: Ends = Ends::Stopped(Code::GuestTrapped);

const fn row(id: &'static str, name: &'static str, does: Does, ends: Ends, most_ms: u64, most_mib: u64) -> Row {
    Row { id, name, does, ends, most_ms, most_mib }
}

const fn text(id: &'static str, name: &'static str, bytes: fn(&str) -> Vec<u8>, ends: Ends, most_mib: u64) -> Row {
    row(id, name, Does::Text(bytes, "{}"), ends, 1_500, most_mib)
}

pub(super) const ROWS: &[Row] = &[
    row("M1a", "grow-memory-loop", Does::Hostile("grow", |_, _| json!({})), EXCEEDED, 1_500, ALL_MIB),
    text("M1b", "two-memories-that-are-too-large-together", |_| running(TOGETHER), EXCEEDED, ALL_MIB),
    text("M2", "declare-4gib", |_| running(r#"(memory 65536) (func (export "run"))"#), not(Code::MemoryExceeded), 8),
    text("M3", "hundred-memories", |_| running(&hundred_memories()), not(Code::MemoryExceeded), 8),
    text("M4", "table-grow-max", |_| running(TABLE), EXCEEDED, 8),
    text("M5a", "memory64", |_| running(r#"(memory i64 1) (func (export "run"))"#), not(Code::BadComponent), 8),
    text(
        "M5b",
        "shared-memory",
        |_| running(r#"(memory 1 1 shared) (func (export "run"))"#),
        not(Code::BadComponent),
        8,
    ),
    text("M6", "two-hundred-instances", |_| nested_instances(), not(Code::MemoryExceeded), 8),
    text("M7a", "timer-flood", |_| importing(POLL, &SLEEP, &timers(), RUN), EXCEEDED, 8),
    text("M7b", "resource-flood", |_| resource_flood(), EXCEEDED, 8),
    row("M8a", "return-1gib", Does::Hostile("big-result", |_, _| json!({"mebibytes": 1024})), EXCEEDED, 1_500, 8),
    text("M8b", "return-1gib-that-is-not-there", |_| returning("string", &result(1, 0x4000_0000)), TRAPPED, 8),
    text("M8c", "return-60mb", |_| returning("string", &result(1000, 60_000_000)), too_large(), ALL_MIB),
    text("M8d", "return-just-over-the-limit", |_| returning("string", &result(100, 5_000_000)), too_large(), 24),
    text(
        "M9",
        "return-8-million-empty-strings",
        |_| returning("(list string)", &result(1000, 8_000_000)),
        too_large(),
        ALL_MIB,
    ),
    row("M10a", "arguments-nested-1000-deep", Does::Hostile("connect", |_, _| nested()), bad_arguments(), 500, 8),
    row("M10b", "arguments-of-five-megabytes", Does::Hostile("say", |_, _| large()), bad_arguments(), 1_500, 32),
    row("M11a", "log-flood", Does::Hostile("flood-log", |_, _| json!({"lines": 100_000})), NOTHING, 3_000, 8),
    row(
        "M11b",
        "progress-flood",
        Does::Hostile("flood-progress", |_, _| json!({"reports": 100_000})),
        NOTHING,
        3_000,
        8,
    ),
    row("M12a", "stdout-flood", Does::Hostile("flood-output", |_, _| json!({"mebibytes": 8})), NOTHING, 3_000, 8),
    text("M12b", "line-without-end", |_| line_without_end(), NOTHING, 8),
    text("M12c", "zeroes-without-end", |_| zeroes(), TRAPPED, 8),
    text("M13", "random-2gib", |_| random_bytes(), TRAPPED, 8),
    text("M14", "types-that-explode-when-written-out", |_| exploding_types(), not(Code::BadComponent), 8),
    text("M15", "ten-thousand-actions", |_| many_actions(), not(Code::BadComponent), 32),
    text(
        "M16",
        "data-beyond-its-memory",
        |_| running(r#"(memory 1) (data (i32.const 65535) "xx") (func (export "run"))"#),
        TRAPPED,
        8,
    ),
];

/// It ends, and its return value is nothing.
const NOTHING: Ends = Ends::Returns(|value| *value == Value::Null);

const fn not(code: Code) -> Ends {
    Ends::NotInstalled(code)
}

const fn too_large() -> Ends {
    Ends::Stopped(Code::ResultTooLarge)
}

const fn bad_arguments() -> Ends {
    Ends::Stopped(Code::BadArguments)
}

const TOGETHER: &str = r#"(memory $a 1) (memory $b 1) (func (export "run")
    (if (i32.eq (memory.grow $a (i32.const 600)) (i32.const -1)) (then (unreachable)))
    (if (i32.eq (memory.grow $b (i32.const 600)) (i32.const -1)) (then (unreachable))))"#;
const TABLE: &str = r#"(table 1 funcref) (func (export "run")
    (loop (br_if 0 (i32.ne (table.grow (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable))"#;

fn hundred_memories() -> String {
    format!("{} (func (export \"run\"))", "(memory 0)".repeat(100))
}

fn nested_instances() -> Vec<u8> {
    let instances = "(core instance (instantiate $e))".repeat(200);
    parsed(&format!(
        r#"(component (core module $e (memory 1)) {instances} (core module $m (func (export "run")))
        (core instance $i (instantiate $m)) {RUN})"#
    ))
}

fn timers() -> String {
    format!(r#"{IMPORT_SLEEP} (func (export "run") (loop (drop (call $after (i64.const 1))) (br 0)))"#)
}

fn resource_flood() -> Vec<u8> {
    parsed(&format!(
        r#"(component (type $r (resource (rep i32))) (core func $new (canon resource.new $r))
        (core module $m (import "r" "new" (func $new (param i32) (result i32)))
            (func (export "run") (loop (drop (call $new (i32.const 1))) (br 0))))
        (core instance $i (instantiate $m (with "r" (instance (export "new" (func $new))))))
        {RUN})"#
    ))
}

/// Returns so many bytes or items, which are said to stand at 8, from a memory of so many pages.
fn result(pages: u32, length: u32) -> String {
    format!(
        r#"(memory (export "memory") {pages}) (func (export "run") (result i32)
            (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const {length})) (i32.const 0))"#
    )
}

fn nested() -> Value {
    json!({"address": (0..1_000).fold(json!("x"), |inner, _| json!([inner]))})
}

fn large() -> Value {
    json!({"text": "x".repeat(5_000_000)})
}

fn line_without_end() -> Vec<u8> {
    importing(
        STREAMS,
        &[("get", r#"$stdout "get-stdout""#), ("write", r#"$streams "[method]output-stream.write""#)],
        r#"(import "host" "get" (func $get (result i32))) (import "host" "write" (func $write (param i32 i32 i32 i32)))
           (func (export "run") (local $left i32) (local $out i32)
             (local.set $out (call $get)) (local.set $left (i32.const 100))
             (loop (call $write (local.get $out) (i32.const 64) (i32.const 131072) (i32.const 0))
               (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br_if 0 (local.get $left))))"#,
        RUN,
    )
}

fn zeroes() -> Vec<u8> {
    importing(
        STREAMS,
        &[("get", r#"$stdout "get-stdout""#), ("zeroes", r#"$streams "[method]output-stream.write-zeroes""#)],
        r#"(import "host" "get" (func $get (result i32))) (import "host" "zeroes" (func $zeroes (param i32 i64 i32)))
           (func (export "run") (call $zeroes (call $get) (i64.const 0x4000000000000000) (i32.const 0)))"#,
        RUN,
    )
}

fn random_bytes() -> Vec<u8> {
    importing(
        r#"(import "wasi:random/random@0.2.6" (instance $random (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))"#,
        &[("get", r#"$random "get-random-bytes""#)],
        r#"(import "host" "get" (func $get (param i64 i32))) (func (export "run") (call $get (i64.const 0x80000000) (i32.const 0)))"#,
        RUN,
    )
}

/// Thirty pairs of pairs are 2^30 parts.
fn exploding_types() -> Vec<u8> {
    let types: String = (1..30).map(|n| format!("(type $t{n} (tuple $t{} $t{}))", n - 1, n - 1)).collect();
    parsed(&format!(
        r#"(component (type $t0 (tuple u8 u8)) {types}
        (core module $m (memory (export "memory") 1) (func (export "run") (result i32) (unreachable)))
        (core instance $i (instantiate $m))
        (func (export "run") (result $t29) (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    ))
}

fn many_actions() -> Vec<u8> {
    let exports: String =
        (0..10_000).map(|n| format!(r#"(func (export "a{n}") (canon lift (core func $i "run")))"#)).collect();
    parsed(&format!(
        r#"(component (core module $m (func (export "run"))) (core instance $i (instantiate $m)) {RUN} {exports})"#
    ))
}
