//! An action as WIT writes it: what people read, and what stands in for a missing description.

use hotcell_protocol::Action;
use hotcell_protocol::Type;

/// An action in WIT's own notation.
pub(crate) fn signature(action: &Action) -> String {
    let parameters: Vec<_> =
        action.parameters.iter().map(|parameter| format!("{}: {}", parameter.name, wit(&parameter.kind))).collect();
    let result = action.result.as_ref().map(|kind| format!(" -> {}", wit(kind))).unwrap_or_default();
    format!("{}({}){result}", action.name, parameters.join(", "))
}

/// A type as WIT writes it; structures are written out in place.
pub(crate) fn wit(kind: &Type) -> String {
    let list = |kinds: &[Type]| kinds.iter().map(wit).collect::<Vec<_>>().join(", ");
    match kind {
        Type::Bool => "bool".into(),
        Type::Char => "char".into(),
        Type::Enum(cases) => format!("enum {{ {} }}", cases.join(", ")),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Flags(names) => format!("flags {{ {} }}", names.join(", ")),
        Type::List(item) => format!("list<{}>", wit(item)),
        Type::Option(inner) => format!("option<{}>", wit(inner)),
        Type::Record(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| format!("{}: {}", field.name, wit(&field.kind))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        Type::Result { ok: None, err: None } => "result".into(),
        Type::Result { ok: Some(ok), err: None } => format!("result<{}>", wit(ok)),
        Type::Result { ok, err: Some(err) } => {
            format!("result<{}, {}>", ok.as_ref().map_or("_".into(), |ok| wit(ok)), wit(err))
        }
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::String => "string".into(),
        Type::Tuple(items) => format!("tuple<{}>", list(items)),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::Variant(cases) => {
            let cases: Vec<_> = cases
                .iter()
                .map(|case| {
                    case.kind.as_ref().map_or_else(|| case.name.clone(), |kind| format!("{}({})", case.name, wit(kind)))
                })
                .collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_in_wit() {
        let kind = Type::Result {
            ok: Some(Box::new(Type::List(Box::new(Type::Tuple(vec![Type::U8, Type::Option(Box::new(Type::String))]))))),
            err: Some(Box::new(Type::Enum(vec!["a".into(), "b".into()]))),
        };
        assert_eq!(wit(&kind), "result<list<tuple<u8, option<string>>>, enum { a, b }>");
        assert_eq!(wit(&Type::Result { ok: None, err: Some(Box::new(Type::String)) }), "result<_, string>");
    }
}
