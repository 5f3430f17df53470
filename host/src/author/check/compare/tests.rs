//! Tables of two types each: what of it breaks a caller that gives, and one that reads.

use super::*;

fn field(name: &str, kind: Type) -> Field {
    Field { name: name.into(), kind }
}

fn option(kind: Type) -> Type {
    Type::Option(Box::new(kind))
}

fn list(kind: Type) -> Type {
    Type::List(Box::new(kind))
}

fn record(fields: &[(&str, Type)]) -> Type {
    Type::Record(fields.iter().map(|(name, kind)| field(name, kind.clone())).collect())
}

fn words(of: &[&str]) -> Vec<String> {
    of.iter().map(|word| (*word).to_owned()).collect()
}

fn variant(cases: &[(&str, Option<Type>)]) -> Type {
    Type::Variant(cases.iter().map(|(name, kind)| Case { name: (*name).into(), kind: kind.clone() }).collect())
}

fn result(ok: Option<Type>, err: Option<Type>) -> Type {
    Type::Result { ok: ok.map(Box::new), err: err.map(Box::new) }
}

fn tool(parameters: Vec<Field>, result: Option<Type>) -> Description {
    let go = Action { name: "go".into(), interface: None, function: "go".into(), parameters, result };
    Description { imports: vec![], actions: vec![go] }
}

fn shown(changes: Vec<Change>) -> Vec<String> {
    let line = |change: Change| format!("{}{}: {}", if change.breaks { "! " } else { "" }, change.place, change.what);
    changes.into_iter().map(line).collect()
}

/// What is said where a parameter's type changes.
fn given(old: &Type, new: &Type) -> Vec<String> {
    let of = |kind: &Type| tool(vec![field("p", kind.clone())], None);
    shown(changes(&of(old), &of(new)))
}

/// What is said where a result's type changes.
fn read(old: &Type, new: &Type) -> Vec<String> {
    shown(changes(&tool(vec![], Some(old.clone())), &tool(vec![], Some(new.clone()))))
}

#[test]
fn a_type_that_grows_is_good_for_who_gives_and_one_that_shrinks_for_who_reads() {
    let grows = [
        (Type::U8, Type::U16),
        (Type::U8, Type::S16),
        (Type::S32, Type::S64),
        (Type::U32, Type::F64),
        (Type::S16, Type::F32),
        (Type::F32, Type::F64),
        (Type::Char, Type::String),
        (Type::Enum(words(&["a"])), Type::String),
        (Type::U32, option(Type::U32)),
        (list(Type::U16), list(Type::U32)),
        (Type::Tuple(vec![Type::U8, Type::Bool]), Type::Tuple(vec![Type::S16, Type::Bool])),
        (record(&[("a", Type::U8)]), record(&[("a", option(Type::U8))])),
        (variant(&[("a", Some(Type::U8))]), variant(&[("a", Some(Type::U32))])),
        (result(Some(Type::U8), None), result(Some(Type::U16), None)),
    ];
    for (small, large) in &grows {
        assert!(given(small, large).is_empty(), "{small:?} -> {large:?}: {:?}", given(small, large));
        assert!(read(large, small).is_empty(), "{large:?} -> {small:?}: {:?}", read(large, small));
        for line in given(large, small).iter().chain(&read(small, large)) {
            assert!(line.starts_with("! "), "{line}");
        }
        assert!(!given(large, small).is_empty() && !read(small, large).is_empty(), "{small:?} {large:?}");
    }
}

