//! What a module says, read: actions and the types that they take and return. Nothing here knows syntax or how code is made.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proc_macro2::Span;
use proc_macro2::TokenStream;

use crate::names::Name;

/// A tool's module.
pub(crate) struct Tool {
    /// Name of the module; the world is called so.
    pub(crate) name: Name,
    /// The exported interface, where the actions are not bare functions of the world.
    pub(crate) interface: Option<Name>,
    pub(crate) actions: Vec<Action>,
    /// The types that the actions use. [`Type::Named`] counts here.
    pub(crate) types: Vec<Declared>,
}

/// A `pub fn`.
pub(crate) struct Action {
    pub(crate) name: Name,
    /// The function, as the module calls it.
    pub(crate) ident: syn::Ident,
    pub(crate) docs: String,
    /// What a returned value is; of a `Result`, what `Ok` holds.
    pub(crate) returns: String,
    /// When it fails.
    pub(crate) errors: String,
    pub(crate) parameters: Vec<Field>,
    pub(crate) result: Option<Typed>,
    /// Services and their scopes.
    pub(crate) services: BTreeMap<String, BTreeSet<String>>,
    pub(crate) public: BTreeSet<String>,
}

/// A type, and where the author wrote it.
#[derive(Clone)]
pub(crate) struct Typed {
    pub(crate) kind: Type,
    pub(crate) span: Span,
}

/// A type of WIT (Component Model, "Value Types").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    List(Box<Self>),
    /// One of [`Tool::types`].
    Named(usize),
    Option(Box<Self>),
    /// A type without parts, by its name in Rust and in WIT.
    Plain(&'static str, &'static str),
    /// `None` is `()`.
    Result(Option<Box<Self>>, Option<Box<Self>>),
    Tuple(Vec<Self>),
}

/// A parameter, a field of a record, a flag.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) name: Name,
    pub(crate) ident: syn::Ident,
    pub(crate) docs: String,
    pub(crate) typed: Typed,
}

/// A struct or an enum that is used.
pub(crate) struct Declared {
    pub(crate) name: Name,
    /// Its path from inside the generated module.
    pub(crate) path: TokenStream,
    pub(crate) docs: String,
    pub(crate) shape: Shape,
}

/// What a declared type is in WIT.
pub(crate) enum Shape {
    /// Being read: whoever meets it meanwhile is a part of itself.
    Open,
    Enum(Vec<Case>),
    Flags(Vec<Field>),
    Record(Vec<Field>),
    Variant(Vec<Case>),
}

/// A case of an enum.
pub(crate) struct Case {
    pub(crate) name: Name,
    pub(crate) ident: syn::Ident,
    pub(crate) docs: String,
    pub(crate) payload: Payload,
}

/// What a case holds.
pub(crate) enum Payload {
    /// Named fields: a record of its own, with this name.
    Fields(Name, Vec<Field>),
    None,
    /// `Case(A)`, or `Case(A, B)`, which is a tuple.
    Parts(Vec<Typed>),
}

impl Tool {
    /// Whether a value of this type has memory of its own, which is freed after it was handed over.
    pub(crate) fn owns(&self, kind: &Type) -> bool {
        match kind {
            Type::List(_) | Type::Plain("String", _) => true,
            Type::Named(index) => {
                let parts = self.types.get(*index).map(|declared| declared.shape.parts()).unwrap_or_default();
                parts.iter().any(|part| self.owns(&part.kind))
            }
            Type::Option(of) => self.owns(of),
            Type::Plain(..) => false,
            Type::Result(ok, err) => [ok, err].into_iter().flatten().any(|part| self.owns(part)),
            Type::Tuple(parts) => parts.iter().any(|part| self.owns(part)),
        }
    }
}

impl Type {
    /// Whether a value is the same in the author's types and in the generated ones: nothing in it was declared.
    pub(crate) fn is_same(&self) -> bool {
        match self {
            Self::List(of) | Self::Option(of) => of.is_same(),
            Self::Named(_) => false,
            Self::Plain(..) => true,
            Self::Result(ok, err) => [ok, err].into_iter().flatten().all(|part| part.is_same()),
            Self::Tuple(parts) => parts.iter().all(Self::is_same),
        }
    }

    /// The declared types in it.
    pub(crate) fn named(&self, found: &mut Vec<usize>) {
        match self {
            Self::List(of) | Self::Option(of) => of.named(found),
            Self::Named(index) => found.push(*index),
            Self::Plain(..) => {}
            Self::Result(ok, err) => [ok, err].into_iter().flatten().for_each(|part| part.named(found)),
            Self::Tuple(parts) => parts.iter().for_each(|part| part.named(found)),
        }
    }
}

impl Payload {
    /// `Case(A, B)` as one type.
    pub(crate) fn one(parts: &[Typed]) -> Option<Type> {
        match parts {
            [] => None,
            [one] => Some(one.kind.clone()),
            several => Some(Type::Tuple(several.iter().map(|part| part.kind.clone()).collect())),
        }
    }
}

impl Shape {
    /// The types of all parts.
    pub(crate) fn parts(&self) -> Vec<&Typed> {
        match self {
            Self::Open | Self::Flags(_) => Vec::new(),
            Self::Enum(cases) | Self::Variant(cases) => cases.iter().flat_map(|case| case.payload.parts()).collect(),
            Self::Record(fields) => fields.iter().map(|field| &field.typed).collect(),
        }
    }
}

impl Payload {
    fn parts(&self) -> Vec<&Typed> {
        match self {
            Self::Fields(_, fields) => fields.iter().map(|field| &field.typed).collect(),
            Self::None => Vec::new(),
            Self::Parts(parts) => parts.iter().collect(),
        }
    }
}
