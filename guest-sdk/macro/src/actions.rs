//! The section `hotcell:actions`: what the manifest says of actions, as TOML in the manifest's own form. `hotcell build` puts it
//! into the manifest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::docs::flowing;
use crate::model::Action;
use crate::model::Case;
use crate::model::Field;
use crate::model::Payload;
use crate::model::Shape;
use crate::model::Tool;
use crate::model::Type;

/// A manifest has 64 KiB. The rest is for what else stands there.
const LONGEST: usize = 60 * 1024;

/// The section's text. It begins and ends with a line end, so that the linker can join several.
///
/// # Errors
/// Where descriptions take more room than a manifest has.
pub(crate) fn section(tool: &Tool) -> Result<String, String> {
    let mut text = String::from("\n");
    for action in &tool.actions {
        let name = match &tool.interface {
            None => action.name.as_str().to_owned(),
            Some(interface) => format!("{}.{}", interface.as_str(), action.name.as_str()),
        };
        let keys = of_action(tool, action)?;
        // An action that the manifest does not name asks for nothing.
        if !keys.is_empty() {
            let _ = write!(text, "[actions.{}]\n{keys}", quoted(&name));
        }
    }
    if text.len() > LONGEST {
        return Err(too_long());
    }
    Ok(text)
}

fn too_long() -> String {
    format!(
        "the descriptions of this tool, repeated for each action, have more than {LONGEST} bytes: shorten them, or make two tools"
    )
}

fn of_action(tool: &Tool, action: &Action) -> Result<String, String> {
    let mut text = String::new();
    if !action.docs.is_empty() {
        let _ = writeln!(text, "description = {}", quoted(&flowing(&action.docs)));
    }
    if !action.services.is_empty() {
        let services =
            action.services.iter().map(|(service, scopes)| format!("{} = {}", quoted(service), list(scopes)));
        let _ = writeln!(text, "services = {{ {} }}", services.collect::<Vec<_>>().join(", "));
    }
    if !action.public.is_empty() {
        let _ = writeln!(text, "public = {}", list(&action.public));
    }
    let mut parameters = Paths::new(tool);
    for field in &action.parameters {
        parameters.field("", field)?;
    }
    parameters.write("parameters", &mut text);
    let mut returns = Paths::new(tool);
    let (ok, err) = match action.result.as_ref().map(|typed| &typed.kind) {
        None => (None, None),
        Some(Type::Result(ok, err)) => (ok.as_deref(), err.as_deref()),
        Some(kind) => (Some(kind), None),
    };
    for (path, text, kind) in [("", &action.returns, ok), ("!", &action.errors, err)] {
        if let Some(kind) = kind {
            returns.note(path, text);
            returns.walk(path, kind)?;
        }
    }
    returns.write("returns", &mut text);
    Ok(text)
}

/// Descriptions by their path in a value.
struct Paths<'t> {
    tool: &'t Tool,
    texts: BTreeMap<String, String>,
    bytes: usize,
}

impl<'t> Paths<'t> {
    fn new(tool: &'t Tool) -> Self {
        Self { tool, texts: BTreeMap::new(), bytes: 0 }
    }

    /// The first word on a path wins: a field's own comment says more than that of its type.
    fn note(&mut self, path: &str, text: &str) {
        if !text.is_empty() && !self.texts.contains_key(path) {
            self.bytes += path.len() + text.len();
            self.texts.insert(path.to_owned(), flowing(text));
        }
    }

    fn field(&mut self, path: &str, field: &Field) -> Result<(), String> {
        let path = joined(path, field.name.as_str());
        self.note(&path, &field.docs);
        self.walk(&path, &field.typed.kind)
    }

    fn walk(&mut self, path: &str, kind: &Type) -> Result<(), String> {
        // The same type may stand in many places: what grows is bounded while it grows.
        if self.bytes > LONGEST || path.len() > LONGEST {
            return Err(too_long());
        }
        match kind {
            Type::List(of) => self.walk(&format!("{path}[]"), of),
            Type::Named(index) => self.declared(path, *index),
            Type::Option(of) => self.walk(path, of),
            Type::Plain(..) => Ok(()),
            Type::Result(ok, err) => {
                ok.iter().try_for_each(|of| self.walk(&joined(path, "ok"), of))?;
                err.iter().try_for_each(|of| self.walk(&joined(path, "err"), of))
            }
            Type::Tuple(parts) => {
                parts.iter().enumerate().try_for_each(|(index, of)| self.walk(&joined(path, &index.to_string()), of))
            }
        }
    }

    fn declared(&mut self, path: &str, index: usize) -> Result<(), String> {
        let tool = self.tool;
        let Some(declared) = tool.types.get(index) else { return Ok(()) };
        self.note(path, &declared.docs);
        match &declared.shape {
            Shape::Open => Ok(()),
            Shape::Enum(cases) | Shape::Variant(cases) => cases.iter().try_for_each(|case| self.case(path, case)),
            Shape::Flags(fields) => {
                fields.iter().for_each(|field| self.note(&joined(path, field.name.as_str()), &field.docs));
                Ok(())
            }
            Shape::Record(fields) => fields.iter().try_for_each(|field| self.field(path, field)),
        }
    }

    fn case(&mut self, path: &str, case: &Case) -> Result<(), String> {
        let path = joined(path, case.name.as_str());
        self.note(&path, &case.docs);
        match &case.payload {
            Payload::Fields(_, fields) => fields.iter().try_for_each(|field| self.field(&path, field)),
            Payload::None => Ok(()),
            Payload::Parts(parts) => Payload::one(parts).iter().try_for_each(|of| self.walk(&path, of)),
        }
    }

    fn write(&self, key: &str, text: &mut String) {
        if !self.texts.is_empty() {
            let pairs = self.texts.iter().map(|(path, docs)| format!("{} = {}", quoted(path), quoted(docs)));
            let _ = writeln!(text, "{key} = {{ {} }}", pairs.collect::<Vec<_>>().join(", "));
        }
    }
}

/// A path and a further step, as the manifest has them. The error of an action is `!`, and its steps follow without a dot.
fn joined(path: &str, step: &str) -> String {
    if path.is_empty() || path == "!" { format!("{path}{step}") } else { format!("{path}.{step}") }
}

fn list(texts: &std::collections::BTreeSet<String>) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// A basic string of TOML 1.0.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_basic_string() {
        assert_eq!(quoted("a \"b\" \\ c\nd\u{7f}é"), "\"a \\\"b\\\" \\\\ c\\nd\\u007Fé\"");
    }

    #[test]
    fn steps_are_joined_with_dots_but_after_an_error() {
        let paths =
            [joined("", "a"), joined("a", "b"), joined("a[]", "b"), joined("!", "not-found"), joined("![]", "a")];
        assert_eq!(paths, ["a", "a.b", "a[].b", "!not-found", "![].a"]);
    }
}
