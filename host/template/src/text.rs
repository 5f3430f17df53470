//! Text with `${name}` in it. `$${` stands for `${` itself; every other `$` is a dollar.

use serde_json::Map;
use serde_json::Value;

/// A text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it stands.
    Plain(String),
    /// The value of this name.
    Value(String),
}

/// Whether a text can name a parameter or a variable: 1 to 64 ASCII letters, digits, `-` and `_`, a letter first.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl Text {
    /// Reads a text; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            let after = after.strip_prefix("${").unwrap_or_default();
            if let Some(before) = before.strip_suffix('$') {
                plain.push_str(before);
                plain.push_str("${");
                rest = after;
                continue;
            }
            plain.push_str(before);
            let (name, after) = after.split_once('}').ok_or("a `${` has no `}`; write `$${` for the two characters")?;
            if !is_name(name.strip_prefix("var.").unwrap_or(name)) {
                return Err(format!("`${{{}}}` is no name: write ${{PARAMETER}} or ${{var.NAME}}", shown(name)));
            }
            if !plain.is_empty() {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Value(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Ok(Self { pieces })
    }

    /// The names in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Plain(_) => None,
            Piece::Value(name) => Some(name.as_str()),
        })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The name, where the whole text is one.
    pub(crate) fn lone(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Value(name)] => Some(name),
            _ => None,
        }
    }

    /// The text with its values; `None` where one of them is not given.
    pub(crate) fn fill(&self, values: &Map<String, Value>) -> Result<Option<String>, (String, &'static str)> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Value(name) => match plain(values.get(name)) {
                    Ok(Some(text)) => out.push_str(&text),
                    Ok(None) => return Ok(None),
                    Err(why) => return Err((name.clone(), why)),
                },
            }
        }
        Ok(Some(out))
    }
}

/// A value as text; `None` where it is not given.
pub(crate) fn plain(value: Option<&Value>) -> Result<Option<String>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(_) | Value::Object(_)) => Err("a list cannot stand within a text"),
    }
}

/// A bounded, printable form of untrusted text.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(text: &str, values: Value) -> Option<String> {
        Text::parse(text).unwrap().fill(values.as_object().unwrap()).unwrap()
    }

    #[test]
    fn values_stand_where_their_names_stood() {
        let values = json!({"a": "x", "n": 5, "on": true, "var.region": "eu", "none": null});
        assert_eq!(fill("${a}-${n}/${on}@${var.region}", values.clone()).unwrap(), "x-5/true@eu");
        assert_eq!(fill("no names: $ $5 {a} $a }", values.clone()).unwrap(), "no names: $ $5 {a} $a }");
        assert_eq!(fill("$${a} costs $5", values.clone()).unwrap(), "${a} costs $5");
        assert_eq!(fill("since ${none}", values.clone()), None);
        assert_eq!(fill("since ${missing}", values), None);
    }

    #[test]
    fn b9_a_value_that_looks_like_a_name_is_not_read_again() {
        let values = json!({"a": "${b}${var.region}$${", "b": "secret"});
        assert_eq!(fill("${a}", values).unwrap(), "${b}${var.region}$${");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [
            "${",
            "${}",
            "${a",
            "${a b}",
            "${1}",
            "${env.HOME}",
            "${token:github}",
            "${var.}",
            "${é}",
            "${a${b}}",
            "${var.a.b}",
        ] {
            assert!(Text::parse(bad).is_err(), "{bad}");
        }
        assert!(!is_name(&"a".repeat(65)) && is_name(&"a".repeat(64)) && !is_name("") && !is_name("_a"));
    }

    #[test]
    fn a_list_is_no_part_of_a_text() {
        let values = json!({"a": ["x"]});
        assert!(Text::parse("x${a}").unwrap().fill(values.as_object().unwrap()).is_err());
    }
}
