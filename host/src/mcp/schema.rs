//! Component types as JSON Schema (2020-12, and the same meaning under draft-07, which older clients check with).
//!
//! Strict clients want an object at the top, no union there, and no unknown fields; unions stay below.

use hotcell_protocol::Action;
use hotcell_protocol::Case;
use hotcell_protocol::Field;
use hotcell_protocol::Type;
use hotcell_protocol::text::shown;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::Texts;
use crate::catalog::step;

/// The field that holds a result which is no object by itself.
pub(super) const RESULT: &str = "result";

/// Most bytes of one description. Authors write a sentence; a manifest could hold thousands of them.
const TEXT_BYTES: usize = 500;

/// The schema of an action's arguments, with what the author says of them.
pub(super) fn input(action: &Action, texts: &Texts) -> Map<String, Value> {
    Writer { texts }.object(&action.parameters, "")
}

/// The schema of an action's result; `None` where it returns nothing.
pub(super) fn output(action: &Action, texts: &Texts) -> Option<Map<String, Value>> {
    let (kind, writer) = (returned(action)?, Writer { texts });
    Some(match kind {
        Type::Record(fields) => {
            let mut object = writer.object(fields, "");
            writer.explain(&mut object, kind, "");
            object
        }
        _ => closed(Map::from_iter([(RESULT.to_owned(), writer.schema(kind, ""))]), vec![json!(RESULT)]),
    })
}

/// The result as the schema of [`output`] describes it; `None` where there is none.
pub(super) fn structured(action: &Action, value: &Value) -> Option<Value> {
    match returned(action)? {
        Type::Record(_) => Some(value.clone()),
        _ => Some(json!({ RESULT: value })),
    }
}

/// What a call returns where it succeeds: of a `result`, the `ok` case.
fn returned(action: &Action) -> Option<&Type> {
    match action.result.as_ref()? {
        Type::Result { ok, .. } => ok.as_deref(),
        kind => Some(kind),
    }
}

/// Writes schemas, and into them what is said of each path.
struct Writer<'a> {
    texts: &'a Texts,
}

