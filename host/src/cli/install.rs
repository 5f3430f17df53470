//! `hotcell install`: what a tool asks for, shown in a table; a person's yes; the grant. `remove` takes it back.

use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use serde::Serialize;

use super::args;
use super::ask;
use super::output;
use super::package::package;
use crate::Granted;
use crate::Host;
use crate::Manifest;
use crate::Package;

/// A component of this size takes seconds to compile.
const LONG_BYTES: usize = 2 * 1024 * 1024;

#[derive(Serialize)]
struct Installed<'a> {
    installed: &'a Granted,
    replaced: Option<String>,
}

pub(crate) fn install(host: &Host, args: &args::Install) -> Result<(), Refusal> {
    let package = package(&args.file, args.manifest.as_deref(), &args.executor)?;
    let description = host.examine(&package)?;
    let granted = Granted::of(&package, jiff::Timestamp::now());
    let earlier = host.catalog().grants()?.remove(&granted.name);

    show(host, &package, &description, earlier.as_ref(), &granted);
    if !args.yes && !ask::yes("Grant this?", nobody_to_ask())? {
        return Err(Refusal::new(
            Code::ToolNotTrusted,
            format!("`{}` was not granted", granted.name),
            "nothing was changed; look at it with: hotcell inspect FILE",
        ));
    }
    if package.bytes.len() > LONG_BYTES {
        output::dim("compiling; a tool with a language runtime in it takes ten seconds or more, once");
    }
    host.install(&package, granted.clone())?;
    output::good(&format!("{} {} is installed ({})", granted.name, visible(&granted.version), granted.digest.short()));
    if args.json {
        output::json(&Installed { installed: &granted, replaced: earlier.map(|earlier| earlier.digest.to_string()) })?;
    } else if let Some(action) = description.actions.first() {
        output::dim(&format!("next: hotcell inspect {0}, or: hotcell call {0} {1}", granted.name, action.name));
    }
    Ok(())
}

pub(super) fn remove(host: &Host, args: &args::Remove) -> Result<(), Refusal> {
    let removed = host.remove(&args.tool)?;
    output::good(&format!("{} is removed, and its grant with it", removed.name));
    if args.json { output::json(&removed) } else { Ok(()) }
}

fn nobody_to_ask() -> Refusal {
    Refusal::new(
        Code::ToolNotTrusted,
        "nobody can be asked: this is not a terminal",
        "read the table above, then grant it with --yes",
    )
}

fn show(host: &Host, package: &Package, description: &Description, earlier: Option<&Granted>, granted: &Granted) {
    let Manifest { name, version, description: text, .. } = &package.manifest;
    output::title(&format!("{name} {} asks for", visible(version)));
    if !text.is_empty() {
        output::note(&visible(text));
    }
    output::note(&output::table(&["ACTION", "SERVICE", "SCOPE", "WHICH ALLOWS"], &asked(host, description, granted)));
    if !granted.inert_imports.is_empty() {
        output::note(&format!("linked without effect: {}", granted.inert_imports.join(", ")));
    }
    if let Some(parts) = &granted.declared {
        output::note(&format!("no code of its own: the executor `{}` sends its requests", parts.executor));
        if !package.manifest.variables.is_empty() {
            let set: Vec<_> = host.variables(name).iter().map(|(name, value)| format!("{name} = {value}")).collect();
            output::note(&format!("variables of config.toml: {}", visible(&set.join(", "))));
        }
        output::dim(&format!("executor sha256 {}", parts.executor_digest));
        for (action, refusal) in host.foresee(package) {
            output::bad(&format!("{action}: its request would be refused: {}: {}", refusal.code, refusal.message));
        }
    }
    for world in &granted.imports {
        output::note(&format!("asks for {world}: its requests go through the same gate"));
    }
    output::dim(&format!("sha256 {}", granted.digest));
    if let Some(earlier) = earlier {
        show_change(earlier, granted);
    }
}

fn show_change(earlier: &Granted, granted: &Granted) {
    if earlier.digest == granted.digest {
        output::note("the same file is granted already");
        return;
    }
    output::note(&format!(
        "it takes the place of {} ({}), granted {}",
        visible(&earlier.version),
        earlier.digest.short(),
        earlier.granted_at.strftime("%Y-%m-%d")
    ));
    let more = granted.beyond(earlier);
    if more.is_empty() {
        output::note("it asks for nothing more than that one");
    }
    for line in more {
        output::bad(&format!("new: {}", visible(&line)));
    }
}

/// A row for each action, service and scope, with the rules that the operator's service gives the scope.
fn asked(host: &Host, description: &Description, granted: &Granted) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let row = |action: &str, service: &str, scope: &str, rules: String| {
        vec![action.to_owned(), visible(service), visible(scope), rules]
    };
    for action in &description.actions {
        let grant = granted.actions.get(&action.name).cloned().unwrap_or_default();
        let before = rows.len();
        for (service, scopes) in &grant.services {
            let origins = host.services().origins(service).join(", ");
            if scopes.is_empty() {
                rows.push(row(
                    &action.name,
                    service,
                    "(no token)",
                    rules(&origins, &host.services().anonymous(service)),
                ));
            }
            for scope in scopes {
                rows.push(row(&action.name, service, scope, rules(&origins, &host.services().rules(service, scope))));
            }
        }
        rows.extend(grant.public.iter().map(|rule| row(&action.name, "(public)", "(no token)", visible(rule))));
        if rows.len() == before {
            rows.push(row(&action.name, "-", "-", "nothing outside the sandbox".to_owned()));
        }
    }
    rows
}

fn rules(origins: &str, rules: &[String]) -> String {
    format!("{origins}\n{}", rules.join("\n"))
}
