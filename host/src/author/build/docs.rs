//! What is said of the actions, brought into the manifest that is packed. hotcell.toml wins, then the code, then WIT comments.

use std::collections::BTreeMap;
use std::path::Path;

use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::visible;
use serde::Deserialize;

use super::wit;
use super::wit::Docs;
use crate::Ask;
use crate::Manifest;
use crate::Package;
use crate::catalog::toml_mistake;

/// The section's text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(default)]
    actions: BTreeMap<String, Ask>,
}

/// Adds what the code says of its actions. Gives what it asks for beyond hotcell.toml, a line each: an author sees what was packed.
///
/// # Errors
/// [`Code::BadComponent`] if the section is broken.
pub(super) fn add_code(manifest: &mut Manifest, section: &str) -> Result<Vec<String>, Refusal> {
    let section: Section = toml::from_str(section).map_err(|error| {
        let mistake = toml_mistake(section, "the section hotcell:actions", &error);
        Refusal::new(Code::BadComponent, mistake.message, "build it with the SDK of this version of hotcell")
    })?;
    let mut more = Vec::new();
    for (name, said) in section.actions {
        let ask = manifest.actions.entry(name.clone()).or_default();
        for (service, scopes) in said.services {
            if !ask.services.contains_key(&service) {
                more.push(format!("{name}: service {service}"));
            }
            let had = ask.services.entry(service.clone()).or_default();
            more.extend(scopes.difference(had).map(|scope| format!("{name}: scope {scope} of {service}")));
            had.extend(scopes);
        }
        more.extend(said.public.difference(&ask.public).map(|rule| format!("{name}: {rule}")));
        ask.public.extend(said.public);
        let docs = Docs { description: said.description, parameters: said.parameters, returns: said.returns };
        explain(ask, docs);
    }
    Ok(more.iter().map(|line| visible(line)).collect())
}

/// Adds the comments of WIT files, where nothing else is said.
///
/// # Errors
/// [`Code::BadConfig`] if the files cannot be read as WIT.
pub(super) fn add_wit(
    manifest: &mut Manifest,
    description: &Description,
    folder: &Path,
    world: Option<&str>,
) -> Result<(), Refusal> {
    let (resolve, world) = wit::read(folder, world)?;
    let found = wit::docs(&resolve, world);
    for action in &description.actions {
        let place = (action.interface.clone(), action.function.clone());
        if let Some(docs) = found.get(&place).filter(|docs| **docs != Docs::default()) {
            explain(manifest.actions.entry(action.name.clone()).or_default(), docs.clone());
        }
    }
    Ok(())
}

/// Fills what is not said yet.
fn explain(ask: &mut Ask, docs: Docs) {
    if ask.description.is_empty() {
        ask.description = docs.description;
    }
    for (path, text) in docs.parameters {
        ask.parameters.entry(path).or_insert(text);
    }
    for (path, text) in docs.returns {
        ask.returns.entry(path).or_insert(text);
    }
}

/// The component with this manifest inside.
///
/// # Errors
/// [`Code::BadConfig`] if the texts are too long; [`Code::BadComponent`] if there is a manifest in it already.
pub(super) fn pack(component: Vec<u8>, manifest: &Manifest) -> Result<Package, Refusal> {
    let text = toml::to_string(manifest).map_err(|_| Refusal::internal("the manifest cannot be written as TOML"))?;
    if text.len() > limits::MANIFEST_BYTES {
        return Err(Refusal::new(
            Code::BadConfig,
            format!("manifest and docs together have {} bytes; {} is the most", text.len(), limits::MANIFEST_BYTES),
            "shorten the comments of actions, fields and cases",
        ));
    }
    Package::new(component, Some((&text, "the packed manifest")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(actions: &str) -> Manifest {
        Manifest::parse(&format!("name = \"a\"\nversion = \"1\"\n{actions}"), "t").unwrap()
    }

    #[test]
    fn what_hotcell_toml_says_wins_and_what_the_code_asks_for_more_is_told() {
        let mut own = manifest("[actions.go]\ndescription = \"mine\"\nservices = { s = [\"r\"] }\n");
        let section = "[actions.\"go\"]\ndescription = \"code\"\nservices = { s = [\"r\", \"w\"], t = [] }\n\
                       [actions.\"other\"]\ndescription = \"code\"\npublic = [\"GET https://a.example/b\"]\n";
        let more = add_code(&mut own, section).unwrap();
        assert_eq!(more, ["go: scope w of s", "go: service t", "other: GET https://a.example/b"]);
        assert_eq!(own.actions["go"].description, "mine");
        assert_eq!(own.actions["other"].description, "code");
        assert_eq!(own.actions["go"].services["s"].len(), 2);
        assert!(add_code(&mut own, section).unwrap().is_empty(), "nothing is new a second time");
    }

    #[test]
    fn what_is_said_of_parts_is_kept_where_it_was_said_and_filled_where_not() {
        let mut own = manifest("[actions.go]\nparameters = { a = \"mine\" }\n");
        let section =
            "[actions.\"go\"]\nparameters = { a = \"code\", \"b.c\" = \"code\" }\nreturns = { \"\" = \"code\" }\n";
        assert!(add_code(&mut own, section).unwrap().is_empty());
        let ask = &own.actions["go"];
        assert_eq!((ask.parameters["a"].as_str(), ask.parameters["b.c"].as_str()), ("mine", "code"));
        assert_eq!(ask.returns[""], "code");
    }

    #[test]
    fn a_broken_section_is_refused() {
        for section in ["[actions.go]\nheader = \"x\"\n", "[action.go]\n", "[actions.go]\n[actions.go]\n", "x"] {
            let refusal = add_code(&mut manifest(""), section).unwrap_err();
            assert_eq!(refusal.code, Code::BadComponent);
            assert!(refusal.message.contains("hotcell:actions, line"), "{}", refusal.message);
        }
    }

    #[test]
    fn what_was_packed_is_read_back_the_same() {
        let own = manifest("[actions.\"api.go\"]\ndescription = \"x\\n\\\"y\\\"\"\nservices = { s = [] }\n");
        let package = pack(wasm_encoder::Component::new().finish(), &own).unwrap();
        assert_eq!(package.manifest, own);
        let long = "x".repeat(1_900);
        let mut many = own;
        for number in 0..40 {
            let ask = Ask { description: long.clone(), ..Ask::default() };
            many.actions.insert(format!("a{number}"), ask);
        }
        let refusal = pack(wasm_encoder::Component::new().finish(), &many).unwrap_err();
        assert!(refusal.message.starts_with("manifest and docs together have"), "{}", refusal.message);
    }
}
