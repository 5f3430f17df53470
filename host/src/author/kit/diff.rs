//! Where two values differ, by path, for people. Pure.

use hotcell_protocol::text::shown;
use serde::Serialize;
use serde_json::Value;

use super::case::Wanted;

/// Bytes of a value that are shown.
const SHOWN: usize = 300;
/// Differences of one comparison that are looked for: the first ones say enough.
pub(crate) const MOST: usize = 20;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Where: `returns[0].title`, `request 2 header accept`.
    pub(crate) at: String,
    /// What the case says.
    pub(crate) expected: String,
    /// What there was.
    pub(crate) got: String,
}

impl Difference {
    /// A difference. All parts may be a tool's text: they are made fit to be shown.
    pub(crate) fn new(at: &str, expected: &str, got: &str) -> Self {
        Self { at: shown(at, SHOWN), expected: shown(expected, SHOWN), got: shown(got, SHOWN) }
    }
}

/// Where a value is not what was wanted. `at` is its own path.
pub(crate) fn between(wanted: &Wanted, got: &Value, at: &str) -> Vec<Difference> {
    let mut found = Vec::new();
    match wanted {
        Wanted::Exactly(value) => walk(value, got, false, at, &mut found),
        Wanted::Part(value) => walk(value, got, true, at, &mut found),
    }
    found
}

fn walk(wanted: &Value, got: &Value, part: bool, at: &str, found: &mut Vec<Difference>) {
    if found.len() >= MOST {
        return;
    }
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (name, value) in wanted {
                let at = field(at, name);
                match got.get(name) {
                    Some(got) => walk(value, got, part, &at, found),
                    None => found.push(Difference::new(&at, &text(value), "nothing")),
                }
            }
            if !part {
                for (name, value) in got.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
                    found.push(Difference::new(&field(at, name), "nothing", &text(value)));
                }
            }
        }
        (Value::Array(wanted), Value::Array(got)) => {
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                walk(wanted, got, part, &format!("{at}[{index}]"), found);
            }
            if wanted.len() != got.len() {
                found.push(Difference::new(at, &items(wanted.len()), &items(got.len())));
            }
        }
        (Value::Number(wanted), Value::Number(got)) if same(wanted, got) => {}
        _ if wanted == got => {}
        _ => found.push(Difference::new(at, &text(wanted), &text(got))),
    }
    found.truncate(MOST);
}

/// `1` and `1.0` are the same number; two whole numbers are compared to the last digit.
fn same(wanted: &serde_json::Number, got: &serde_json::Number) -> bool {
    if wanted == got {
        return true;
    }
    (wanted.is_f64() || got.is_f64()) && wanted.as_f64() == got.as_f64()
}

fn field(at: &str, name: &str) -> String {
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) && !name.is_empty() {
        format!("{at}.{name}")
    } else {
        format!("{at}.{}", Value::String(name.to_owned()))
    }
}

fn items(count: usize) -> String {
    format!("{count} item{}", if count == 1 { "" } else { "s" })
}

/// A value as it is shown.
pub(crate) fn text(value: &Value) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(wanted: Wanted, got: &Value) -> Vec<String> {
        between(&wanted, got, "returns").into_iter().map(|found| found.at).collect()
    }

    #[test]
    fn differences_are_found_where_they_are() {
        for (wanted, got, exactly, part) in [
            (json!(1), json!(1), &[][..], &[][..]),
            (json!(1), json!(1.0), &[], &[]),
            (json!(0.1), json!(0.1), &[], &[]),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), &["returns"], &["returns"]),
            (json!(1), json!("1"), &["returns"], &["returns"]),
            (json!(null), json!(false), &["returns"], &["returns"]),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), &["returns.b"], &[]),
            (json!({"a": 1, "b": 2}), json!({"a": 1}), &["returns.b"], &["returns.b"]),
            (json!({"a": null}), json!({}), &["returns.a"], &["returns.a"]),
            (json!([{"a": 1}]), json!([{"a": 1, "c": 2}]), &["returns[0].c"], &[]),
            (json!([1, 2]), json!([1, 3]), &["returns[1]"], &["returns[1]"]),
            (json!([1]), json!([1, 2]), &["returns"], &["returns"]),
            (json!({"a b": 1}), json!({"a b": 2}), &["returns.\"a b\""], &["returns.\"a b\""]),
            (json!({}), json!([]), &["returns"], &["returns"]),
        ] {
            assert_eq!(paths(Wanted::Exactly(wanted.clone()), &got), exactly, "{wanted} {got}");
            assert_eq!(paths(Wanted::Part(wanted.clone()), &got), part, "a part: {wanted} {got}");
        }
    }

    #[test]
    fn g5_a_flood_of_differences_is_bounded_and_none_of_them_steers_a_terminal() {
        let got: Value = (0..10_000).map(|n| (format!("k{n}\u{1b}[2J"), json!("\u{202e}x".repeat(1000)))).collect();
        let found = between(&Wanted::Exactly(json!({})), &got, "returns");
        assert_eq!(found.len(), MOST);
        for Difference { at, expected, got } in found {
            assert!(
                [&at, &expected, &got].iter().all(|text| text.len() <= 320 && !text.contains(['\u{1b}', '\u{202e}']))
            );
        }
    }
}
