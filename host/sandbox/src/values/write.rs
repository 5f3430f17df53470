//! Component values → JSON. Bounded in size and number while it is built, not afterwards.

use base64::Engine as _;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::limits;
use serde_json::Map;
use serde_json::Value;
use wasmtime::component::Val;

use super::SAFE_INTEGER;

/// What a result may still cost.
pub struct Budget {
    bytes: usize,
    nodes: usize,
    limit: usize,
}

impl Budget {
    /// A budget for a result of at most `bytes` bytes as JSON.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { bytes, nodes: limits::JSON_NODES, limit: bytes }
    }

    /// What is left of the bytes.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes
    }

    /// Pays for one value of `bytes` bytes.
    fn pay(&mut self, bytes: usize) -> Result<(), Refusal> {
        let over = |what: String| {
            Refusal::new(
                Code::ResultTooLarge,
                format!("the action's result has more than {what}"),
                "return less, or in pages",
            )
        };
        // The two bytes stand for the separators around a value.
        self.bytes = self.bytes.checked_sub(bytes + 2).ok_or_else(|| over(format!("{} bytes as JSON", self.limit)))?;
        self.nodes = self.nodes.checked_sub(1).ok_or_else(|| over(format!("{} values", limits::JSON_NODES)))?;
        Ok(())
    }
}

/// A value as JSON.
///
/// # Errors
/// [`Code::ResultTooLarge`] over the budget; [`Code::GuestTrapped`] for a number that JSON does not have; [`Code::Internal`]
/// for a value that is not of the type.
pub fn to_json(value: &Val, kind: &Type, budget: &mut Budget) -> Result<Value, Refusal> {
    let json = match (kind, value) {
        (Type::Bool, Val::Bool(value)) => pay(budget, 5, Value::from(*value))?,
        (Type::Char, Val::Char(value)) => pay(budget, 8, Value::from(value.to_string()))?,
        (Type::Enum(_), Val::Enum(case)) => text(case, budget)?,
        (Type::F32, Val::Float32(value)) => float(shortest(*value), budget)?,
        (Type::F64, Val::Float64(value)) => float(*value, budget)?,
        (Type::Flags(_), Val::Flags(names)) => {
            budget.pay(0)?;
            Value::Array(names.iter().map(|name| text(name, budget)).collect::<Result<_, _>>()?)
        }
        (Type::List(item), Val::List(values)) if **item == Type::U8 => bytes(values, budget)?,
        (Type::List(item), Val::List(values)) => {
            budget.pay(0)?;
            Value::Array(values.iter().map(|value| to_json(value, item, budget)).collect::<Result<_, _>>()?)
        }
        (Type::Option(_), Val::Option(None)) => pay(budget, 4, Value::Null)?,
        (Type::Option(inner), Val::Option(Some(value))) => to_json(value, inner, budget)?,
        (Type::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
            budget.pay(0)?;
            let mut object = Map::new();
            for (field, (_, value)) in fields.iter().zip(values) {
                budget.pay(field.name.len())?;
                object.insert(field.name.clone(), to_json(value, &field.kind, budget)?);
            }
            Value::Object(object)
        }
        (Type::Result { ok, .. }, Val::Result(Ok(payload))) => case("ok", payload.as_deref(), ok.as_deref(), budget)?,
        (Type::Result { err, .. }, Val::Result(Err(payload))) => {
            case("err", payload.as_deref(), err.as_deref(), budget)?
        }
        (Type::S8, Val::S8(value)) => pay(budget, 4, Value::from(*value))?,
        (Type::S16, Val::S16(value)) => pay(budget, 6, Value::from(*value))?,
        (Type::S32, Val::S32(value)) => pay(budget, 11, Value::from(*value))?,
        (Type::S64, Val::S64(value)) if value.unsigned_abs() <= SAFE_INTEGER => pay(budget, 20, Value::from(*value))?,
        (Type::S64, Val::S64(value)) => pay(budget, 22, Value::from(value.to_string()))?,
        (Type::String, Val::String(value)) => text(value, budget)?,
        (Type::Tuple(kinds), Val::Tuple(values)) if kinds.len() == values.len() => {
            budget.pay(0)?;
            Value::Array(
                kinds.iter().zip(values).map(|(kind, value)| to_json(value, kind, budget)).collect::<Result<_, _>>()?,
            )
        }
        (Type::U8, Val::U8(value)) => pay(budget, 3, Value::from(*value))?,
        (Type::U16, Val::U16(value)) => pay(budget, 5, Value::from(*value))?,
        (Type::U32, Val::U32(value)) => pay(budget, 10, Value::from(*value))?,
        (Type::U64, Val::U64(value)) if *value <= SAFE_INTEGER => pay(budget, 20, Value::from(*value))?,
        (Type::U64, Val::U64(value)) => pay(budget, 22, Value::from(value.to_string()))?,
        (Type::Variant(cases), Val::Variant(name, payload)) => {
            let kind = cases.iter().find(|case| case.name == *name).ok_or_else(mismatch)?.kind.as_ref();
            case(name, payload.as_deref(), kind, budget)?
        }
        _ => return Err(mismatch()),
    };
    Ok(json)
}

fn pay(budget: &mut Budget, bytes: usize, value: Value) -> Result<Value, Refusal> {
    budget.pay(bytes).map(|()| value)
}

/// Text, counted as JSON writes it (RFC 8259 §7).
fn text(text: &str, budget: &mut Budget) -> Result<Value, Refusal> {
    let escapes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    });
    budget.pay(text.len() + escapes.sum::<usize>() + 2)?;
    Ok(Value::from(text))
}

fn bytes(values: &[Val], budget: &mut Budget) -> Result<Value, Refusal> {
    budget.pay(values.len().div_ceil(3) * 4 + 2)?;
    let bytes: Vec<u8> = values
        .iter()
        .map(|value| match value {
            Val::U8(byte) => Ok(*byte),
            _ => Err(mismatch()),
        })
        .collect::<Result<_, _>>()?;
    Ok(Value::from(base64::engine::general_purpose::STANDARD.encode(bytes)))
}

/// The `f64` that is written like the `f32`: 0.1 stays 0.1, where widening makes it 0.10000000149011612.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

fn float(value: f64, budget: &mut Budget) -> Result<Value, Refusal> {
    budget.pay(24)?;
    serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| {
        Refusal::new(
            Code::GuestTrapped,
            "the action's result holds a number that JSON does not have (not a number, or infinite)",
            "return an option or a string there",
        )
    })
}

fn case(name: &str, payload: Option<&Val>, kind: Option<&Type>, budget: &mut Budget) -> Result<Value, Refusal> {
    budget.pay(name.len())?;
    let value = match (payload, kind) {
        (Some(payload), Some(kind)) => to_json(payload, kind, budget)?,
        (None, None) => pay(budget, 4, Value::Null)?,
        _ => return Err(mismatch()),
    };
    Ok(Value::Object(Map::from_iter([(name.to_owned(), value)])))
}

fn mismatch() -> Refusal {
    Refusal::internal("a value is not of the type that the component declares")
}
