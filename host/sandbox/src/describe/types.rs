//! From WIT types to the protocol's types. Bounded: a type can share parts so that it is exponentially larger than its text.

use hotcell_protocol::Case;
use hotcell_protocol::Code;
use hotcell_protocol::Field;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wit_parser::Handle;
use wit_parser::Resolve;
use wit_parser::TypeDefKind;

/// Reads types of one component, and counts what it has read.
pub(super) struct Reader<'a> {
    resolve: &'a Resolve,
    nodes: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        Self { resolve, nodes: 0 }
    }

    /// A parameter of an action.
    pub(super) fn field(&mut self, action: &str, name: &str, kind: &wit_parser::Type) -> Result<Field, Refusal> {
        Ok(Field { name: name.to_owned(), kind: self.read(action, kind, 0)? })
    }

    /// A type in an action's signature, `depth` levels down.
    pub(super) fn read(&mut self, action: &str, kind: &wit_parser::Type, depth: usize) -> Result<Type, Refusal> {
        self.nodes += 1;
        if depth > limits::TYPE_DEPTH || self.nodes > limits::TYPE_NODES {
            return Err(Refusal::new(
                Code::BadComponent,
                format!("the types of `{action}` are too large or nested too deep"),
                format!(
                    "at most {} levels, and {} parts in the whole component",
                    limits::TYPE_DEPTH,
                    limits::TYPE_NODES
                ),
            ));
        }
        Ok(match kind {
            wit_parser::Type::Bool => Type::Bool,
            wit_parser::Type::Char => Type::Char,
            wit_parser::Type::F32 => Type::F32,
            wit_parser::Type::F64 => Type::F64,
            wit_parser::Type::S8 => Type::S8,
            wit_parser::Type::S16 => Type::S16,
            wit_parser::Type::S32 => Type::S32,
            wit_parser::Type::S64 => Type::S64,
            wit_parser::Type::String => Type::String,
            wit_parser::Type::U8 => Type::U8,
            wit_parser::Type::U16 => Type::U16,
            wit_parser::Type::U32 => Type::U32,
            wit_parser::Type::U64 => Type::U64,
            wit_parser::Type::ErrorContext => return Err(no_json(action, "error-context")),
            wit_parser::Type::Id(id) => {
                let definition = self.resolve.types.get(*id).ok_or_else(|| no_json(action, "an unknown type"))?;
                return self.defined(action, &definition.kind, depth + 1);
            }
        })
    }

    fn defined(&mut self, action: &str, kind: &TypeDefKind, depth: usize) -> Result<Type, Refusal> {
        Ok(match kind {
            TypeDefKind::Enum(cases) => Type::Enum(cases.cases.iter().map(|case| case.name.clone()).collect()),
            TypeDefKind::Flags(flags) => Type::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect()),
            TypeDefKind::List(item) => Type::List(Box::new(self.read(action, item, depth)?)),
            TypeDefKind::Option(inner) => Type::Option(Box::new(self.read(action, inner, depth)?)),
            TypeDefKind::Record(record) => Type::Record(
                record
                    .fields
                    .iter()
                    .map(|field| Ok(Field { name: field.name.clone(), kind: self.read(action, &field.ty, depth)? }))
                    .collect::<Result<_, _>>()?,
            ),
            TypeDefKind::Result(result) => Type::Result {
                ok: self.boxed(action, result.ok.as_ref(), depth)?,
                err: self.boxed(action, result.err.as_ref(), depth)?,
            },
            TypeDefKind::Tuple(tuple) => {
                Type::Tuple(tuple.types.iter().map(|kind| self.read(action, kind, depth)).collect::<Result<_, _>>()?)
            }
            TypeDefKind::Type(kind) => self.read(action, kind, depth)?,
            TypeDefKind::Variant(variant) => Type::Variant(
                variant
                    .cases
                    .iter()
                    .map(|case| {
                        let kind = case.ty.as_ref().map(|kind| self.read(action, kind, depth)).transpose()?;
                        Ok(Case { name: case.name.clone(), kind })
                    })
                    .collect::<Result<_, _>>()?,
            ),
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => {
                let name = self.resolve.types.get(*id).and_then(|resource| resource.name.as_deref());
                return Err(no_json(action, &format!("resource `{}`", cut(&visible(name.unwrap_or("?")), 100))));
            }
            other => return Err(no_json(action, other.as_str())),
        })
    }

    fn boxed(
        &mut self,
        action: &str,
        kind: Option<&wit_parser::Type>,
        depth: usize,
    ) -> Result<Option<Box<Type>>, Refusal> {
        kind.map(|kind| self.read(action, kind, depth).map(Box::new)).transpose()
    }
}

fn no_json(action: &str, what: &str) -> Refusal {
    Refusal::new(
        Code::BadComponent,
        format!("the signature of `{action}` has a {what}, which JSON cannot carry"),
        "use records, lists, variants and plain values",
    )
}
