//! Component types as JSON Schema (2020-12, and the same meaning under draft-07, which older clients check with).
//!
//! Strict clients want an object at the top, no union there, and no unknown fields; unions stay below.

use hotcell_protocol::Action;
use hotcell_protocol::Case;
use hotcell_protocol::Field;
use hotcell_protocol::Type;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// The field that holds a result which is no object by itself.
pub(super) const RESULT: &str = "result";

/// The schema of an action's arguments.
pub(super) fn input(action: &Action) -> Map<String, Value> {
    object(&action.parameters)
}

/// The schema of an action's result; `None` where it returns nothing.
pub(super) fn output(action: &Action) -> Option<Map<String, Value>> {
    let kind = returned(action)?;
    Some(match kind {
        Type::Record(fields) => object(fields),
        _ => closed(Map::from_iter([(RESULT.to_owned(), schema(kind))]), vec![json!(RESULT)]),
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

fn object(fields: &[Field]) -> Map<String, Value> {
    let properties: Map<_, _> = fields.iter().map(|field| (field.name.clone(), schema(&field.kind))).collect();
    let required: Vec<_> =
        fields.iter().filter(|field| !matches!(field.kind, Type::Option(_))).map(|field| json!(field.name)).collect();
    closed(properties, required)
}

fn closed(properties: Map<String, Value>, required: Vec<Value>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".into(), "object".into());
    object.insert("properties".into(), properties.into());
    object.insert("required".into(), required.into());
    object.insert("additionalProperties".into(), false.into());
    object
}

fn schema(kind: &Type) -> Value {
    match kind {
        Type::Bool => json!({"type": "boolean"}),
        Type::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Type::Enum(cases) => json!({"type": "string", "enum": cases}),
        Type::F32 | Type::F64 => json!({"type": "number"}),
        Type::Flags(names) => {
            json!({"type": "array", "items": {"type": "string", "enum": names}, "uniqueItems": true})
        }
        Type::List(item) if **item == Type::U8 => json!({"type": "string", "contentEncoding": "base64"}),
        Type::List(item) => json!({"type": "array", "items": schema(item)}),
        Type::Option(inner) => json!({"anyOf": [schema(inner), {"type": "null"}]}),
        Type::Record(fields) => Value::Object(object(fields)),
        Type::Result { ok, err } => one_of([("ok", ok.as_deref()), ("err", err.as_deref())]),
        Type::S8 => integer(i64::from(i8::MIN), u64::try_from(i8::MAX).unwrap_or_default()),
        Type::S16 => integer(i64::from(i16::MIN), u64::try_from(i16::MAX).unwrap_or_default()),
        Type::S32 => integer(i64::from(i32::MIN), u64::try_from(i32::MAX).unwrap_or_default()),
        // Beyond ±(2^53 − 1) many readers lose digits (RFC 8259 §6): such numbers travel as decimal text.
        Type::S64 => json!({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,18})$"}]}),
        Type::String => json!({"type": "string"}),
        Type::Tuple(kinds) => tuple(kinds),
        Type::U8 => integer(0, u64::from(u8::MAX)),
        Type::U16 => integer(0, u64::from(u16::MAX)),
        Type::U32 => integer(0, u64::from(u32::MAX)),
        Type::U64 => {
            json!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"}]})
        }
        Type::Variant(cases) => {
            one_of(cases.iter().map(|Case { name, kind }| (name.as_str(), kind.as_ref())).collect::<Vec<_>>())
        }
    }
}

fn integer(least: i64, most: u64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

/// A tuple. `items` says the same twice: draft 2020-12 reads it for what follows `prefixItems`, of which there is nothing;
/// older drafts, which know no `prefixItems`, for each item.
fn tuple(kinds: &[Type]) -> Value {
    let mut distinct: Vec<&Type> = Vec::new();
    for kind in kinds {
        if !distinct.contains(&kind) {
            distinct.push(kind);
        }
    }
    let fixed = json!({"type": "array", "minItems": kinds.len(), "maxItems": kinds.len()});
    let Value::Object(mut fixed) = fixed else { return fixed };
    match distinct.as_slice() {
        [] => {}
        [only] => drop(fixed.insert("items".into(), schema(only))),
        several => {
            fixed.insert("prefixItems".into(), kinds.iter().map(schema).collect());
            fixed.insert("items".into(), json!({"anyOf": several.iter().map(|kind| schema(kind)).collect::<Vec<_>>()}));
        }
    }
    Value::Object(fixed)
}

/// An object with exactly one property: a case, with its payload or null.
fn one_of<'a>(cases: impl IntoIterator<Item = (&'a str, Option<&'a Type>)>) -> Value {
    let case = |(name, kind): (&str, Option<&Type>)| {
        let payload = kind.map_or_else(|| json!({"type": "null"}), schema);
        json!({"type": "object", "properties": {name: payload}, "required": [name], "additionalProperties": false})
    };
    json!({"oneOf": cases.into_iter().map(case).collect::<Vec<_>>()})
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
        assert_eq!(Value::Object(input(&action)), expected);
        assert_eq!(output(&action), None);
    }

    #[test]
    fn a_result_is_an_object_or_wrapped_into_one() {
        let record = Type::Record(vec![Field { name: "x".into(), kind: Type::Bool }]);
        let plain = action(&[], Some(Type::Result { ok: boxed(record), err: boxed(Type::String) }));
        assert_eq!(output(&plain).unwrap()["properties"], json!({"x": {"type": "boolean"}}));
        assert_eq!(structured(&plain, &json!({"x": true})), Some(json!({"x": true})));
        let variant = Type::Variant(vec![Case { name: "a".into(), kind: None }]);
        for (kind, value) in [(Type::List(Box::new(Type::Char)), json!(["a"])), (variant, json!({"a": null}))] {
            let wrapped = action(&[], Some(kind));
            let schema = output(&wrapped).unwrap();
            assert_eq!((&schema["type"], &schema["required"]), (&json!("object"), &json!(["result"])));
            assert_eq!(structured(&wrapped, &value), Some(json!({"result": value})));
        }
        let nothing = action(&[], Some(Type::Result { ok: None, err: boxed(Type::String) }));
        assert_eq!((output(&nothing), structured(&nothing, &Value::Null)), (None, None));
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
}
