//! What an author says of the parts of an action's values, by path. Pure.
//!
//! A path has a step for each part that has a name: `filter.state` is a field of the parameter `filter`, `items[].id` a field of
//! each item, `pair.0` the first of a tuple, `state.open` a case of an enum, a variant or flags. An option is the same place as
//! what it holds. Of a `result` as the whole result, paths begin in `ok`, and in `err` with `!`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hotcell_protocol::Action;
use hotcell_protocol::Type;

/// Texts by path.
pub type Texts = BTreeMap<String, String>;

/// A level below a path: a field, a case, the place in a tuple.
pub(crate) fn step(path: &str, name: &str) -> String {
    if path.is_empty() || path == "!" { format!("{path}{name}") } else { format!("{path}.{name}") }
}

/// What can be explained of an action.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Paths {
    pub(super) parameters: BTreeSet<String>,
    pub(super) returns: BTreeSet<String>,
}

/// Every path of an action. As large as its types, which are bounded.
pub(super) fn paths(action: &Action) -> Paths {
    let mut paths = Paths::default();
    for field in &action.parameters {
        below(&field.kind, &field.name, &mut paths.parameters);
    }
    match &action.result {
        Some(Type::Result { ok, err }) => {
            ok.iter().for_each(|kind| below(kind, "", &mut paths.returns));
            err.iter().for_each(|kind| below(kind, "!", &mut paths.returns));
        }
        Some(kind) => below(kind, "", &mut paths.returns),
        None => {}
    }
    paths
}

fn below(kind: &Type, path: &str, into: &mut BTreeSet<String>) {
    if let Type::Option(inner) = kind {
        return below(inner, path, into);
    }
    into.insert(path.to_owned());
    match kind {
        Type::Enum(names) | Type::Flags(names) => into.extend(names.iter().map(|name| step(path, name))),
        Type::List(item) => below(item, &format!("{path}[]"), into),
        Type::Record(fields) => fields.iter().for_each(|field| below(&field.kind, &step(path, &field.name), into)),
        Type::Result { ok, err } => {
            ok.iter().for_each(|kind| below(kind, &step(path, "ok"), into));
            err.iter().for_each(|kind| below(kind, &step(path, "err"), into));
        }
        Type::Tuple(kinds) => {
            kinds.iter().enumerate().for_each(|(at, kind)| below(kind, &step(path, &at.to_string()), into));
        }
        Type::Variant(cases) => {
            for case in cases {
                let path = step(path, &case.name);
                case.kind.iter().for_each(|kind| below(kind, &path, into));
                into.insert(path);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotcell_protocol::Case;
    use hotcell_protocol::Field;

    fn boxed(kind: Type) -> Option<Box<Type>> {
        Some(Box::new(kind))
    }

    #[test]
    fn every_part_with_a_name_can_be_explained() {
        let field = |name: &str, kind| Field { name: name.into(), kind };
        let state = Type::Enum(vec!["open".into(), "all".into()]);
        let record = Type::Record(vec![field("state", Type::Option(Box::new(state))), field("n", Type::U8)]);
        let pair = Type::Tuple(vec![Type::U8, Type::Flags(vec!["r".into()])]);
        let cases = vec![Case { name: "gone".into(), kind: None }, Case { name: "other".into(), kind: Some(Type::S8) }];
        let inner = Type::Result { ok: None, err: boxed(Type::List(Box::new(Type::Bool))) };
        let action = Action {
            name: "go".into(),
            interface: None,
            function: "go".into(),
            parameters: vec![field("filter", record), field("pairs", Type::List(Box::new(pair))), field("r", inner)],
            result: Some(Type::Result { ok: boxed(Type::List(Box::new(Type::U8))), err: boxed(Type::Variant(cases)) }),
        };
        let Paths { parameters, returns } = paths(&action);
        let all: Vec<_> = parameters.iter().map(String::as_str).collect();
        let expected = [
            "filter",
            "filter.n",
            "filter.state",
            "filter.state.all",
            "filter.state.open",
            "pairs",
            "pairs[]",
            "pairs[].0",
            "pairs[].1",
            "pairs[].1.r",
            "r",
            "r.err",
            "r.err[]",
        ];
        assert_eq!(all, expected);
        assert_eq!(returns.iter().map(String::as_str).collect::<Vec<_>>(), ["", "!", "!gone", "!other", "[]"]);
    }
}
