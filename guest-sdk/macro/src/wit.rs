//! A tool as WIT text.

use std::fmt::Write as _;

use crate::model::Case;
use crate::model::Field;
use crate::model::Payload;
use crate::model::Shape;
use crate::model::Tool;
use crate::model::Type;

/// The world of a tool: one package, one world, and what it exports.
pub(crate) fn world(tool: &Tool) -> String {
    let name = tool.name.in_wit();
    let mut text = format!("package code-first:{name};\n\nworld {name} {{\n");
    match &tool.interface {
        None => items(tool, 1, "export ", &mut text),
        Some(interface) => {
            let _ = writeln!(text, "    export {}: interface {{", interface.in_wit());
            items(tool, 2, "", &mut text);
            text.push_str("    }\n");
        }
    }
    text.push_str("}\n");
    text
}

fn items(tool: &Tool, level: usize, export: &str, text: &mut String) {
    let pad = "    ".repeat(level);
    for declared in &tool.types {
        let name = declared.name.in_wit();
        if let Shape::Variant(cases) = &declared.shape {
            records_of_cases(tool, cases, &pad, text);
        }
        comment(&declared.docs, &pad, text);
        let lines = match &declared.shape {
            Shape::Open => continue,
            Shape::Enum(cases) => cases.iter().map(|case| (case.docs.as_str(), case.name.in_wit())).collect(),
            Shape::Flags(fields) => fields.iter().map(|field| (field.docs.as_str(), field.name.in_wit())).collect(),
            Shape::Record(fields) => fields_in_wit(tool, fields),
            Shape::Variant(cases) => cases.iter().map(|case| (case.docs.as_str(), case_in_wit(tool, case))).collect(),
        };
        block(keyword(&declared.shape), &name, &lines, &pad, text);
    }
    for action in &tool.actions {
        comment(&action.docs, &pad, text);
        let parameters: Vec<_> = action
            .parameters
            .iter()
            .map(|field| format!("{}: {}", field.name.in_wit(), kind(tool, &field.typed.kind)))
            .collect();
        let result = action.result.as_ref().map(|typed| format!(" -> {}", kind(tool, &typed.kind))).unwrap_or_default();
        let _ = writeln!(text, "{pad}{export}{}: func({}){result};", action.name.in_wit(), parameters.join(", "));
    }
}

fn keyword(shape: &Shape) -> &'static str {
    match shape {
        Shape::Enum(_) => "enum",
        Shape::Flags(_) => "flags",
        Shape::Open | Shape::Record(_) => "record",
        Shape::Variant(_) => "variant",
    }
}

/// Cases with named fields hold a record each, which stands before them.
fn records_of_cases(tool: &Tool, cases: &[Case], pad: &str, text: &mut String) {
    for case in cases {
        if let Payload::Fields(name, fields) = &case.payload {
            block("record", &name.in_wit(), &fields_in_wit(tool, fields), pad, text);
        }
    }
}

fn block(keyword: &str, name: &str, lines: &[(&str, String)], pad: &str, text: &mut String) {
    let _ = writeln!(text, "{pad}{keyword} {name} {{");
    let inner = format!("{pad}    ");
    for (docs, line) in lines {
        comment(docs, &inner, text);
        let _ = writeln!(text, "{inner}{line},");
    }
    let _ = writeln!(text, "{pad}}}\n");
}

fn comment(docs: &str, pad: &str, text: &mut String) {
    for line in docs.lines() {
        let _ = writeln!(text, "{}", format!("{pad}/// {line}").trim_end());
    }
}

fn fields_in_wit<'t>(tool: &Tool, fields: &'t [Field]) -> Vec<(&'t str, String)> {
    let line = |field: &Field| format!("{}: {}", field.name.in_wit(), kind(tool, &field.typed.kind));
    fields.iter().map(|field| (field.docs.as_str(), line(field))).collect()
}

fn case_in_wit(tool: &Tool, case: &Case) -> String {
    let name = case.name.in_wit();
    match &case.payload {
        Payload::Fields(record, _) => format!("{name}({})", record.in_wit()),
        Payload::None => name,
        Payload::Parts(parts) => {
            Payload::one(parts).map_or_else(|| name.clone(), |of| format!("{name}({})", kind(tool, &of)))
        }
    }
}

fn kind(tool: &Tool, of: &Type) -> String {
    let part = |of: &Option<Box<Type>>| of.as_ref().map_or_else(|| "_".to_owned(), |of| kind(tool, of));
    match of {
        Type::List(of) => format!("list<{}>", kind(tool, of)),
        Type::Named(index) => tool.types.get(*index).map(|declared| declared.name.in_wit()).unwrap_or_default(),
        Type::Option(of) => format!("option<{}>", kind(tool, of)),
        Type::Plain(_, wit) => (*wit).to_owned(),
        Type::Result(None, None) => "result".to_owned(),
        Type::Result(ok, None) => format!("result<{}>", part(ok)),
        Type::Result(ok, err) => format!("result<{}, {}>", part(ok), part(err)),
        Type::Tuple(parts) => {
            format!("tuple<{}>", parts.iter().map(|of| kind(tool, of)).collect::<Vec<_>>().join(", "))
        }
    }
}
