//! `hotcell list` and `hotcell inspect`: what is installed, and what a tool can do. Runs no guest code.

use std::path::Path;

use hotcell_protocol::Action;
use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use serde::Serialize;

use super::args;
use super::output;
use super::package::package;
use crate::Granted;
use crate::Host;
use crate::Manifest;
use crate::Package;
use crate::signature::signature;

pub(super) fn list(host: &Host, args: &args::Json) -> Result<(), Refusal> {
    let grants = host.catalog().grants()?;
    if args.json {
        return output::json(&grants.values().collect::<Vec<_>>());
    }
    if grants.is_empty() {
        output::note("no tool is installed: hotcell install FILE");
        return Ok(());
    }
    let row = |granted| Ok(row(granted, &host.strikes().suspended(granted.digest)?));
    let rows = grants.values().map(row).collect::<Result<Vec<_>, Refusal>>()?;
    output::line(&output::table(&["TOOL", "VERSION", "GRANTED", "DIGEST", "USES"], &rows));
    Ok(())
}

fn row(granted: &Granted, suspended: &[String]) -> Vec<String> {
    let mut uses: Vec<String> = granted
        .actions
        .values()
        .flat_map(|action| &action.services)
        .flat_map(|(service, scopes)| match scopes.is_empty() {
            true => vec![service.clone()],
            false => scopes.iter().map(|scope| format!("{service}/{scope}")).collect(),
        })
        .collect();
    uses.sort();
    uses.dedup();
    vec![
        granted.name.clone(),
        visible(&granted.version),
        granted.granted_at.strftime("%Y-%m-%d").to_string(),
        granted.digest.short(),
        match (uses.is_empty(), suspended) {
            (true, _) => "-".into(),
            (false, []) => uses.join(", "),
            (false, suspended) => format!("{} (suspended: {})", uses.join(", "), suspended.join(", ")),
        },
    ]
}

#[derive(Serialize)]
struct Inspected<'a> {
    manifest: &'a Manifest,
    digest: String,
    bytes: usize,
    granted: Option<&'a Granted>,
    #[serde(flatten)]
    description: &'a Description,
}

pub(super) fn inspect(host: &Host, args: &args::Inspect) -> Result<(), Refusal> {
    let (package, granted) = find(host, args)?;
    let description = host.describe(&package)?;
    if args.json {
        return output::json(&Inspected {
            manifest: &package.manifest,
            digest: package.digest.to_string(),
            bytes: package.bytes.len(),
            granted: granted.as_ref(),
            description: &description,
        });
    }
    let manifest = &package.manifest;
    output::line(&format!("{} {}  {}", manifest.name, visible(&manifest.version), visible(&manifest.description)));
    output::line(&format!("sha256 {}, {} bytes", package.digest, package.bytes.len()));
    if let Some(parts) = &package.parts {
        output::line(&format!("no code of its own: executor {}, sha256 {}", parts.executor, parts.executor_digest));
    }
    output::line(match &granted {
        Some(_) => "granted",
        None => "not granted: hotcell install FILE",
    });
    for action in &description.actions {
        output::line(&format!("\n{}", signature(action)));
        show_grant(manifest, granted.as_ref(), action);
        show_request(manifest, action);
    }
    output::line(&format!("\nimports\n  {}", description.imports.join("\n  ")));
    Ok(())
}

/// An installed tool by name, or else a file.
fn find(host: &Host, args: &args::Inspect) -> Result<(Package, Option<Granted>), Refusal> {
    let (tool, path) = (&args.tool, Path::new(&args.tool));
    match host.catalog().find(tool) {
        Ok(granted) => Ok((Package::new(host.catalog().component(&granted)?, None)?, Some(granted))),
        Err(_) if path.is_file() => Ok((package(path, None, &args.executor)?, None)),
        Err(refusal) => Err(refusal),
    }
}

/// What an action without code sends, and what is said of its parameters.
fn show_request(manifest: &Manifest, action: &Action) {
    let Some(ask) = manifest.actions.get(&action.name) else { return };
    if let Some(request) = &ask.request {
        output::line(&format!("  sends: {} {}", request.method.as_str(), visible(&request.url)));
    }
    ask.parameters.iter().for_each(|(name, about)| output::line(&format!("  {}: {}", visible(name), visible(about))));
}

fn show_grant(manifest: &Manifest, granted: Option<&Granted>, action: &Action) {
    if let Some(ask) = manifest.actions.get(&action.name) {
        if !ask.description.is_empty() {
            output::line(&format!("  {}", visible(&ask.description)));
        }
        for (service, scopes) in &ask.services {
            let scopes: Vec<_> = scopes.iter().map(|scope| visible(scope)).collect();
            let held = granted.and_then(|granted| granted.actions.get(&action.name));
            let verdict =
                if held.is_some_and(|held| held.services.contains_key(service)) { "granted" } else { "asks for" };
            let what = if scopes.is_empty() { "no token".to_owned() } else { scopes.join(", ") };
            output::line(&format!("  {verdict}: {} ({what})", visible(service)));
        }
        ask.public.iter().for_each(|rule| output::line(&format!("  public: {}", visible(rule))));
    }
}
