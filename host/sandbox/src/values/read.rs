//! JSON → component values. Every mistake names its path; nothing is guessed or dropped.

use std::io;

use base64::Engine as _;
use hotcell_protocol::Action;
use hotcell_protocol::Field;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde_json::Map;
use serde_json::Value;
use wasmtime::component::Val;

use super::bad_arguments;
use super::path::Path;
use super::too_many_bytes;
use super::too_many_values;

/// Reads an action's arguments: one JSON object with a field for each parameter.
///
/// # Errors
/// [`hotcell_protocol::Code::BadArguments`] with the path of the mistake.
pub fn arguments(action: &Action, arguments: &Value) -> Result<Vec<Val>, Refusal> {
    if serde_json::to_writer(Room(limits::ARGUMENT_BYTES), arguments).is_err() {
        return Err(too_many_bytes());
    }
    let mut reader = Reader { nodes: 0, most: limits::JSON_NODES };
    let object = object(&Path::Root, arguments)?;
    refuse_unknown(&Path::Root, object, &action.parameters)?;
    action.parameters.iter().map(|parameter| reader.member(&Path::Root, object, parameter, 1)).collect()
}

/// Whether a value is one of this type.
pub(super) fn fits(value: &Value, kind: &Type) -> bool {
    // Counted more finely here than where a result is written.
    Reader { nodes: 0, most: 4 * limits::JSON_NODES }.read(&Path::Root, value, kind, 1).is_ok()
}

/// Counts bytes without keeping them, and fails when there is no room left.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Reader {
    nodes: usize,
    most: usize,
}

impl Reader {
    /// A parameter, or a field of a record.
    fn member(
        &mut self,
        parent: &Path<'_>,
        object: &Map<String, Value>,
        field: &Field,
        depth: usize,
    ) -> Result<Val, Refusal> {
        let path = Path::Field(parent, &field.name);
        match (object.get(&field.name), &field.kind) {
            (Some(value), kind) => self.read(&path, value, kind, depth),
            (None, Type::Option(_)) => Ok(Val::Option(None)),
            (None, kind) => Err(bad_arguments(&path, format!("is missing; it is {}", expected(kind)))),
        }
    }

    fn read(&mut self, path: &Path<'_>, value: &Value, kind: &Type, depth: usize) -> Result<Val, Refusal> {
        self.nodes += 1;
        if self.nodes > self.most {
            return Err(too_many_values());
        }
        if depth > limits::JSON_DEPTH {
            return Err(bad_arguments(path, format!("is nested deeper than {} levels", limits::JSON_DEPTH)));
        }
        let mismatch = || bad_arguments(path, format!("expected {}, got {}", expected(kind), got(value)));
        Ok(match kind {
            Type::Bool => Val::Bool(value.as_bool().ok_or_else(mismatch)?),
            Type::Char => Val::Char(one_char(value).ok_or_else(mismatch)?),
            Type::Enum(cases) => Val::Enum(one_of(value, cases).ok_or_else(mismatch)?),
            Type::F32 => Val::Float32(single_float(value).ok_or_else(mismatch)?),
            Type::F64 => Val::Float64(value.as_f64().ok_or_else(mismatch)?),
            Type::Flags(names) => Val::Flags(flags(path, value, names)?),
            Type::List(item) if **item == Type::U8 => self.bytes(path, value)?,
            Type::List(item) => {
                let items = value.as_array().ok_or_else(mismatch)?;
                let read = |(index, value)| self.read(&Path::Item(path, index), value, item, depth + 1);
                Val::List(items.iter().enumerate().map(read).collect::<Result<_, _>>()?)
            }
            Type::Option(_) if value.is_null() => Val::Option(None),
            Type::Option(inner) => Val::Option(Some(Box::new(self.read(path, value, inner, depth + 1)?))),
            Type::Record(fields) => {
                let object = object(path, value)?;
                refuse_unknown(path, object, fields)?;
                let read = |field: &Field| Ok((field.name.clone(), self.member(path, object, field, depth + 1)?));
                Val::Record(fields.iter().map(read).collect::<Result<_, _>>()?)
            }
            Type::Result { ok, err } => {
                let (case, payload) = single(value).ok_or_else(mismatch)?;
                let at = Path::Field(path, case);
                match case {
                    "ok" => Val::Result(Ok(self.payload(&at, payload, ok.as_deref(), depth)?)),
                    "err" => Val::Result(Err(self.payload(&at, payload, err.as_deref(), depth)?)),
                    _ => return Err(mismatch()),
                }
            }
            Type::S8 => Val::S8(integer(value).ok_or_else(mismatch)?),
            Type::S16 => Val::S16(integer(value).ok_or_else(mismatch)?),
            Type::S32 => Val::S32(integer(value).ok_or_else(mismatch)?),
            Type::S64 => Val::S64(wide(value).ok_or_else(mismatch)?),
            Type::String => Val::String(value.as_str().ok_or_else(mismatch)?.to_owned()),
            Type::Tuple(kinds) => {
                let items = value.as_array().filter(|items| items.len() == kinds.len()).ok_or_else(mismatch)?;
                let read = |(index, (value, kind))| self.read(&Path::Item(path, index), value, kind, depth + 1);
                Val::Tuple(items.iter().zip(kinds).enumerate().map(read).collect::<Result<_, _>>()?)
            }
            Type::U8 => Val::U8(integer(value).ok_or_else(mismatch)?),
            Type::U16 => Val::U16(integer(value).ok_or_else(mismatch)?),
            Type::U32 => Val::U32(integer(value).ok_or_else(mismatch)?),
            Type::U64 => Val::U64(wide(value).ok_or_else(mismatch)?),
            Type::Variant(cases) => {
                let (name, payload) = single(value).ok_or_else(mismatch)?;
                let case = cases.iter().find(|case| case.name == name).ok_or_else(mismatch)?;
                let payload = self.payload(&Path::Field(path, name), payload, case.kind.as_ref(), depth)?;
                Val::Variant(case.name.clone(), payload)
            }
        })
    }

