//! O: results, errors and logs that are more, or other, than text for a reader.

use hotcell_protocol::Code;
use serde_json::Value;
use serde_json::json;

use super::Does;
use super::Ends;
use super::Row;
use super::guests::parsed;
use super::guests::returning;

const TRAPPED: Ends = Ends::Stopped(Code::GuestTrapped);

const fn row(id: &'static str, name: &'static str, does: Does, ends: Ends) -> Row {
    Row { id, name, does, ends, most_ms: 1_500, most_mib: 80 }
}

const fn text(id: &'static str, name: &'static str, bytes: fn(&str) -> Vec<u8>, ends: Ends) -> Row {
    row(id, name, Does::Text(bytes, "{}"), ends)
}

pub(super) const ROWS: &[Row] = &[
    row("O1", "string-of-20-mib", Does::Hostile("big-result", |_, _| json!({"mebibytes": 20})), too_large()),
    text("O2", "type-nested-forty-deep", |_| deep_type(), Ends::NotInstalled(Code::BadComponent)),
    text("O3a", "not-a-number", |_| returning("f64", "(func (export \"run\") (result f64) (f64.const nan))"), TRAPPED),
    text("O3b", "infinity", |_| returning("f32", "(func (export \"run\") (result f32) (f32.const inf))"), TRAPPED),
    text(
        "O3c",
        "lone-surrogate",
        |_| returning("char", "(func (export \"run\") (result i32) (i32.const 0xd800))"),
        TRAPPED,
    ),
    text("O3d", "text-that-is-not-utf-8", |_| returning("string", NOT_UTF8), TRAPPED),
    text("O3e", "case-that-does-not-exist", |_| returning("(option u8)", CASE), TRAPPED),
    text("O3f", "two-to-the-63", |_| returning("u64", TWO_63), Ends::Returns(|value| *value == "9223372036854775808")),
    row("O4", "escapes-and-bidi-controls", Does::Hostile("say", |_, _| escapes()), Ends::Returns(is_the_same_text)),
    row("O5", "returns-the-token-it-was-given", Does::Hostile("say", |_, token| json!({"text": token})), leak()),
];

const NOT_UTF8: &str = r#"(memory (export "memory") 1) (data (i32.const 8) "\ff\fe\80") (func (export "run") (result i32)
    (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 3)) (i32.const 0))"#;
const CASE: &str =
    r#"(memory (export "memory") 1) (data (i32.const 8) "\07\01") (func (export "run") (result i32) (i32.const 8))"#;
const TWO_63: &str = r#"(func (export "run") (result i64) (i64.const 0x8000000000000000))"#;

const fn too_large() -> Ends {
    Ends::Stopped(Code::ResultTooLarge)
}

/// What an agent pastes into an argument does not even reach the guest.
const fn leak() -> Ends {
    Ends::NotCalled(Code::LeakStopped)
}

fn escapes() -> Value {
    json!({"text": "a\u{1b}[2J\u{202e}b\u{7}"})
}

/// A result is data, and JSON: it is not changed. That log lines are is a test of its own (`o4_…`).
fn is_the_same_text(value: &Value) -> bool {
    Some(value) == escapes().get("text")
}

fn deep_type() -> Vec<u8> {
    let types: String = (1..=40).map(|n| format!("(type $t{n} (list $t{}))", n - 1)).collect();
    parsed(&format!(
        r#"(component (type $t0 (list string)) {types}
        (core module $m (memory (export "memory") 1) (func (export "run") (result i32) (unreachable)))
        (core instance $i (instantiate $m))
        (func (export "run") (result $t40) (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    ))
}
