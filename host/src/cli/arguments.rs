//! `--arg name=value` and `--json`: text of the command line, made the JSON object that an action takes. Pure.

use hotcell_protocol::Action;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde_json::Map;
use serde_json::Value;

/// Reads the arguments of `--json`.
///
/// # Errors
/// [`Code::BadArguments`] with line and column, or where it is not an object.
pub(super) fn from_json(text: &str) -> Result<Value, Refusal> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        // serde_json's message can quote the text; line and column say enough.
        Refusal::new(
            Code::BadArguments,
            format!("--json is not JSON (line {}, column {})", error.line(), error.column()),
            "write one object, for instance '{\"owner\": \"rust-lang\"}', or pipe it in with `--json -`",
        )
    })?;
    if value.is_object() { Ok(value) } else { Err(not_an_object()) }
}

fn not_an_object() -> Refusal {
    Refusal::new(Code::BadArguments, "--json is not an object", "write one field for each parameter: '{\"name\": …}'")
}

/// Reads `--arg name=value` pairs, by the types of the action's parameters.
///
/// # Errors
/// [`Code::BadArguments`] naming the argument and the parameters that exist.
pub(super) fn from_pairs(action: &Action, pairs: &[String]) -> Result<Value, Refusal> {
    let mut object = Map::new();
    for pair in pairs {
        let Some((name, text)) = pair.split_once('=') else {
            return Err(Refusal::new(
                Code::BadArguments,
                format!("--arg `{}` has no `=`", cut(&visible(pair), 40)),
                "write it as --arg name=value",
            ));
        };
        let Some(parameter) = action.parameters.iter().find(|parameter| parameter.name == name) else {
            let known: Vec<_> = action.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(Refusal::new(
                Code::BadArguments,
                format!("`{}` has no parameter `{name}`", action.name),
                if known.is_empty() {
                    "it takes none".into()
                } else {
                    format!("its parameters are: {}", known.join(", "))
                },
            ));
        };
        put(&mut object, name, text, &parameter.kind)?;
    }
    Ok(Value::Object(object))
}

fn put(object: &mut Map<String, Value>, name: &str, text: &str, kind: &Type) -> Result<(), Refusal> {
    let bare = match kind {
        Type::Option(inner) => inner,
        other => other,
    };
    if let Type::List(item) = bare
        && **item != Type::U8
        && !text.trim_start().starts_with('[')
    {
        let value = read(name, text, item)?;
        match object.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(items) => items.push(value),
            _ => return Err(twice(name)),
        }
        return Ok(());
    }
    let value = read(name, text, bare)?;
    if object.insert(name.to_owned(), value).is_some() { Err(twice(name)) } else { Ok(()) }
}

fn read(name: &str, text: &str, kind: &Type) -> Result<Value, Refusal> {
    match kind {
        Type::String | Type::Char | Type::Enum(_) => Ok(Value::from(text)),
        Type::List(item) if **item == Type::U8 => Ok(Value::from(text)),
        // A 64-bit number may be written as text: JSON numbers lose digits above 2^53.
        Type::U64 | Type::S64 => Ok(Value::from(text)),
        _ => serde_json::from_str(text).map_err(|_| {
            Refusal::new(
                Code::BadArguments,
                format!("--arg {name}: the value is not JSON"),
                "numbers, booleans, lists and objects are written as JSON: --arg 'limit=5', --arg 'labels=[\"bug\"]'",
            )
        }),
    }
}

fn twice(name: &str) -> Refusal {
    Refusal::new(Code::BadArguments, format!("--arg {name} is given twice"), "only a list takes several values")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotcell_protocol::Field;
    use serde_json::json;

    fn action(parameters: &[(&str, Type)]) -> Action {
        Action {
            name: "go".into(),
            interface: None,
            function: "go".into(),
            parameters: parameters
                .iter()
                .map(|(name, kind)| Field { name: (*name).into(), kind: kind.clone() })
                .collect(),
            result: None,
        }
    }

    fn pairs(parameters: &[(&str, Type)], pairs: &[&str]) -> Result<Value, Refusal> {
        from_pairs(&action(parameters), &pairs.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn values_are_read_by_the_parameters_type() {
        let kinds = [
            ("s", Type::String),
            ("n", Type::U32),
            ("big", Type::U64),
            ("on", Type::Option(Box::new(Type::Bool))),
            ("l", Type::List(Box::new(Type::String))),
        ];
        let value = pairs(&kinds, &["s=5=6", "n=7", "big=18446744073709551615", "on=true", "l=a", "l=[b"]);
        // `[b` starts like JSON and is none: a person must not lose it silently.
        assert_eq!(value.unwrap_err().code, Code::BadArguments);
        let value = pairs(&kinds, &["s=5=6", "n=7", "big=18446744073709551615", "on=true", "l=a", "l=b"]).unwrap();
        assert_eq!(value, json!({"s": "5=6", "n": 7, "big": "18446744073709551615", "on": true, "l": ["a", "b"]}));
        assert_eq!(pairs(&kinds, &["l=[\"a\", \"b\"]"]).unwrap(), json!({"l": ["a", "b"]}));
    }

    #[test]
    fn mistakes_name_the_argument_and_the_repair() {
        let kinds = [("s", Type::String), ("n", Type::U32)];
        for (bad, named) in [("s", "no `=`"), ("t=1", "no parameter `t`"), ("n=x", "--arg n")] {
            let refusal = pairs(&kinds, &[bad]).unwrap_err();
            assert!(refusal.message.contains(named), "{}", refusal.message);
            assert!(!refusal.hint.is_empty());
        }
        assert!(pairs(&kinds, &["s=a", "s=b"]).unwrap_err().message.contains("twice"));
    }

    #[test]
    fn json_must_be_an_object() {
        assert!(from_json("{\"a\": 1}").is_ok());
        for bad in ["", "[]", "1", "{", "{\"a\":}"] {
            assert_eq!(from_json(bad).unwrap_err().code, Code::BadArguments, "{bad}");
        }
    }
}
