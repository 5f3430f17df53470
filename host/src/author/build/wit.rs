//! WIT files: which world is built, and the comments on its functions and types. A component does not carry these.

use std::collections::BTreeMap;
use std::path::Path;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use wit_parser::Function;
use wit_parser::Resolve;
use wit_parser::Type;
use wit_parser::TypeDefKind;
use wit_parser::WorldId;
use wit_parser::WorldItem;
use wit_parser::WorldKey;

use crate::catalog::step;

/// Texts of one action. Types share parts, so there could be more than anybody would read.
const MOST_TEXTS: usize = 500;
/// Bytes of one text: the manifest's own limit.
const TEXT_BYTES: usize = 2_000;

/// What comments say of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Docs {
    pub(super) description: String,
    /// By path, as in the manifest.
    pub(super) parameters: BTreeMap<String, String>,
    /// The same for the result.
    pub(super) returns: BTreeMap<String, String>,
}

/// Reads a folder of WIT files, and finds the world: the one that is named, or the only one.
///
/// # Errors
/// [`Code::BadConfig`] with file and line of a mistake.
pub(super) fn read(folder: &Path, world: Option<&str>) -> Result<(Resolve, WorldId), Refusal> {
    let mistake = |what: String, repair: &str| {
        Refusal::new(Code::BadConfig, cut(&visible(&what.replace('\n', "; ")), 1_000), repair)
    };
    let mut resolve = Resolve::default();
    let pushed = resolve.push_dir(folder);
    let (package, _) = pushed.map_err(|error| {
        let (place, why) = place_and_reason(&resolve.render_error(&error));
        let place = place.unwrap_or_else(|| folder.display().to_string());
        mistake(
            format!("{place}: {why}"),
            "correct that line; what a world includes of other packages stands in its folder deps",
        )
    })?;
    let world = resolve.select_world(&[package], world).map_err(|error| {
        mistake(
            format!("no world can be chosen in {}: {error:#}", folder.display()),
            "name it in hotcell.toml: [build], world = \"NAME\"",
        )
    })?;
    Ok((resolve, world))
}

/// Where a mistake is, and what it is, out of the reader's own picture of it: the reason, ` --> FILE:LINE:COLUMN`, the line itself.
fn place_and_reason(rendered: &str) -> (Option<String>, String) {
    let place =
        rendered.lines().find_map(|line| line.trim_start().strip_prefix("--> ")).map(|place| place.trim().to_owned());
    let is_picture = |line: &&str| !line.trim_start().starts_with("-->") && !line.contains(" |");
    let reason: Vec<_> = rendered.lines().filter(is_picture).map(str::trim).filter(|line| !line.is_empty()).collect();
    (place, reason.join("; "))
}

/// The comments on every exported function, by the interface's full name and the function's own.
pub(super) fn docs(resolve: &Resolve, world: WorldId) -> BTreeMap<(Option<String>, String), Docs> {
    let mut found = BTreeMap::new();
    let Some(world) = resolve.worlds.get(world) else { return found };
    for (key, item) in &world.exports {
        match item {
            WorldItem::Function(function) => {
                found.insert((None, function.name.clone()), of(resolve, function));
            }
            WorldItem::Interface { id, .. } => {
                let name = match key {
                    WorldKey::Name(name) => name.clone(),
                    WorldKey::Interface(id) => resolve.id_of(*id).unwrap_or_default(),
                };
                for function in
                    resolve.interfaces.get(*id).into_iter().flat_map(|interface| interface.functions.values())
                {
                    found.insert((Some(name.clone()), function.name.clone()), of(resolve, function));
                }
            }
            WorldItem::Type { .. } => {}
        }
    }
    found
}

fn of(resolve: &Resolve, function: &Function) -> Docs {
    let mut docs = Docs { description: text(&function.docs), ..Docs::default() };
    let mut walk = Walk { resolve, texts: BTreeMap::new() };
    for parameter in &function.params {
        walk.below(&parameter.ty, &parameter.name, 0);
    }
    docs.parameters = std::mem::take(&mut walk.texts);
    if let Some(result) = &function.result {
        match walk.dealiased(result) {
            Some(TypeDefKind::Result(result)) => {
                result.ok.iter().for_each(|kind| walk.below(kind, "", 0));
                result.err.iter().for_each(|kind| walk.below(kind, "!", 0));
            }
            _ => walk.below(result, "", 0),
        }
    }
    docs.returns = walk.texts;
    docs
}

/// A walk over types that keeps their comments by path (see `catalog::texts` for the paths).
struct Walk<'a> {
    resolve: &'a Resolve,
    texts: BTreeMap<String, String>,
}