impl Writer<'_> {
    fn object(&self, fields: &[Field], path: &str) -> Map<String, Value> {
        let property = |field: &Field| (field.name.clone(), self.schema(&field.kind, &step(path, &field.name)));
        let properties: Map<_, _> = fields.iter().map(property).collect();
        let needed = fields.iter().filter(|field| !matches!(field.kind, Type::Option(_)));
        closed(properties, needed.map(|field| json!(field.name)).collect())
    }

    fn schema(&self, kind: &Type, path: &str) -> Value {
        let mut schema = self.bare(kind, path);
        if let Value::Object(object) = &mut schema {
            self.explain(object, kind, path);
        }
        schema
    }

    /// What is said of a place, and of the names that can stand there.
    fn explain(&self, schema: &mut Map<String, Value>, kind: &Type, path: &str) {
        let kind = if let Type::Option(inner) = kind { inner } else { kind };
        let names: &[String] = if let Type::Enum(names) | Type::Flags(names) = kind { names } else { &[] };
        let own = self.texts.get(path).map(|text| shown(text, TEXT_BYTES));
        let each = |name: &String| Some(format!("{name}: {}", shown(self.texts.get(&step(path, name))?, TEXT_BYTES)));
        let said: Vec<_> = own.into_iter().chain(names.iter().filter_map(each)).collect();
        if !said.is_empty() {
            schema.insert("description".into(), said.join("\n").into());
        }
    }

    fn bare(&self, kind: &Type, path: &str) -> Value {
        match kind {
            Type::Bool => json!({"type": "boolean"}),
            Type::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
            Type::Enum(cases) => json!({"type": "string", "enum": cases}),
            Type::F32 | Type::F64 => json!({"type": "number"}),
            Type::Flags(names) => {
                json!({"type": "array", "items": {"type": "string", "enum": names}, "uniqueItems": true})
            }
            Type::List(item) if **item == Type::U8 => json!({"type": "string", "contentEncoding": "base64"}),
            Type::List(item) => json!({"type": "array", "items": self.schema(item, &format!("{path}[]"))}),
            Type::Option(inner) => json!({"anyOf": [self.bare(inner, path), {"type": "null"}]}),
            Type::Record(fields) => Value::Object(self.object(fields, path)),
            Type::Result { ok, err } => self.one_of([("ok", ok.as_deref()), ("err", err.as_deref())], path),
            Type::S8 => integer(i64::from(i8::MIN), u64::try_from(i8::MAX).unwrap_or_default()),
            Type::S16 => integer(i64::from(i16::MIN), u64::try_from(i16::MAX).unwrap_or_default()),
            Type::S32 => integer(i64::from(i32::MIN), u64::try_from(i32::MAX).unwrap_or_default()),
            // Beyond ±(2^53 − 1) many readers lose digits (RFC 8259 §6): such numbers travel as decimal text.
            Type::S64 => {
                json!({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,18})$"}]})
            }
            Type::String => json!({"type": "string"}),
            Type::Tuple(kinds) => self.tuple(kinds, path),
            Type::U8 => integer(0, u64::from(u8::MAX)),
            Type::U16 => integer(0, u64::from(u16::MAX)),
            Type::U32 => integer(0, u64::from(u32::MAX)),
            Type::U64 => {
                json!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"}]})
            }
            Type::Variant(cases) => {
                self.one_of(cases.iter().map(|Case { name, kind }| (name.as_str(), kind.as_ref())), path)
            }
        }
    }

    /// A tuple. `items` says the same twice: draft 2020-12 reads it for what follows `prefixItems`, of which there is nothing;
    /// older drafts, which know no `prefixItems`, for each item.
    fn tuple(&self, kinds: &[Type], path: &str) -> Value {
        let fixed = json!({"type": "array", "minItems": kinds.len(), "maxItems": kinds.len()});
        let Value::Object(mut fixed) = fixed else { return fixed };
        let each = kinds.iter().enumerate().map(|(at, kind)| self.schema(kind, &step(path, &at.to_string())));
        let schemas: Vec<_> = each.collect();
        let mut distinct: Vec<&Value> = Vec::new();
        for schema in &schemas {
            if !distinct.contains(&schema) {
                distinct.push(schema);
            }
        }
        match distinct.as_slice() {
            [] => {}
            [only] => drop(fixed.insert("items".into(), (*only).clone())),
            several => {
                fixed.insert("items".into(), json!({ "anyOf": several }));
                fixed.insert("prefixItems".into(), schemas.into());
            }
        }
        Value::Object(fixed)
    }

    /// An object with exactly one property: a case, with its payload or null.
    fn one_of<'a>(&self, cases: impl IntoIterator<Item = (&'a str, Option<&'a Type>)>, path: &str) -> Value {
        let case = |(name, kind): (&str, Option<&Type>)| {
            let path = step(path, name);
            let payload = kind.map_or_else(|| self.nothing(&path), |kind| self.schema(kind, &path));
            json!({"type": "object", "properties": {name: payload}, "required": [name], "additionalProperties": false})
        };
        json!({"oneOf": cases.into_iter().map(case).collect::<Vec<_>>()})
    }

    fn nothing(&self, path: &str) -> Value {
        let mut null = Map::from_iter([("type".to_owned(), json!("null"))]);
        self.explain(&mut null, &Type::Bool, path);
        null.into()
    }
}

fn closed(properties: Map<String, Value>, required: Vec<Value>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".into(), "object".into());
    object.insert("properties".into(), properties.into());
    object.insert("required".into(), required.into());
    object.insert("additionalProperties".into(), false.into());
    object
}

