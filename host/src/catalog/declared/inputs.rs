//! Typed parameters of an action without code: `[actions.NAME.inputs.PARAMETER]`.

use hotcell_protocol::Code;
use hotcell_protocol::Field;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

/// Bytes of what is said of a parameter: with its bounds, it stays within what a description may have.
const DESCRIPTION_BYTES: usize = 1_500;

/// What one parameter takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it is. Text, where this is not given.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// One sentence on what it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it must be given. Where this is not said: unless it has a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// What stands for it where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The texts that it can be; none: any.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The most characters of a text, or items of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// The smallest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// The largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<i64>,
    /// What the items of a list are. Text, where this is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Kind>,
    /// Makes a list one text, with this between its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
}

/// Kinds of values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number of 64 bits.
    Integer,
    /// Several values.
    List,
    /// A number.
    Number,
    /// Text.
    #[default]
    String,
}

fn is_default(kind: &Kind) -> bool {
    *kind == Kind::default()
}

impl Kind {
    fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }
}

/// A key of the table, what is wrong with it, and the repair.
type Found = (&'static str, &'static str, &'static str);

impl Input {
    /// Whether it stands for several values in the request.
    pub(super) fn is_list(&self) -> bool {
        self.kind == Kind::List && self.join.is_none()
    }

    /// Whether a call may come without a value for it.
    pub(super) fn may_be_missing(&self) -> bool {
        self.required == Some(false) && self.default.is_none()
    }

    fn may_be_left_out(&self) -> bool {
        self.required == Some(false) || self.default.is_some()
    }

    pub(super) fn check(&self) -> Result<(), Found> {
        let kind = self.kind;
        if self.required == Some(true) && self.default.is_some() {
            return Err(("required", "what is required has no default", "take out one of the two"));
        }
        if !self.values.is_empty() && kind != Kind::String {
            return Err(("enum", "only a text can be one of several", "take out `type`"));
        }
        if self.values.iter().any(|value| self.values.iter().filter(|other| *other == value).count() > 1) {
            return Err(("enum", "a text is there twice", "take out one of the two"));
        }
        if self.max_length.is_some() && !matches!(kind, Kind::List | Kind::String) {
            return Err((
                "max_length",
                "only a text or a list has a length",
                "use `minimum` and `maximum` for numbers",
            ));
        }
        if self.minimum.is_some() && !kind.is_number() {
            return Err(("minimum", "only a number has one", "use `max_length` for texts and lists"));
        }
        if self.maximum.is_some() && !kind.is_number() {
            return Err(("maximum", "only a number has one", "use `max_length` for texts and lists"));
        }
        if self.items.is_some() && kind != Kind::List {
            return Err(("items", "only a list has items", "write `type = \"list\"`"));
        }
        if self.items == Some(Kind::List) {
            return Err(("items", "the items of a list cannot be lists", "use a kind of single values"));
        }
        if self.join.is_some() && kind != Kind::List {
            return Err(("join", "only a list can be joined", "write `type = \"list\"`"));
        }
        if self.description.len() > DESCRIPTION_BYTES {
            return Err(("description", "it has more than 1,500 bytes", "shorten it"));
        }
        let whole = |value: &Value| has_type(value, &self.bare_type()) && self.bounds(value).is_none();
        if !self.default.as_ref().is_none_or(whole) {
            return Err((
                "default",
                "it is no value that the parameter takes",
                "write one of its type, within its bounds",
            ));
        }
        Ok(())
    }

    fn bare_type(&self) -> Type {
        match self.kind {
            Kind::List => Type::List(Box::new(single(self.items.unwrap_or_default()))),
            Kind::String if !self.values.is_empty() => Type::Enum(self.values.clone()),
            kind => single(kind),
        }
    }

    /// The parameter, as every tool's are described.
    pub(super) fn field(&self, name: &str) -> Field {
        let bare = self.bare_type();
        let kind = if self.may_be_left_out() { Type::Option(Box::new(bare)) } else { bare };
        Field { name: name.to_owned(), kind }
    }

    /// What people and agents read of it: its meaning, its bounds, and what stands for it where it is not given.
    pub(super) fn about(&self) -> String {
        let mut parts = Vec::new();
        match (self.minimum, self.maximum) {
            (Some(least), Some(most)) => parts.push(format!("{least} to {most}")),
            (Some(least), None) => parts.push(format!("at least {least}")),
            (None, Some(most)) => parts.push(format!("at most {most}")),
            (None, None) => {}
        }
        match (self.max_length, self.kind) {
            (Some(most), Kind::List) => parts.push(format!("at most {most} items")),
            (Some(most), _) => parts.push(format!("at most {most} characters")),
            (None, _) => {}
        }
        let short = |value: &Value| cut(&value.to_string(), 200);
        parts.extend(self.default.as_ref().map(|value| format!("{} where it is not given", short(value))));
        match (self.description.is_empty(), parts.is_empty()) {
            (_, true) => self.description.clone(),
            (true, false) => parts.join("; "),
            (false, false) => format!("{} ({})", self.description, parts.join("; ")),
        }
    }

    /// The value for the request: that of the call, or the default; null where there is neither. `given` has the parameter's type.
    ///
    /// # Errors
    /// [`Code::BadArguments`] for what is out of bounds.
    pub(super) fn value(&self, name: &str, given: Option<&Value>) -> Result<Value, Refusal> {
        let given = given.filter(|value| !value.is_null()).or(self.default.as_ref());
        let Some(given) = given else { return Ok(Value::Null) };
        if let Some(bound) = self.bounds(given) {
            return Err(Refusal::new(
                Code::BadArguments,
                format!("arguments.{name}: {bound}"),
                "hotcell inspect TOOL shows the parameters and their bounds",
            ));
        }
        Ok(match (given, &self.join) {
            (Value::Array(items), Some(join)) => {
                let texts: Vec<_> = items.iter().map(text).collect();
                // It would count as one, and be sent as several.
                let counts = self.max_length.is_some() && !join.is_empty();
                if counts && texts.iter().any(|text| text.contains(join.as_str())) {
                    return Err(Refusal::new(
                        Code::BadArguments,
                        format!("an item of `{name}` holds `{}`, which stands between items", visible(join)),
                        "give each item by itself",
                    ));
                }
                Value::from(texts.join(join))
            }
            (Value::Array(items), None) => {
                items.iter().map(|item| number(item, self.items.unwrap_or_default())).collect()
            }
            (given, _) => number(given, self.kind),
        })
    }

    /// A value that fits, of no meaning.
    pub(crate) fn sample(&self) -> Value {
        if let Some(default) = &self.default {
            return default.clone();
        }
        let number = self.minimum.or(self.maximum).unwrap_or(1);
        let single = |kind: Kind| match kind {
            Kind::Boolean => Value::Bool(true),
            Kind::Integer | Kind::Number => Value::from(number),
            Kind::List | Kind::String => Value::from("x"),
        };
        match (self.kind, self.values.first(), &self.join) {
            (Kind::List, _, None) => Value::from(vec![single(self.items.unwrap_or_default())]),
            (Kind::List, _, Some(_)) => single(self.items.unwrap_or_default()),
            (_, Some(first), _) => Value::from(first.as_str()),
            (kind, None, _) => single(kind),
        }
    }

    fn bounds(&self, value: &Value) -> Option<String> {
        let length = match value {
            Value::Array(items) => items.len(),
            Value::String(text) if self.kind == Kind::String => text.chars().count(),
            _ => 0,
        };
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            return Some(format!("is longer than {most}"));
        }
        if !self.kind.is_number() {
            return None;
        }
        let below = |bound: i64| compare(value, bound).is_some_and(std::cmp::Ordering::is_lt);
        let above = |bound: i64| compare(value, bound).is_some_and(std::cmp::Ordering::is_gt);
        if let Some(least) = self.minimum.filter(|least| below(*least)) {
            return Some(format!("is less than {least}"));
        }
        self.maximum.filter(|most| above(*most)).map(|most| format!("is more than {most}"))
    }
}