impl<'a> Walk<'a> {
    /// What a type is, behind names for names.
    fn dealiased(&self, kind: &Type) -> Option<&'a TypeDefKind> {
        let mut kind = *kind;
        for _ in 0..limits::TYPE_DEPTH {
            let Type::Id(id) = kind else { return None };
            match &self.resolve.types.get(id)?.kind {
                TypeDefKind::Type(alias) => kind = *alias,
                other => return Some(other),
            }
        }
        None
    }

    /// What is said nearest to a place wins: of a field, its own comment before that of its type.
    fn say(&mut self, path: &str, docs: &wit_parser::Docs) {
        let text = text(docs);
        if !text.is_empty() && self.texts.len() < MOST_TEXTS {
            self.texts.entry(path.to_owned()).or_insert(text);
        }
    }

    fn part(&mut self, path: &str, name: &str, docs: &wit_parser::Docs, kind: Option<&Type>, depth: usize) {
        let path = step(path, name);
        self.say(&path, docs);
        kind.into_iter().for_each(|kind| self.below(kind, &path, depth));
    }

    fn below(&mut self, kind: &Type, path: &str, depth: usize) {
        let Type::Id(id) = kind else { return };
        let Some(definition) = self.resolve.types.get(*id) else { return };
        if depth > limits::TYPE_DEPTH || self.texts.len() >= MOST_TEXTS {
            return;
        }
        let depth = depth + 1;
        self.say(path, &definition.docs);
        match &definition.kind {
            TypeDefKind::Enum(kind) => {
                kind.cases.iter().for_each(|case| self.part(path, &case.name, &case.docs, None, depth))
            }
            TypeDefKind::Flags(kind) => {
                kind.flags.iter().for_each(|flag| self.part(path, &flag.name, &flag.docs, None, depth))
            }
            TypeDefKind::List(item) => self.below(item, &format!("{path}[]"), depth),
            TypeDefKind::Option(inner) | TypeDefKind::Type(inner) => self.below(inner, path, depth),
            TypeDefKind::Record(record) => {
                record
                    .fields
                    .iter()
                    .for_each(|field| self.part(path, &field.name, &field.docs, Some(&field.ty), depth));
            }
            TypeDefKind::Result(result) => {
                result.ok.iter().for_each(|kind| self.below(kind, &step(path, "ok"), depth));
                result.err.iter().for_each(|kind| self.below(kind, &step(path, "err"), depth));
            }
            TypeDefKind::Tuple(tuple) => {
                let kinds = tuple.types.iter().enumerate();
                kinds.for_each(|(at, kind)| self.below(kind, &step(path, &at.to_string()), depth));
            }
            TypeDefKind::Variant(variant) => {
                variant.cases.iter().for_each(|case| self.part(path, &case.name, &case.docs, case.ty.as_ref(), depth));
            }
            _ => {}
        }
    }
}

/// A comment as one text: lines of a paragraph joined, paragraphs apart.
fn text(docs: &wit_parser::Docs) -> String {
    let paragraphs = docs.contents.as_deref().unwrap_or_default().trim().split("\n\n");
    let joined = paragraphs.map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
    cut(&joined.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n"), TEXT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: &str = "package a:b@1.0.0;
interface api {
    /// Lists them,
    /// newest first.
    ///
    /// Twice.
    find: func(filter: option<filter>, plain: string) -> result<list<item>, problem>;
    /// What to find.
    record filter {
        /// In which state.
        state: state,
        kind: state,
    }
    /// A state.
    enum state {
        /// Not closed.
        open,
        all,
    }
    /// One of them.
    record item {
        /// A number and a name.
        pair: tuple<u8, state>,
    }
    variant problem {
        /// There is none.
        not-found,
        other(item),
    }
}
world tool {
    export api;
    /// Bare.
    export go: func() -> list<string>;
}
";

    fn folder(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("world.wit"), text).unwrap();
        folder
    }

    #[test]
    fn comments_are_found_by_the_paths_of_the_manifest() {
        let folder = folder(WORLD);
        let (resolve, world) = read(folder.path(), None).unwrap();
        let docs = docs(&resolve, world);
        assert_eq!(docs[&(None, "go".into())].description, "Bare.");
        let find = &docs[&(Some("a:b/api@1.0.0".into()), "find".into())];
        assert_eq!(find.description, "Lists them, newest first.\n\nTwice.");
        let of = |texts: &BTreeMap<String, String>| {
            texts.iter().map(|(path, text)| format!("{path} = {text}")).collect::<Vec<_>>()
        };
        let parameters = [
            "filter = What to find.",
            "filter.kind = A state.",
            "filter.kind.open = Not closed.",
            "filter.state = In which state.",
            "filter.state.open = Not closed.",
        ];
        assert_eq!(of(&find.parameters), parameters);
        let returns = [
            "!not-found = There is none.",
            "!other = One of them.",
            "!other.pair = A number and a name.",
            "!other.pair.1 = A state.",
            "!other.pair.1.open = Not closed.",
            "[] = One of them.",
            "[].pair = A number and a name.",
            "[].pair.1 = A state.",
            "[].pair.1.open = Not closed.",
        ];
        assert_eq!(of(&find.returns), returns);
    }

    #[test]
    fn types_that_share_parts_end_in_so_many_texts() {
        let mut text = "package a:b;\nworld t {\n/// x\nrecord r0 { a: u8 }\n".to_owned();
        for level in 1..30 {
            text += &format!("/// x\nrecord r{level} {{ a: r{0}, b: r{0} }}\n", level - 1);
        }
        text += "export go: func(x: r29);\n}\n";
        let folder = folder(&text);
        let (resolve, world) = read(folder.path(), None).unwrap();
        assert_eq!(docs(&resolve, world)[&(None, "go".into())].parameters.len(), MOST_TEXTS);
    }

    #[test]
    fn mistakes_are_named_by_file_and_line_and_two_worlds_want_a_choice() {
        let broken = folder("package a:b;\nworld t {\n  export go: func( -> u8;\n}\n");
        let refusal = read(broken.path(), None).unwrap_err();
        assert!(refusal.message.contains("world.wit:3"), "{}", refusal.message);
        let two = folder("package a:b;\nworld one {}\nworld two {}\n");
        let refusal = read(two.path(), None).unwrap_err();
        assert!(refusal.hint.contains("world = \"NAME\""), "{refusal:?}");
        assert!(read(two.path(), Some("two")).is_ok());
        assert!(read(two.path(), Some("three")).is_err());
    }
}