fn integer(least: i64, most: u64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(parameters: &[(&str, Type)], result: Option<Type>) -> Action {
        let parameters = parameters.iter().map(|(name, kind)| Field { name: (*name).into(), kind: kind.clone() });
        Action { name: "go".into(), interface: None, function: "go".into(), parameters: parameters.collect(), result }
    }

    fn boxed(kind: Type) -> Option<Box<Type>> {
        Some(Box::new(kind))
    }

    fn schema(kind: &Type) -> Value {
        Writer { texts: &Texts::new() }.schema(kind, "")
    }

    #[test]
    fn arguments_are_one_closed_object_and_options_are_not_required() {
        let action = action(&[("a-b", Type::String), ("c", Type::Option(Box::new(Type::U8)))], None);
        let expected = json!({
            "type": "object",
            "properties": {
                "a-b": {"type": "string"},
                "c": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "null"}]},
            },
            "required": ["a-b"],
            "additionalProperties": false,
        });
        assert_eq!(Value::Object(input(&action, &Texts::new())), expected);
        assert_eq!(output(&action, &Texts::new()), None);
    }

    #[test]
    fn a_result_is_an_object_or_wrapped_into_one() {
        let record = Type::Record(vec![Field { name: "x".into(), kind: Type::Bool }]);
        let plain = action(&[], Some(Type::Result { ok: boxed(record), err: boxed(Type::String) }));
        assert_eq!(output(&plain, &Texts::new()).unwrap()["properties"], json!({"x": {"type": "boolean"}}));
        assert_eq!(structured(&plain, &json!({"x": true})), Some(json!({"x": true})));
        let variant = Type::Variant(vec![Case { name: "a".into(), kind: None }]);
        for (kind, value) in [(Type::List(Box::new(Type::Char)), json!(["a"])), (variant, json!({"a": null}))] {
            let wrapped = action(&[], Some(kind));
            let schema = output(&wrapped, &Texts::new()).unwrap();
            assert_eq!((&schema["type"], &schema["required"]), (&json!("object"), &json!(["result"])));
            assert_eq!(structured(&wrapped, &value), Some(json!({"result": value})));
        }
        let nothing = action(&[], Some(Type::Result { ok: None, err: boxed(Type::String) }));
        assert_eq!((output(&nothing, &Texts::new()), structured(&nothing, &Value::Null)), (None, None));
    }

    #[test]
    fn bytes_wide_numbers_and_cases_are_what_the_values_are() {
        assert_eq!(schema(&Type::List(Box::new(Type::U8)))["contentEncoding"], "base64");
        assert_eq!(schema(&Type::U64)["anyOf"][1]["type"], "string");
        let result = schema(&Type::Result { ok: None, err: boxed(Type::Bool) });
        assert_eq!(result["oneOf"][0]["properties"]["ok"], json!({"type": "null"}));
        assert_eq!(result["oneOf"][1]["required"], json!(["err"]));
        let flags = schema(&Type::Flags(vec!["r".into()]));
        assert_eq!((&flags["uniqueItems"], &flags["items"]["enum"]), (&json!(true), &json!(["r"])));
        let pair = schema(&Type::Tuple(vec![Type::String, Type::Bool]));
        assert_eq!((&pair["minItems"], &pair["maxItems"]), (&json!(2), &json!(2)));
        assert_eq!(pair["items"]["anyOf"].as_array().unwrap().len(), 2);
        assert_eq!(schema(&Type::Tuple(vec![Type::Bool, Type::Bool]))["items"], json!({"type": "boolean"}));
    }

    #[test]
    fn what_the_author_says_stands_where_it_belongs() {
        let state = Type::Enum(vec!["open".into(), "all".into()]);
        let item = Type::Record(vec![Field { name: "state".into(), kind: Type::Option(Box::new(state)) }]);
        let cases = vec![Case { name: "gone".into(), kind: None }];
        let action = action(
            &[("items", Type::List(Box::new(item))), ("v", Type::Variant(cases))],
            Some(Type::Result { ok: boxed(Type::U8), err: boxed(Type::String) }),
        );
        let texts = [("items[].state", "which\u{1b}"), ("items[].state.open", "not closed"), ("v.gone", "is no more")];
        let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        let input = input(&action, &texts);
        let state = &input["properties"]["items"]["items"]["properties"]["state"];
        assert_eq!(state["description"], "which\\u{1b}\nopen: not closed");
        assert_eq!(state["anyOf"][0].get("description"), None);
        let gone = &input["properties"]["v"]["oneOf"][0]["properties"]["gone"];
        assert_eq!(*gone, json!({"type": "null", "description": "is no more"}));
        let texts = [("".to_owned(), "how many".to_owned()), ("!".to_owned(), "why not".to_owned())].into();
        let output = output(&action, &texts).unwrap();
        assert_eq!(output["properties"]["result"]["description"], "how many");
    }
}
