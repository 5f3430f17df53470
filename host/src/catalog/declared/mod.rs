//! Tools without code: a manifest that says which requests to send, and an executor that sends them. What is wrong is said at
//! installation, with line and key; what a person reads in the manifest is all that such a tool can do.

mod inputs;
mod ready;

use std::collections::BTreeMap;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use hotcell_template::Base;
use hotcell_template::Place;
use hotcell_template::Use;
use hotcell_template::is_name;

pub use inputs::Input;
pub use inputs::Kind;
pub(crate) use ready::Declared;
pub(crate) use ready::describe;

use super::Ask;
use super::Manifest;
use super::executor::Wanted;
use super::manifest::is_name as is_kebab;
use super::place;

/// What is wrong, at the keys that lead to it.
struct Wrong {
    at: Vec<String>,
    what: String,
    repair: String,
}

impl Wrong {
    fn new(at: &[&str], what: impl Into<String>, repair: impl Into<String>) -> Self {
        Self { at: at.iter().map(|&key| key.to_owned()).collect(), what: what.into(), repair: repair.into() }
    }

    /// The same below further keys.
    fn below(mut self, keys: &[&str]) -> Self {
        self.at.splice(0..0, keys.iter().map(|&key| key.to_owned()));
        self
    }
}

/// Checks what only tools without code have. `text` is what the manifest was read from, `file` the name that errors show.
pub(super) fn check(manifest: &Manifest, text: &str, file: &str) -> Result<(), Refusal> {
    let found = match &manifest.executor {
        Some(executor) => of_tool(manifest, executor),
        None => nothing_declared(manifest),
    };
    found.map_err(|wrong| refusal(&wrong, text, file))
}

/// What is said of parameters goes where every tool's is, so that people and agents read it in the same places.
pub(super) fn explain(manifest: &mut Manifest) {
    for ask in manifest.actions.values_mut() {
        for (name, input) in &ask.inputs {
            let about = input.about();
            if !about.is_empty() {
                ask.parameters.entry(name.clone()).or_insert(about);
            }
        }
    }
}

fn refusal(wrong: &Wrong, text: &str, file: &str) -> Refusal {
    let key = cut(&visible(&wrong.at.join(".")), 200);
    let message = format!("{}: `{key}`: {}", place(text, file, start(text, &wrong.at)), wrong.what);
    Refusal::new(Code::BadConfig, message, wrong.repair.clone())
}

/// Where the value of these keys begins, or of as many of them as there are.
fn start(text: &str, keys: &[String]) -> usize {
    let Ok(whole) = toml::de::DeTable::parse(text) else { return 0 };
    let mut at = whole.span().start;
    let mut here = None;
    for key in keys {
        let found = match here {
            None => whole.get_ref().get(key.as_str()),
            Some(value) => inside(value, key),
        };
        let Some(found) = found else { break };
        at = found.span().start;
        here = Some(found.get_ref());
    }
    at
}

fn inside<'a, 'i>(value: &'a toml::de::DeValue<'i>, key: &str) -> Option<&'a toml::Spanned<toml::de::DeValue<'i>>> {
    match value {
        toml::de::DeValue::Table(table) => table.get(key),
        toml::de::DeValue::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    }
}

/// A tool with code has no use for templates: an author who wrote one must not believe that it does anything.
fn nothing_declared(manifest: &Manifest) -> Result<(), Wrong> {
    let repair = "write `executor = \"http\"` above the first table, or take it out";
    if !manifest.variables.is_empty() {
        return Err(Wrong::new(&["variables"], "only a tool with an `executor` has variables", repair));
    }
    for (name, ask) in &manifest.actions {
        let key = if ask.request.is_some() { "request" } else { "inputs" };
        if ask.request.is_some() || !ask.inputs.is_empty() {
            return Err(Wrong::new(&["actions", name, key], "only a tool with an `executor` has this", repair));
        }
    }
    Ok(())
}

