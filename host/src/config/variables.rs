//! `[tool.NAME.variables]`: what the operator sets for a tool without code. No secret: the values go into the sandbox, and a
//! credential has a place of its own (`[service.NAME]`). Nothing here is read from the environment.

use std::collections::BTreeMap;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use hotcell_template::is_name;
use serde_json::Value;

use super::place;

/// Values by name: text, numbers, booleans.
pub(crate) type Variables = BTreeMap<String, Value>;
/// As they are written.
pub(crate) type Raw = BTreeMap<toml::Spanned<String>, toml::Spanned<toml::Value>>;

/// Bytes of one value.
const VALUE_BYTES: usize = 2_000;
/// Parts of names under which people keep secrets.
const SECRET_WORDS: [&str; 11] =
    ["apikey", "auth", "bearer", "cookie", "credential", "jwt", "passphrase", "password", "private", "secret", "token"];

/// Reads the table of one tool. `text` is the whole of `file`, to say where a mistake is.
pub(crate) fn read(text: &str, file: &str, raw: Raw) -> Result<Variables, Refusal> {
    raw.into_iter().map(|(name, value)| one(text, file, &name, value).map(|value| (name.into_inner(), value))).collect()
}

fn one(
    text: &str,
    file: &str,
    name: &toml::Spanned<String>,
    value: toml::Spanned<toml::Value>,
) -> Result<Value, Refusal> {
    let mistake = |start: usize, what: &str, repair: &str| {
        let message = format!("{}: the variable `{}` {what}", place(text, file, start), visible(name.get_ref()));
        Refusal::new(Code::BadConfig, message, repair)
    };
    let (start, spelled) = (name.span().start, name.get_ref());
    if !is_name(spelled) {
        return Err(mistake(start, "has an odd name", "use ASCII letters, digits, `-` and `_`, a letter first"));
    }
    if looks_secret(spelled) {
        let repair =
            "credentials are no variables: set up a service, and put the token in with hotcell auth set SERVICE";
        return Err(mistake(start, "is named like a secret", repair));
    }
    let start = value.span().start;
    let bad = |what: &str| mistake(start, what, "write a text, a number or a boolean of at most 2,000 bytes");
    match value.into_inner() {
        toml::Value::String(text) if text.len() <= VALUE_BYTES => Ok(Value::String(text)),
        toml::Value::String(_) => Err(bad("is too long")),
        toml::Value::Integer(number) => Ok(Value::from(number)),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(|| bad("is no number"))
        }
        toml::Value::Boolean(flag) => Ok(Value::Bool(flag)),
        _ => Err(bad("is no single value")),
    }
}

fn looks_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| plain.contains(word)) || plain == "key" || plain == "pat"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_all(text: &str) -> Result<Variables, Refusal> {
        read(text, "config.toml", toml::from_str(text).unwrap())
    }

    #[test]
    fn single_values_are_read_with_their_types() {
        let variables = read_all("region = \"eu\"\nlimit = 5\npart = 0.5\non = true\n").unwrap();
        assert_eq!(json!(variables), json!({"region": "eu", "limit": 5, "part": 0.5, "on": true}));
    }

    #[test]
    fn g13_a_name_of_a_secret_and_what_is_no_single_value_are_refused_with_their_place() {
        for (line, says) in [
            ("api_token = \"x\"", "named like a secret"),
            ("API-KEY = \"x\"", "named like a secret"),
            ("clientSecret = \"x\"", "named like a secret"),
            ("key = \"x\"", "named like a secret"),
            ("Authorization = \"x\"", "named like a secret"),
            ("\"a b\" = \"x\"", "odd name"),
            ("a = [1]", "no single value"),
            ("a = { b = 1 }", "no single value"),
            ("a = 2026-01-01", "no single value"),
            ("a = nan", "no number"),
        ] {
            let refusal = read_all(&format!("first = 1\n{line}\n")).unwrap_err();
            assert!(refusal.message.starts_with("config.toml, line 2, column "), "{}", refusal.message);
            assert!(refusal.message.contains(says), "{}", refusal.message);
            assert!(!refusal.message.contains("\"x\""), "a value is not repeated");
        }
        assert!(read_all(&format!("a = \"{}\"", "x".repeat(2_001))).is_err());
    }
}
