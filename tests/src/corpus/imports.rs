//! W: guests that want what is around them: other interfaces, files, the environment, sockets, the process.

use hotcell_protocol::Code;
use serde_json::Value;
use serde_json::json;

use super::Does;
use super::Ends;
use super::Row;
use super::guests::importing as imports;
use super::guests::parsed;
use super::wat_guests::RUN;
use super::wat_guests::RUN_U32;
use super::wat_guests::STREAMS;
use super::wat_guests::importing;

const NOT_ALLOWED: Ends = Ends::NotInstalled(Code::ImportNotAllowed);
const TRAPPED: Ends = Ends::Stopped(Code::GuestTrapped);
/// The number zero: nothing was there.
const EMPTY: Ends = Ends::Returns(|value| *value == 0);
/// The guest's own error.
const FAILED: Ends = Ends::Returns(|value| value.as_str().is_some_and(|text| text.starts_with("failed: ")));

const fn row(id: &'static str, name: &'static str, does: Does, ends: Ends) -> Row {
    Row { id, name, does, ends, most_ms: 500, most_mib: 8 }
}

const fn text(id: &'static str, name: &'static str, bytes: fn(&str) -> Vec<u8>, ends: Ends) -> Row {
    row(id, name, Does::Text(bytes, "{}"), ends)
}

const fn file(id: &'static str, name: &'static str, arguments: fn(&str, &str) -> Value) -> Row {
    row(id, name, Does::Hostile("read-file", arguments), FAILED)
}

pub(super) const ROWS: &[Row] = &[
    text("W1", "imports-wasi-sockets", |_| imports("wasi:sockets/tcp@0.2.0"), NOT_ALLOWED),
    text("W2", "imports-wasi-http", |_| imports("wasi:http/outgoing-handler@0.2.6"), NOT_ALLOWED),
    text("W3a", "imports-something-unknown", |_| imports("evil:corp/backdoor@1.0.0"), NOT_ALLOWED),
    text("W3b", "imports-secrets-of-the-host", |_| imports("hotcell:tool/secrets@0.1.0"), NOT_ALLOWED),
    text("W3c", "imports-a-bare-function", |_| bare_function(), NOT_ALLOWED),
    text("W4", "imports-another-version", |_| imports("hotcell:tool/http@0.2.0"), NOT_ALLOWED),
    text("W5", "ten-thousand-imports", |_| many_imports(), NOT_ALLOWED),
    file("W6a", "open-etc-passwd", |_, _| json!({"path": "/etc/passwd"})),
    file("W6b", "open-environment-of-the-process", |_, _| json!({"path": "/proc/self/environ"})),
    file("W6c", "open-memory-of-the-process", |_, _| json!({"path": "/proc/self/mem"})),
    file("W6d", "climb-out-of-the-folder", |_, _| json!({"path": "../../../../etc/passwd"})),
    text("W7", "preopens-list", |_| count_of(PREOPENS, "$preopens \"get-directories\""), EMPTY),
    text("W8", "env-read", |_| count_of(ENVIRONMENT, "$env \"get-environment\""), EMPTY),
    text("W9", "args-read", |_| count_of(ENVIRONMENT, "$env \"get-arguments\""), EMPTY),
    text("W10", "stdin-read", |_| standard_input(), EMPTY),
    text("W11a", "proc-exit-0", |_| exits(0), TRAPPED),
    text("W11b", "proc-exit-1", |_| exits(1), TRAPPED),
    row(
        "W12",
        "connect-by-a-linked-socket",
        Does::Hostile("connect", |_, _| json!({"address": "1.1.1.1:443"})),
        FAILED,
    ),
    row("W13", "look-up-a-name", Does::Hostile("look-up", |_, _| json!({"name": "secret.evil.example"})), FAILED),
    text("W14", "import-hidden-in-a-nested-part", |_| hidden(), Ends::NotInstalled(Code::BadComponent)),
];

const ENVIRONMENT: &str = r#"(import "wasi:cli/environment@0.2.6" (instance $env
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))"#;
const PREOPENS: &str = r#"
    (import "wasi:filesystem/types@0.2.6" (instance $types (export "descriptor" (type (sub resource)))))
    (alias export $types "descriptor" (type $descriptor))
    (import "wasi:filesystem/preopens@0.2.6" (instance $preopens
        (alias outer 1 $descriptor (type $outer)) (export "descriptor" (type $d (eq $outer)))
        (export "get-directories" (func (result (list (tuple (own $d) string)))))))"#;

/// Returns how many items a list of the host's has.
fn count_of(import: &str, function: &str) -> Vec<u8> {
    importing(
        import,
        &[("list", function)],
        r#"(import "host" "list" (func $list (param i32)))
           (func (export "run") (result i32) (i32.store (i32.const 4) (i32.const 1)) (call $list (i32.const 0)) (i32.load (i32.const 4)))"#,
        RUN_U32,
    )
}

/// Returns 0 if standard input is closed: `err` (1) of `closed` (1).
fn standard_input() -> Vec<u8> {
    importing(
        STREAMS,
        &[("get", r#"$stdin "get-stdin""#), ("read", r#"$streams "[method]input-stream.blocking-read""#)],
        r#"(import "host" "get" (func $get (result i32))) (import "host" "read" (func $read (param i32 i64 i32)))
           (func (export "run") (result i32) (call $read (call $get) (i64.const 100) (i32.const 0))
             (i32.sub (i32.const 2) (i32.add (i32.load8_u (i32.const 0)) (i32.load8_u (i32.const 4)))))"#,
        RUN_U32,
    )
}

fn exits(status: u32) -> Vec<u8> {
    importing(
        r#"(import "wasi:cli/exit@0.2.6" (instance $exit (export "exit" (func (param "status" (result))))))"#,
        &[("exit", r#"$exit "exit""#)],
        &format!(
            r#"(import "host" "exit" (func $exit (param i32))) (func (export "run") (call $exit (i32.const {status})))"#
        ),
        RUN,
    )
}

fn bare_function() -> Vec<u8> {
    parsed(&format!(
        r#"(component (import "log" (func (param "t" string))) (core module $m (func (export "run")))
        (core instance $i (instantiate $m)) {RUN})"#
    ))
}

fn many_imports() -> Vec<u8> {
    let imports: String = (0..10_000).map(|n| format!("(import \"wasi:io/poll@0.2.{n}\" (instance))")).collect();
    parsed(&format!(
        r#"(component {imports} (core module $m (func (export "run"))) (core instance $i (instantiate $m)) {RUN})"#
    ))
}

/// A part that wants `wasi:http`, given an empty instance of that name. What it calls of it is not there.
fn hidden() -> Vec<u8> {
    parsed(&format!(
        r#"(component
        (component $inner (import "wasi:http/outgoing-handler@0.2.6" (instance $http (export "handle" (func)))))
        (instance $empty)
        (instance (instantiate $inner (with "wasi:http/outgoing-handler@0.2.6" (instance $empty))))
        (core module $m (func (export "run"))) (core instance $i (instantiate $m)) {RUN})"#
    ))
}