fn of_tool(manifest: &Manifest, executor: &str) -> Result<(), Wrong> {
    Wanted::parse(executor).map_err(|(what, repair)| Wrong::new(&["executor"], what, repair))?;
    if manifest.actions.is_empty() {
        return Err(Wrong::new(&["executor"], "the tool has no action", "write a table `[actions.NAME.request]`"));
    }
    let repair = "use ASCII letters, digits, `-` and `_`, a letter first";
    for (name, about) in &manifest.variables {
        if !is_name(name) {
            return Err(Wrong::new(&["variables", name], "this is no variable's name", repair));
        }
        if about.len() > 2_000 {
            return Err(Wrong::new(&["variables", name], "it has more than 2,000 bytes", "shorten it"));
        }
    }
    let mut unused: Vec<&str> = manifest.variables.keys().map(String::as_str).collect();
    for (name, ask) in &manifest.actions {
        let uses = of_action(manifest, name, ask).map_err(|wrong| wrong.below(&["actions", name]))?;
        unused.retain(|name| !uses.iter().any(|used| used.name.strip_prefix("var.") == Some(name)));
    }
    match unused.first() {
        None => Ok(()),
        Some(name) => Err(Wrong::new(
            &["variables", name],
            "no request uses it",
            format!("write ${{var.{name}}} somewhere, or take it out"),
        )),
    }
}

fn of_action(manifest: &Manifest, name: &str, ask: &Ask) -> Result<Vec<Use>, Wrong> {
    if !is_kebab(name) {
        let repair = "use 1 to 64 lower-case letters, digits and `-`, a letter first";
        return Err(Wrong::new(&[], "this is no action's name", repair));
    }
    let Some(request) = &ask.request else {
        return Err(Wrong::new(&[], "the action has no request", "write a table `request` with `method` and `url`"));
    };
    for (name, input) in &ask.inputs {
        if !is_name(name) {
            let repair = "use ASCII letters, digits, `-` and `_`, a letter first";
            return Err(Wrong::new(&["inputs", name], "this is no parameter's name", repair));
        }
        input.check().map_err(|(key, what, repair)| Wrong::new(&["inputs", name, key], what, repair))?;
    }
    let uses = request.uses().map_err(|mistake| {
        let wrong =
            Wrong { at: mistake.at, what: mistake.why, repair: "correct that line; nothing was changed".into() };
        wrong.below(&["request"])
    })?;
    for used in &uses {
        fits(manifest, &ask.inputs, used).map_err(|(what, repair)| {
            let at = used.at.clone();
            Wrong { at, what, repair }.below(&["request"])
        })?;
    }
    if let Some(unused) = ask.inputs.keys().find(|name| !uses.iter().any(|used| used.name == **name)) {
        let repair = format!("write ${{{unused}}} somewhere in the request, or take it out");
        return Err(Wrong::new(&["inputs", unused], "the request does not use it", repair));
    }
    goes_where_it_asks(ask)?;
    Ok(uses)
}

/// Whether what a name stands for can stand there.
fn fits(manifest: &Manifest, inputs: &BTreeMap<String, Input>, used: &Use) -> Result<(), (String, String)> {
    let Use { name, lone, place, .. } = used;
    if let Some(variable) = name.strip_prefix("var.") {
        if manifest.variables.contains_key(variable) {
            return Ok(());
        }
        let repair = format!("write `{variable} = \"what it is\"` into the table `variables`");
        return Err((format!("there is no variable `{variable}`"), repair));
    }
    let Some(input) = inputs.get(name) else {
        let known: Vec<_> = inputs.keys().map(String::as_str).collect();
        let known =
            if known.is_empty() { "there are none".to_owned() } else { format!("there are: {}", known.join(", ")) };
        return Err((
            format!("there is no parameter `{name}`"),
            format!(
                "{known}; write a table `inputs.{name}`, ${{var.NAME}} for what the operator sets, or $${{ for the two characters"
            ),
        ));
    };
    if input.is_list() && !(*lone && matches!(place, Place::Body | Place::Query)) {
        let repair = "give it `join = \",\"`, which makes it a text, or let it stand alone in the query or in the body";
        return Err((format!("`{name}` is a list, which cannot stand in {place} so"), repair.into()));
    }
    if *place == Place::Path && input.may_be_missing() {
        let repair = "give it a `default`, or make it required";
        return Err((format!("`{name}` may be left out, and a path needs all its parts"), repair.into()));
    }
    Ok(())
}

