//! The manifest: what a tool's author asks for. Untrusted text; it asks, it never gives. Pure: no file, no clock.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::World;
use hotcell_protocol::limits;
use hotcell_protocol::text::visible;
use hotcell_template::Request;
use serde::Deserialize;
use serde::Serialize;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::Deserializer;

use super::declared;
use super::declared::Input;
use super::texts;
use super::texts::Texts;

/// A manifest, `hotcell.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The tool's name: lower-case ASCII letters, digits and `-`, 1 to 64 characters, a letter first.
    pub name: String,
    /// The tool's version, for people.
    pub version: String,
    /// One sentence on what the tool does.
    #[serde(default)]
    pub description: String,
    /// Interfaces that may be imported although every call of them is refused. Only `wasi:sockets`.
    #[serde(default)]
    pub inert_imports: Vec<String>,
    /// What runs a tool without code: `http`, or `http@sha256:DIGEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// What the operator sets for a tool without code, with one sentence on each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Interfaces of other hosts, whose requests go through the gate as well.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub imports: BTreeSet<World>,
    /// What each action asks for. An action that is not named here asks for nothing.
    #[serde(default)]
    pub actions: BTreeMap<String, Ask>,
}

/// What one action asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// One sentence on what the action does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Services with the scopes asked for. No scope: the service's anonymous requests, without a token.
    #[serde(default)]
    pub services: BTreeMap<String, BTreeSet<String>>,
    /// Requests to public origins, without a token: `GET https://api.example.com/v1/**`.
    #[serde(default)]
    pub public: BTreeSet<String>,
    /// The request that it sends, where the tool has no code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The parameters of that request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Input>,
    /// What parameters are, and parts of them, by path: `owner`, `filter.state`, `items[].id`.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub parameters: Texts,
    /// What the result is, and parts of it: `[].title`; the whole of it has the empty path.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub returns: Texts,
}

impl Manifest {
    /// Reads a manifest. `file` is the name that errors show.
    ///
    /// # Errors
    /// [`Code::BadConfig`] with line, column and repair.
    pub fn parse(text: &str, file: &str) -> Result<Self, Refusal> {
        if text.len() > limits::MANIFEST_BYTES {
            return Err(bad(file, format!("it has more than {} bytes", limits::MANIFEST_BYTES), "shorten it"));
        }
        let table = DeTable::parse(text).map_err(|error| toml_mistake(text, file, &error))?;
        Self::of_table(table, text, file)
    }

    /// The manifest in a table that was read from `text`: all of it, or what is left when others took their part.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub(crate) fn of_table(table: Spanned<DeTable<'_>>, text: &str, file: &str) -> Result<Self, Refusal> {
        let mut manifest =
            Self::deserialize(Deserializer::from(table)).map_err(|error| toml_mistake(text, file, &error))?;
        manifest.check(file)?;
        declared::check(&manifest, text, file)?;
        declared::explain(&mut manifest);
        Ok(manifest)
    }

    fn check(&self, file: &str) -> Result<(), Refusal> {
        if !is_name(&self.name) {
            return Err(bad(
                file,
                format!("`name` is `{}`", visible(&self.name)),
                "use 1 to 64 lower-case letters, digits and `-`, a letter first, for instance `github-issues`",
            ));
        }
        if self.version.is_empty() || self.version.len() > 64 || !self.version.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad(
                file,
                "`version` is empty, too long, or has odd characters".into(),
                "write it as in `0.1.0`",
            ));
        }
        if let Some(other) = self.inert_imports.iter().find(|name| *name != "wasi:sockets") {
            return Err(bad(
                file,
                format!("`inert_imports` names `{}`", visible(other)),
                "only \"wasi:sockets\" can be linked without effect",
            ));
        }
        for text in self.actions.values().flat_map(Ask::texts).chain([&self.description]) {
            if text.len() > 2_000 {
                return Err(bad(file, "a `description` has more than 2,000 bytes".into(), "shorten it"));
            }
        }
        Ok(())
    }

    /// What the component may import beyond what every tool may.
    #[must_use]
    pub fn imports(&self) -> Imports {
        Imports { inert: self.inert_imports.clone(), worlds: self.imports.clone() }
    }

    /// Checks that each action named here is one that the component exports.
    ///
    /// # Errors
    /// [`Code::BadConfig`] naming the action and those that exist.
    pub fn check_against(&self, description: &Description) -> Result<(), Refusal> {
        let Some(unknown) = self.actions.keys().find(|name| description.action(name).is_none()) else {
            return self.actions.iter().try_for_each(|(name, ask)| ask.check_texts(name, description));
        };
        let known: Vec<_> = description.actions.iter().map(|action| action.name.as_str()).collect();
        Err(bad(
            "the manifest",
            format!("`actions.{}` is not an export of the component", visible(unknown)),
            &format!("the component's actions are: {}", known.join(", ")),
        ))
    }
}

