//! What a tool can do: its actions with typed parameters and results, read from the component's own types.

use serde::Deserialize;
use serde::Serialize;

/// What a component is, read from its bytes without compiling or running any of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Imported interfaces with their versions, for instance `hotcell:tool/http@0.1.0`, sorted.
    pub imports: Vec<String>,
    /// Actions, sorted by name.
    pub actions: Vec<Action>,
}

impl Description {
    /// The action of this name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == name)
    }
}

/// One exported function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// `function` for a bare export, `interface.function` for one of an exported interface. Kebab-case, as in WIT.
    pub name: String,
    /// The full name of the exported interface, for instance `acme:issues/api@1.0.0`; `None` for a bare function.
    pub interface: Option<String>,
    /// The function's own name.
    pub function: String,
    /// Parameters in order.
    pub parameters: Vec<Field>,
    /// Result; `None` where the function returns nothing.
    pub result: Option<Type>,
}

/// A named part: a parameter, or a field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name, kebab-case.
    pub name: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: Type,
}

/// A case of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Name, kebab-case.
    pub name: String,
    /// Payload, if the case has one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<Type>,
}

/// A WIT value type (Component Model, "Value Types"). Resources, futures and streams are not values that JSON can
/// carry: a component that has them in an action's signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// `bool` ↔ JSON boolean.
    Bool,
    /// `char` ↔ string of one Unicode scalar value.
    Char,
    /// `enum` ↔ one of the strings.
    Enum(Vec<String>),
    /// `f32` ↔ number; not-a-number and infinities have no JSON and are refused.
    F32,
    /// `f64` ↔ number.
    F64,
    /// `flags` ↔ array of unique strings.
    Flags(Vec<String>),
    /// `list` ↔ array. `list<u8>` ↔ base64 string (RFC 4648 §4).
    List(Box<Self>),
    /// `option` ↔ the value or null; as a field or parameter, not required.
    Option(Box<Self>),
    /// `record` ↔ object; unknown fields are refused.
    Record(Vec<Field>),
    /// `result`: as a function's whole result, `ok` is the result and `err` a tool error; elsewhere ↔ `{"ok": …}` or `{"err": …}`.
    Result {
        /// Payload of `ok`.
        ok: Option<Box<Self>>,
        /// Payload of `err`.
        err: Option<Box<Self>>,
    },
    /// `s8` ↔ number.
    S8,
    /// `s16` ↔ number.
    S16,
    /// `s32` ↔ number.
    S32,
    /// `s64` ↔ number, or a decimal string where outside ±(2^53 − 1) (RFC 8259 §6).
    S64,
    /// `string` ↔ string.
    String,
    /// `tuple` ↔ array of fixed length.
    Tuple(Vec<Self>),
    /// `u8` ↔ number.
    U8,
    /// `u16` ↔ number.
    U16,
    /// `u32` ↔ number.
    U32,
    /// `u64` ↔ number, or a decimal string where above 2^53 − 1.
    U64,
    /// `variant` ↔ object with one key, the case: its payload, or null where it has none.
    Variant(Vec<Case>),
}