/// A request to what the action does not ask for could never be sent.
fn goes_where_it_asks(ask: &Ask) -> Result<(), Wrong> {
    let Some(request) = &ask.request else { return Ok(()) };
    let at = ["request", "url"];
    match request.base() {
        Ok(Base::Service(service)) if !ask.services.contains_key(&service) => Err(Wrong::new(
            &at,
            format!("the action does not ask for the service `{service}`"),
            format!(
                "write `services = {{ {service} = [\"SCOPE\"] }}`, with an empty list for requests without a token"
            ),
        )),
        Ok(Base::Origin(origin)) => {
            let start = format!("{origin}/");
            let is_asked = |rule: &String| rule.split_once(' ').is_some_and(|(_, url)| url.starts_with(&start));
            match ask.public.iter().any(is_asked) {
                true => Ok(()),
                false => Err(Wrong::new(
                    &at,
                    format!("no rule of `public` has the origin {origin}"),
                    format!("write `public = [\"{} {origin}/…\"]`", request.method.as_str()),
                )),
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("good.toml");

    fn parse(text: &str) -> Result<Manifest, Refusal> {
        Manifest::parse(text, "hotcell.toml")
    }

    #[test]
    fn a_whole_manifest_is_read_and_written_again_the_same() {
        let manifest = parse(GOOD).unwrap();
        assert_eq!(manifest.executor.as_deref(), Some("http"));
        assert_eq!(parse(&toml::to_string(&manifest).unwrap()).unwrap(), manifest);
    }

    #[test]
    fn i3_i8_b17_what_is_wrong_is_refused_with_line_and_key() {
        for (old, new, line, says) in [
            ("${owner}/", "${token}/", 11, "`actions.list.request.url`: there is no parameter `token`"),
            ("${owner}/", "${env.HOME}/", 11, "`${env.HOME}` is no name"),
            ("${owner}/", "${var.token}/", 11, "there is no variable `token`"),
            ("${owner}/", "${state}/", 11, "may be left out"),
            ("${owner}/", "${labels}/", 11, "is a list"),
            ("${owner}/", "../", 11, "dots"),
            ("${service.github}", "${service.gitlab}", 11, "does not ask for the service `gitlab`"),
            ("${service.github}", "https://evil.example", 11, "no rule of `public` has the origin"),
            ("${service.github}", "${owner}", 11, "begins neither"),
            ("accept = ", "authorization = ", 12, "is the host's to set"),
            ("\"${state}\"", "\"${stat}\"", 15, "`actions.list.request.query.state`: there is no parameter `stat`"),
            ("[actions.list.inputs.owner]", "[actions.list.inputs.\"a b\"]", 18, "no parameter's name"),
            ("max_length = 39", "max_length = 39\nminimum = 1", 21, "`actions.list.inputs.owner.minimum`"),
            ("${var.region}", "eu", 6, "`variables.region`: no request uses it"),
            ("executor = \"http\"", "executor = \"curl\"", 4, "`executor`: there is no executor `curl`"),
            ("executor = \"http\"", "executor = \"http@sha256:1\"", 4, "64 lower-case hex digits"),
            ("executor = \"http\"\n", "", 4, "only a tool with an `executor`"),
            (
                "[actions.list.inputs.owner]",
                "[actions.list.inputs.more]\n[actions.list.inputs.owner]",
                18,
                "does not use it",
            ),
            ("[actions.list]", "[actions.List]", 7, "no action's name"),
        ] {
            let text = GOOD.replacen(old, new, 1);
            assert_ne!(text, GOOD, "{old}");
            let refusal = parse(&text).unwrap_err();
            assert_eq!(refusal.code, Code::BadConfig);
            assert!(refusal.message.contains(says), "{}", refusal.message);
            assert!(refusal.message.starts_with(&format!("hotcell.toml, line {line}, ")), "{}", refusal.message);
            assert!(!refusal.hint.is_empty());
        }
    }
}
