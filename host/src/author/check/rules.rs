//! The rules for one version of a tool.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hotcell_gate::Services;
use hotcell_protocol::Description;
use hotcell_protocol::Digest;
use hotcell_protocol::Field;
use hotcell_protocol::Type;
use hotcell_protocol::text::shown;
use hotcell_protocol::text::visible;

use super::Finding;
use super::Weight;
use crate::Manifest;
use crate::mcp::names;

/// A component of this size is slow to fetch and to compile: language runtimes have a third to a half of it.
const LARGE_BYTES: usize = 32 * 1024 * 1024;
/// Clients of models check the names of parameters, too: `^[a-zA-Z0-9_.-]{1,64}$`.
const PARAMETER_NAME: usize = 64;

/// Whether what the actions ask for exists: in the project's `service.toml`, else among the presets.
pub(super) fn services(manifest: &Manifest, text: Option<&str>) -> Vec<Finding> {
    let mut found = Vec::new();
    let known = match known(text) {
        Ok(known) => known,
        Err(refusal) => return vec![Finding::refused("service-toml", refusal)],
    };
    for (action, ask) in &manifest.actions {
        if let Err(refusal) = crate::call::grant(&manifest.name, Digest::of(b""), action, &ask.services, &ask.public) {
            found.push(Finding::refused("public-rule", refusal));
        }
        for (service, scopes) in &ask.services {
            let Some(of_service) = known.get(service) else {
                found.push(Finding::new(
                    Weight::Warning,
                    "service",
                    format!(
                        "{action} asks for the service `{}`, which neither service.toml nor a preset describes",
                        visible(service)
                    ),
                    "describe it in service.toml, for whoever operates it: [service.NAME] with origins and scopes",
                ));
                continue;
            };
            for scope in scopes.difference(of_service) {
                let has: Vec<_> = of_service.iter().map(String::as_str).collect();
                found.push(Finding::new(
                    Weight::Error,
                    "scope",
                    format!(
                        "{action} asks for the scope `{}` of {service}, which has none of this name",
                        visible(scope)
                    ),
                    format!("its scopes are: {}", has.join(", ")),
                ));
            }
        }
    }
    found
}

/// Services with their scopes. What the project says of a service goes before the preset of its name.
fn known(text: Option<&str>) -> Result<BTreeMap<String, BTreeSet<String>>, hotcell_protocol::Refusal> {
    let own = text.map(|text| Services::parse(text, "service.toml")).transpose()?;
    let all = Services::presets()?.into_iter().chain(own.iter().flat_map(Services::explain));
    Ok(all.map(|service| (service.name, service.scopes.into_iter().map(|scope| scope.name).collect())).collect())
}

/// Whether what is imported and what is asked for belong together.
pub(super) fn imports(manifest: &Manifest, description: &Description) -> Vec<Finding> {
    let imports = |name: &str| description.imports.iter().any(|import| import.starts_with(name));
    let asks = manifest.actions.values().any(|ask| !ask.services.is_empty() || !ask.public.is_empty());
    let sends = imports("hotcell:tool/http@") || imports("wasi:http/outgoing-handler@") || imports("near:agent/host@");
    let mut found = Vec::new();
    if sends && !asks {
        found.push(Finding::new(
            Weight::Warning,
            "asks-nothing",
            "the code can send requests, and no action asks for a service or a public origin: each request is denied",
            "name them in hotcell.toml: [actions.NAME], services = { … } or public = [ … ]",
        ));
    }
    if asks && !sends {
        found.push(Finding::new(
            Weight::Warning,
            "asks-too-much",
            "actions ask for services or public origins, and the code sends no requests",
            "leave out what is not needed: people grant it",
        ));
    }
    for inert in &manifest.inert_imports {
        if !imports(&format!("{inert}/")) {
            found.push(Finding::new(
                Weight::Warning,
                "inert-imports",
                format!("`inert_imports` names {inert}, and the component does not import it"),
                "leave it out",
            ));
        }
    }
    for world in &manifest.imports {
        if !imports(&format!("{world}/")) {
            found.push(Finding::new(
                Weight::Warning,
                "imports",
                format!("`imports` names {world}, and the component does not import it"),
                "leave it out: people are shown it",
            ));
        }
    }
    found
}

/// Whether people and agents can read it: names that every client takes, and something said of each action.
pub(super) fn words(manifest: &Manifest, description: &Description) -> Vec<Finding> {
    let mut found = Vec::new();
    if manifest.description.is_empty() {
        found.push(Finding::new(
            Weight::Warning,
            "description",
            "the tool has no description",
            "say in hotcell.toml what it does: description = \"…\"",
        ));
    }
    for action in &description.actions {
        let said = manifest.actions.get(&action.name).is_some_and(|ask| !ask.description.is_empty());
        if !said {
            found.push(Finding::new(
                Weight::Warning,
                "description",
                format!("{} has no description: an agent has only its name to go by", action.name),
                "write a comment above it, or a `description` in hotcell.toml",
            ));
        }
        let (name, plain) = names::seen(&manifest.name, &action.name);
        if !plain {
            found.push(Finding::new(
                Weight::Warning,
                "name",
                format!("{} is too long or odd for agents' clients: they see it as {name}", shown(&action.name, 100)),
                "shorten the names of tool, interface and function to 62 characters together",
            ));
        }
        for long in long_names(&action.parameters) {
            found.push(Finding::new(
                Weight::Warning,
                "name",
                format!("{}: the name {} has more than {PARAMETER_NAME} characters", action.name, shown(&long, 100)),
                "shorten it: some clients refuse the whole tool for it",
            ));
        }
    }
    found
}

/// Names of properties, in arguments, that strict clients refuse.
fn long_names(fields: &[Field]) -> Vec<String> {
    let mut found = Vec::new();
    let mut fields: Vec<&Field> = fields.iter().collect();
    while let Some(field) = fields.pop() {
        if field.name.len() > PARAMETER_NAME {
            found.push(field.name.clone());
        }
        let mut kinds = vec![&field.kind];
        while let Some(kind) = kinds.pop() {
            match kind {
                Type::List(inner) | Type::Option(inner) => kinds.push(inner),
                Type::Record(inner) => fields.extend(inner),
                Type::Tuple(inner) => kinds.extend(inner),
                Type::Variant(cases) => {
                    found.extend(
                        cases.iter().filter(|case| case.name.len() > PARAMETER_NAME).map(|case| case.name.clone()),
                    );
                    kinds.extend(cases.iter().filter_map(|case| case.kind.as_ref()));
                }
                Type::Result { ok, err } => kinds.extend(ok.iter().chain(err).map(|inner| &**inner)),
                _ => {}
            }
        }
    }
    found
}

/// Whether it is so large that people wait for it.
pub(super) fn size(bytes: &[u8]) -> Option<Finding> {
    (bytes.len() > LARGE_BYTES).then(|| {
        Finding::new(
            Weight::Warning,
            "size",
            format!("the component has {} MiB; compiling it takes many seconds", bytes.len() / 1_048_576),
            "leave out what the tool does not use; 64 MiB is the most",
        )
    })
}