#[test]
fn types_that_have_nothing_in_common_break_both() {
    let pairs = [
        (Type::Bool, Type::String),
        (Type::U32, Type::String),
        (Type::U64, Type::F64),
        (Type::U32, Type::F32),
        (Type::U32, Type::S32),
        (list(Type::U8), list(Type::U16)),
        (list(Type::U8), Type::String),
        (Type::Tuple(vec![Type::U8]), Type::Tuple(vec![Type::U8, Type::U8])),
        (record(&[]), Type::String),
        (variant(&[("a", None)]), Type::Enum(words(&["a"]))),
        (Type::Flags(words(&["a"])), Type::Enum(words(&["a"]))),
    ];
    for (one, other) in &pairs {
        for (old, new) in [(one, other), (other, one)] {
            for lines in [given(old, new), read(old, new)] {
                assert!(
                    lines.len() == 1 && lines[0].starts_with("! go: ") && lines[0].contains(": it was "),
                    "{lines:?}"
                );
            }
        }
    }
}

#[test]
fn every_change_is_named_by_its_place() {
    let old = record(&[("state", Type::Enum(words(&["open", "all"]))), ("page", option(Type::U8))]);
    let new =
        record(&[("state", Type::Enum(words(&["open", "closed"]))), ("limit", Type::U8), ("more", option(Type::U8))]);
    assert_eq!(
        given(&list(old.clone()), &list(new.clone())),
        [
            "! go: parameter p[].state: `all` is gone",
            "! go: parameter p[].page: it is gone, and whoever gives it is refused",
            "! go: parameter p[].limit: it is new and must be given",
        ]
    );
    assert_eq!(
        read(&result(Some(list(old)), None), &result(Some(list(new)), None)),
        ["go: result[].state: `closed` is new, and callers may not know it", "! go: result[].page: it is gone"]
    );
    let (old, new) = (variant(&[("a", None), ("b", Some(Type::U8))]), variant(&[("a", Some(Type::U8)), ("c", None)]));
    assert_eq!(
        given(&old, &new),
        ["! go: parameter p: `b` is gone", "! go: parameter p.a: it is u8 now, and was nothing"]
    );
    assert_eq!(
        read(&result(None, Some(old)), &result(None, Some(new))),
        ["go: error: `c` is new, and callers may not know it", "go: error.a: it is u8 now, and was nothing"]
    );
    let flags = |of: &[&str]| Type::Flags(words(of));
    assert_eq!(given(&flags(&["r", "w"]), &flags(&["w", "x"])), ["! go: parameter p: `r` is gone"]);
}

#[test]
fn actions_parameters_and_results_come_and_go() {
    let none = Description { imports: vec![], actions: vec![] };
    let old = tool(vec![field("a", Type::U8), field("b", Type::U8)], Some(Type::U8));
    assert_eq!(shown(changes(&old, &none)), ["! go: the action is gone"]);
    assert!(changes(&none, &old).is_empty(), "a new action breaks nobody");
    let turned = tool(vec![field("b", Type::U8), field("a", Type::U8)], Some(Type::U8));
    assert!(changes(&old, &turned).is_empty(), "arguments are given by name");
    let new = tool(vec![field("b", Type::U8), field("c", Type::U8), field("d", option(Type::U8))], None);
    assert_eq!(
        shown(changes(&old, &new)),
        [
            "! go: parameter a: it is gone, and whoever gives it is refused",
            "! go: parameter c: it is new and must be given",
            "! go: result: it was u8, and is nothing now",
        ]
    );
    assert_eq!(read(&Type::U8, &result(Some(Type::U8), Some(Type::String))), ["go: error: it can fail now"]);
    assert_eq!(
        read(&result(Some(Type::U8), Some(Type::String)), &Type::U8),
        ["! go: result: it was result<u8, string>, and is u8 now"]
    );
}

#[test]
fn a_tool_is_no_change_of_itself() {
    let all = record(&[
        ("a", list(Type::Tuple(vec![Type::U8, option(Type::F32)]))),
        ("b", variant(&[("x", None), ("y", Some(list(Type::U8)))])),
        ("c", result(None, Some(Type::Flags(words(&["r"]))))),
    ]);
    assert!(given(&all, &all).is_empty() && read(&all, &all).is_empty());
}