    /// The payload of a case: its value, or null where the case has none.
    fn payload(
        &mut self,
        path: &Path<'_>,
        value: &Value,
        kind: Option<&Type>,
        depth: usize,
    ) -> Result<Option<Box<Val>>, Refusal> {
        match kind {
            Some(kind) => Ok(Some(Box::new(self.read(path, value, kind, depth + 1)?))),
            None if value.is_null() => Ok(None),
            None => Err(bad_arguments(path, "this case has no payload: write null")),
        }
    }

    /// `list<u8>` from base64 (RFC 4648 §4).
    fn bytes(&mut self, path: &Path<'_>, value: &Value) -> Result<Val, Refusal> {
        let text = value
            .as_str()
            .ok_or_else(|| bad_arguments(path, format!("expected a base64 string, got {}", got(value))))?;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|_| bad_arguments(path, "is not base64 (RFC 4648 section 4, with padding)"))?;
        Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
    }
}

fn object<'a>(path: &Path<'_>, value: &'a Value) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| bad_arguments(path, format!("expected an object, got {}", got(value))))
}

fn refuse_unknown(path: &Path<'_>, object: &Map<String, Value>, fields: &[Field]) -> Result<(), Refusal> {
    let unknown = object.keys().find(|name| !fields.iter().any(|field| field.name == **name));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            let known =
                if known.is_empty() { "there are none".to_owned() } else { format!("there are: {}", known.join(", ")) };
            Err(bad_arguments(&Path::Field(path, name), format!("there is no such field; {known}")))
        }
    }
}

fn one_char(value: &Value) -> Option<char> {
    let mut chars = value.as_str()?.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn one_of(value: &Value, names: &[String]) -> Option<String> {
    let text = value.as_str()?;
    names.iter().find(|name| *name == text).cloned()
}

fn flags(path: &Path<'_>, value: &Value, names: &[String]) -> Result<Vec<String>, Refusal> {
    let kind = Type::Flags(names.to_vec());
    let items = value
        .as_array()
        .ok_or_else(|| bad_arguments(path, format!("expected {}, got {}", expected(&kind), got(value))))?;
    let mut set: Vec<String> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = Path::Item(path, index);
        let name = one_of(item, names)
            .ok_or_else(|| bad_arguments(&at, format!("expected one of {}, got {}", quoted(names), got(item))))?;
        if set.contains(&name) {
            return Err(bad_arguments(&at, "is there twice"));
        }
        set.push(name);
    }
    Ok(set)
}

/// The only field of an object.
fn single(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(name, value)| (name.as_str(), value))
}

/// The nearest `f32`; none for a number beyond its range, which would silently become infinite.
#[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is asked for")]
fn single_float(value: &Value) -> Option<f32> {
    Some(value.as_f64()? as f32).filter(|number| number.is_finite())
}

fn integer<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    whole(value).and_then(|number| i64::try_from(number).ok()).and_then(|number| T::try_from(number).ok())
}

/// A 64-bit number, written as a number or as decimal text.
fn wide<T: TryFrom<i128>>(value: &Value) -> Option<T> {
    let number = match value.as_str() {
        // `+5` and `-0`, spaces and separators are spellings that other readers may take differently.
        Some(text) => text.parse::<i128>().ok().filter(|number| number.to_string() == text)?,
        None => whole(value)?,
    };
    T::try_from(number).ok()
}

fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

/// What a type expects, in words.
fn expected(kind: &Type) -> String {
    match kind {
        Type::Bool => "true or false".into(),
        Type::Char => "a string of one character".into(),
        Type::Enum(cases) => format!("one of {}", quoted(cases)),
        Type::F32 => "a number of single precision".into(),
        Type::F64 => "a number".into(),
        Type::Flags(names) => format!("an array of some of {}", quoted(names)),
        Type::List(item) if **item == Type::U8 => "a base64 string".into(),
        Type::List(_) => "an array".into(),
        Type::Option(inner) => format!("{}, or null", expected(inner)),
        Type::Record(_) => "an object".into(),
        Type::Result { .. } => "an object with the one field \"ok\" or \"err\"".into(),
        Type::S8 => "a whole number from -128 to 127".into(),
        Type::S16 => "a whole number from -32768 to 32767".into(),
        Type::S32 => "a whole number of 32 bits".into(),
        Type::S64 => "a whole number of 64 bits, as a number or a decimal string".into(),
        Type::String => "a string".into(),
        Type::Tuple(kinds) => format!("an array of {} items", kinds.len()),
        Type::U8 => "a whole number from 0 to 255".into(),
        Type::U16 => "a whole number from 0 to 65535".into(),
        Type::U32 => "a whole number from 0 to 4294967295".into(),
        Type::U64 => "a whole number of 64 bits from 0 on, as a number or a decimal string".into(),
        Type::Variant(cases) => {
            let names: Vec<_> = cases.iter().map(|case| case.name.clone()).collect();
            format!("an object with one field of {}", quoted(&names))
        }
    }
}

fn quoted(names: &[String]) -> String {
    cut(&names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "), 400)
}

/// What was found instead. Short: an argument may be anything, a pasted token too (threat G13).
fn got(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(_) => "another number".into(),
        Value::String(text) if text.len() <= 12 => format!("\"{}\"", visible(text)),
        Value::String(_) => "another string".into(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "another object".into(),
    }
}