fn single(kind: Kind) -> Type {
    match kind {
        Kind::Boolean => Type::Bool,
        Kind::Integer => Type::S64,
        Kind::Number => Type::F64,
        Kind::List | Kind::String => Type::String,
    }
}

/// Whether a default has the type: it is written in the manifest as it is meant.
fn has_type(value: &Value, kind: &Type) -> bool {
    match kind {
        Type::Bool => value.is_boolean(),
        Type::Enum(cases) => value.as_str().is_some_and(|text| cases.iter().any(|case| case == text)),
        Type::F64 => value.is_number(),
        Type::List(item) => value.as_array().is_some_and(|items| items.iter().all(|value| has_type(value, item))),
        Type::S64 => value.is_i64(),
        _ => value.is_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A whole number as a number: a caller may have written it as decimal text, which servers do not take for one.
fn number(value: &Value, kind: Kind) -> Value {
    let whole = value.as_str().filter(|_| kind == Kind::Integer).and_then(|text| text.parse::<i64>().ok());
    whole.map_or_else(|| value.clone(), Value::from)
}

fn compare(value: &Value, bound: i64) -> Option<std::cmp::Ordering> {
    let whole = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    match whole {
        Some(whole) => Some(whole.cmp(&bound)),
        #[expect(clippy::cast_precision_loss, reason = "a number with a fraction is no more exact than that")]
        None => value.as_f64()?.partial_cmp(&(bound as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn input(text: &str) -> Input {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn types_are_those_of_every_tool() {
        for (text, kind) in [
            ("", Type::String),
            ("type = \"integer\"", Type::S64),
            ("type = \"number\"\nrequired = false", Type::Option(Box::new(Type::F64))),
            ("type = \"boolean\"\ndefault = true", Type::Option(Box::new(Type::Bool))),
            ("type = \"list\"", Type::List(Box::new(Type::String))),
            ("type = \"list\"\nitems = \"integer\"", Type::List(Box::new(Type::S64))),
            ("enum = [\"a\", \"b\"]", Type::Enum(vec!["a".into(), "b".into()])),
        ] {
            let input = input(text);
            input.check().unwrap();
            assert_eq!(input.field("x").kind, kind, "{text}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused_by_its_key() {
        for (text, key) in [
            ("required = true\ndefault = \"a\"", "required"),
            ("type = \"integer\"\nenum = [\"a\"]", "enum"),
            ("enum = [\"a\", \"a\"]", "enum"),
            ("type = \"boolean\"\nmax_length = 3", "max_length"),
            ("minimum = 3", "minimum"),
            ("maximum = 3", "maximum"),
            ("items = \"string\"", "items"),
            ("type = \"list\"\nitems = \"list\"", "items"),
            ("join = \",\"", "join"),
            ("default = 5", "default"),
            ("enum = [\"a\"]\ndefault = \"b\"", "default"),
            ("type = \"integer\"\ndefault = 5\nmaximum = 4", "default"),
            ("type = \"list\"\ndefault = [1]", "default"),
        ] {
            assert_eq!(input(text).check().unwrap_err().0, key, "{text}");
        }
    }

    #[test]
    fn values_are_bounded_completed_and_written_as_servers_take_them() {
        let limit = input("type = \"integer\"\ndefault = 20\nminimum = 1\nmaximum = 100");
        assert_eq!(limit.value("n", None).unwrap(), json!(20));
        assert_eq!(limit.value("n", Some(&json!(null))).unwrap(), json!(20));
        assert_eq!(limit.value("n", Some(&json!("7"))).unwrap(), json!(7));
        for bad in [json!(0), json!(101), json!("101"), json!("-9223372036854775808")] {
            let refusal = limit.value("n", Some(&bad)).unwrap_err();
            assert_eq!(refusal.code, Code::BadArguments);
            assert!(refusal.message.starts_with("arguments.n: is "), "{}", refusal.message);
        }
        let part = input("type = \"number\"\nminimum = 0\nmaximum = 1");
        assert!(part.value("n", Some(&json!(0.5))).is_ok() && part.value("n", Some(&json!(1.5))).is_err());
        let text = input("max_length = 2");
        assert!(text.value("t", Some(&json!("üü"))).is_ok() && text.value("t", Some(&json!("üüü"))).is_err());
        let list = input("type = \"list\"\nitems = \"integer\"\njoin = \",\"\nmax_length = 2");
        assert_eq!(list.value("l", Some(&json!([1, "2"]))).unwrap(), json!("1,2"));
        assert!(list.value("l", Some(&json!([1, 2, 3]))).is_err());
        assert_eq!(limit.about(), "1 to 100; 20 where it is not given");
    }
}