impl Ask {
    /// All that is said to people and models.
    fn texts(&self) -> impl Iterator<Item = &String> {
        [&self.description].into_iter().chain(self.parameters.values()).chain(self.returns.values())
    }

    /// Checks that what is explained is there.
    fn check_texts(&self, name: &str, description: &Description) -> Result<(), Refusal> {
        let Some(action) = description.action(name) else { return Ok(()) };
        let known = texts::paths(action);
        let tables = [("parameters", &self.parameters, &known.parameters), ("returns", &self.returns, &known.returns)];
        for (table, texts, known) in tables {
            if let Some(unknown) = texts.keys().find(|path| !known.contains(*path)) {
                let some: Vec<_> = known.iter().take(20).map(|path| format!("`{path}`")).collect();
                return Err(bad(
                    "the manifest",
                    format!("`actions.{}.{table}` explains `{}`, which is not there", visible(name), visible(unknown)),
                    &match some.as_slice() {
                        [] => "leave it out: there is nothing to explain".to_owned(),
                        some => format!("what can be explained there: {}", some.join(", ")),
                    },
                ));
            }
        }
        Ok(())
    }
}

/// 1 to 64 lower-case letters, digits and `-`, a letter first: no confusable spelling of another tool's name (threat I6).
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn bad(file: &str, what: String, repair: &str) -> Refusal {
    Refusal::new(Code::BadConfig, format!("{file}: {what}"), repair)
}

/// File, line and column of a byte.
pub(crate) fn place(text: &str, file: &str, start: usize) -> String {
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{file}, line {line}, column {column}")
}

/// A mistake in TOML text, with line and column.
pub(crate) fn toml_mistake(text: &str, file: &str, error: &toml::de::Error) -> Refusal {
    let start = error.span().map_or(0, |span| span.start);
    let reason = error.message().replace('\n', "; ");
    Refusal::new(
        Code::BadConfig,
        format!("{}: {}", place(text, file, start), visible(&reason)),
        "correct that line; nothing was changed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "github-issues"
version = "0.1.0"
[actions.list-issues]
services = { github = ["issues:read"] }
public = ["GET https://api.example.com/v1/**"]
"#;

    fn mistake(text: &str) -> String {
        let refusal = Manifest::parse(text, "hotcell.toml").unwrap_err();
        assert_eq!(refusal.code, Code::BadConfig);
        assert!(!refusal.hint.is_empty());
        refusal.message
    }

    #[test]
    fn what_was_asked_is_read() {
        let manifest = Manifest::parse(GOOD, "hotcell.toml").unwrap();
        let ask = &manifest.actions["list-issues"];
        assert_eq!(ask.services["github"], BTreeSet::from(["issues:read".to_string()]));
        assert_eq!(ask.public.len(), 1);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let message = mistake("name = \"a\"\nversion = \"1\"\n  header = \"X-Evil\"\n");
        assert!(message.starts_with("hotcell.toml, line 3, column 3:"), "{message}");
        assert!(message.contains("header"), "{message}");
    }

    #[test]
    fn i8_a_manifest_cannot_choose_header_or_origin_of_a_credential() {
        for key in ["credential = { header = \"x\" }", "origins = [\"https://evil.example\"]", "prefix = \"\""] {
            mistake(&format!("name = \"a\"\nversion = \"1\"\n{key}\n"));
            mistake(&format!("name = \"a\"\nversion = \"1\"\n[actions.b]\n{key}\n"));
        }
    }

    #[test]
    fn i6_confusable_names_are_refused() {
        for name in ["", "Github", "git hub", "gíthub", "-a", "1a", "a_b", "a/b", "../a", "a\u{202e}b", &"a".repeat(65)]
        {
            mistake(&format!("name = \"{name}\"\nversion = \"1\"\n"));
        }
    }

    #[test]
    fn only_interfaces_that_lead_to_the_gate_can_be_imported() {
        let text = |imports: &str| format!("name = \"a\"\nversion = \"1\"\nimports = {imports}\n");
        let manifest = Manifest::parse(&text(r#"["wasi:http", "near:agent", "wasi:http"]"#), "t").unwrap();
        assert_eq!(manifest.imports().worlds, BTreeSet::from([World::NearAgent, World::WasiHttp]));
        for imports in [
            r#"["wasi:sockets"]"#,
            r#"["wasi:http/types"]"#,
            r#"["wasi:http@0.2.0"]"#,
            r#""wasi:http""#,
            "true",
            r#"[""]"#,
        ] {
            let message = mistake(&text(imports));
            assert!(message.starts_with("hotcell.toml, line 3"), "{message}");
        }
        assert!(mistake(&text(r#"["wasi:sockets"]"#)).contains("`near:agent` or `wasi:http`"));
    }

    #[test]
    fn only_sockets_can_be_inert() {
        mistake("name = \"a\"\nversion = \"1\"\ninert_imports = [\"wasi:http\"]\n");
    }
}
