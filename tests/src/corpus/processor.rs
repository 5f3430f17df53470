//! C: guests that want the processor for themselves.

use hotcell_protocol::Code;
use serde_json::json;

use super::Ask;
use super::Does;
use super::Ends;
use super::Row;
use super::guests::parsed;
use super::guests::running;
use super::wat_guests::CLOCK;
use super::wat_guests::IMPORT_SLEEP;
use super::wat_guests::POLL;
use super::wat_guests::RUN;
use super::wat_guests::SLEEP;
use super::wat_guests::component;
use super::wat_guests::importing;

/// One second of processor time, three of wall time for a machine that is busy, and what seeing it takes.
const CPU_MS: u64 = 3_250;
const OVER: Ends = Ends::Stopped(Code::DeadlineExceeded);

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "C1",
        name: "loop-forever",
        does: Does::Text(|_| running(r#"(func (export "run") (loop br 0))"#), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C2",
        name: "loop-in-start",
        does: Does::Text(|_| running(r#"(func $s (loop br 0)) (start $s) (func (export "run"))"#), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C3a",
        name: "loop-in-realloc-of-an-argument",
        does: Does::Text(|_| loop_in_realloc_of_an_argument(), r#"{"text": "x"}"#),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C3b",
        name: "loop-in-realloc-while-the-host-returns",
        does: Does::Text(|_| loop_in_realloc_of_a_result(), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C4",
        name: "loop-in-post-return",
        does: Does::Text(|_| loop_in_post_return(), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C5",
        name: "loop-in-resource-drop",
        does: Does::Text(|_| loop_in_resource_drop(), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C6",
        name: "bulk-memory-fill",
        does: Does::Text(|_| running(FILL), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 80,
    },
    Row {
        id: "C7",
        name: "tiny-host-calls-without-end",
        does: Does::Text(|_| importing(CLOCK, &[("now", r#"$clock "now""#)], TINY_CALLS, RUN), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C8a",
        name: "sleep-forever",
        does: Does::Hostile("sleep", |_, _| json!({"seconds": 3600})),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C8b",
        name: "sleep-for-2-to-the-64-nanoseconds",
        does: Does::Text(|_| sleeping("(call $block (call $after (i64.const -1)))"), "{}"),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
    Row {
        id: "C9",
        name: "urls-that-cost-to-read",
        does: Does::Asks(urls_that_cost),
        ends: Ends::Denied(Code::BadRequest),
        most_ms: 500,
        most_mib: 8,
    },
    Row {
        id: "C10",
        name: "yield-spin",
        does: Does::Text(
            |_| {
                sleeping(
                    "(local $now i32) (local.set $now (call $after (i64.const 0))) (loop (call $block (local.get $now)) (br 0))",
                )
            },
            "{}",
        ),
        ends: OVER,
        most_ms: CPU_MS,
        most_mib: 8,
    },
];

const FILL: &str =
    r#"(memory 1000) (func (export "run") (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 65000000)) br 0))"#;
const TINY_CALLS: &str =
    r#"(import "host" "now" (func $now (result i64))) (func (export "run") (loop (drop (call $now)) (br 0)))"#;

fn sleeping(body: &str) -> Vec<u8> {
    importing(POLL, &SLEEP, &format!(r#"{IMPORT_SLEEP} (func (export "run") {body})"#), RUN)
}

fn loop_in_realloc_of_an_argument() -> Vec<u8> {
    component(
        r#"(memory (export "memory") 1) (func (export "run") (param i32 i32))
           (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop br 0) (unreachable))"#,
        r#"(func (export "run") (param "text" string) (canon lift (core func $i "run") (memory (core memory $i "memory"))
             (realloc (core func $i "realloc"))))"#,
    )
}

fn loop_in_realloc_of_a_result() -> Vec<u8> {
    parsed(&format!(
        r#"(component
        (import "wasi:random/random@0.2.6" (instance $random (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
        (core module $memory (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop br 0) (unreachable)))
        (core instance $mem (instantiate $memory))
        (core func $get (canon lower (func $random "get-random-bytes") (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
        (core module $m (import "host" "get" (func $get (param i64 i32))) (func (export "run") (call $get (i64.const 16) (i32.const 0))))
        (core instance $i (instantiate $m (with "host" (instance (export "get" (func $get))))))
        {RUN})"#
    ))
}

fn loop_in_post_return() -> Vec<u8> {
    component(
        r#"(memory (export "memory") 1) (func (export "run") (result i32) (i32.const 0)) (func (export "post") (param i32) (loop br 0))"#,
        r#"(func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory"))
             (post-return (core func $i "post"))))"#,
    )
}

fn loop_in_resource_drop() -> Vec<u8> {
    parsed(&format!(
        r#"(component
        (core module $d (func (export "drop") (param i32) (loop br 0)))
        (core instance $d (instantiate $d))
        (type $r (resource (rep i32) (dtor (core func $d "drop"))))
        (core func $new (canon resource.new $r)) (core func $drop (canon resource.drop $r))
        (core module $m (import "r" "new" (func $new (param i32) (result i32))) (import "r" "drop" (func $drop (param i32)))
            (func (export "run") (call $drop (call $new (i32.const 1)))))
        (core instance $i (instantiate $m (with "r" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
        {RUN})"#
    ))
}

/// What makes careless readers take quadratic time: thousands of segments, layers of encoding, dots.
fn urls_that_cost(origin: &str) -> Vec<Ask> {
    ["a/".repeat(4_000) + "/", "%25".repeat(2_700) + "2e%2e", ".".repeat(8_000) + "/../", "%2e/".repeat(2_000)]
        .into_iter()
        .map(|path| Ask { url: format!("{origin}/api/{path}"), ..Ask::default() })
        .collect()
}
