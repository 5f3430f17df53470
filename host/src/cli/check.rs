//! `hotcell check`: findings in a table, and an exit code for scripts.

use std::path::Path;

use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::visible;
use serde::Serialize;

use super::Exit;
use super::args;
use super::output;
use crate::Catalog;
use crate::Package;
use crate::Places;
use crate::author;
use crate::author::Finding;
use crate::author::Project;
use crate::author::Weight;
use crate::folders;

#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    version: &'a str,
    digest: String,
    /// The digest of the version that it was compared with.
    against: Option<String>,
    findings: &'a [Finding],
}

pub(super) fn check(args: &args::Check) -> Result<Exit, Refusal> {
    let (package, services, mut findings) = found(args.target.as_deref(), &args.executor)?;
    let name = &package.manifest.name;
    let before = match &args.against {
        Some(file) => Some(super::package::package(file, None, &args.executor)?),
        None => installed(name)?,
    };
    findings.extend(author::check(&package, services.as_deref(), before.as_ref()));
    findings.sort_by_key(|finding| finding.weight);
    let errors = findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    if args.json {
        output::json(&Checked {
            name,
            version: &package.manifest.version,
            digest: package.digest.to_string(),
            against: before.as_ref().map(|before| before.digest.to_string()),
            findings: &findings,
        })?;
    } else {
        show(&package, before.as_ref(), &findings, errors);
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::BadInput })
}

/// The tool, the operator's side of it, and what is to be said before it is looked at.
fn found(target: Option<&Path>, executor: &args::Executor) -> Result<(Package, Option<String>, Vec<Finding>), Refusal> {
    if let Some(file) = target.filter(|target| target.is_file()) {
        let services = folders::read_foreign_file(&file.with_file_name("service.toml"), limits::MANIFEST_BYTES)?;
        return Ok((super::package::package(file, None, executor)?, services, Vec::new()));
    }
    let project = Project::find(target)?;
    let package = Package::new(project.built()?, None)?;
    let stale = project.changed_since_built().map(|file| Finding {
        weight: Weight::Warning,
        rule: "stale",
        what: format!("{} was changed after the last build: this is about what was built", file.display()),
        repair: "build it again: hotcell build".to_owned(),
    });
    Ok((package, project.services()?, stale.into_iter().collect()))
}

/// The installed tool of this name. Makes no folder: on a machine without Hotcell's there is nothing to compare with.
fn installed(name: &str) -> Result<Option<Package>, Refusal> {
    let Some(places) = Places::of_user().ok().filter(|places| places.state.is_dir()) else { return Ok(None) };
    let catalog = Catalog::open(&folders::own_folder(&places.state)?)?;
    let Some(granted) = catalog.grants()?.remove(name) else { return Ok(None) };
    Package::new(catalog.component(&granted)?, None).map(Some)
}

fn show(package: &Package, before: Option<&Package>, findings: &[Finding], errors: usize) {
    for finding in findings {
        let line = format!("{}: {}", finding.rule, visible(&finding.what));
        match finding.weight {
            Weight::Error => output::bad(&line),
            Weight::Warning => output::note(&format!("warning {line}")),
        }
        output::dim(&format!("   {}", visible(&finding.repair)));
    }
    let name = format!("{} {}", package.manifest.name, visible(&package.manifest.version));
    let since = match before {
        Some(before) if before.digest == package.digest => "it is the very version that is in use".to_owned(),
        Some(before) => format!("compared with {} ({})", visible(&before.manifest.version), before.digest.short()),
        None => "there is no earlier version to compare with".to_owned(),
    };
    let warnings = findings.len() - errors;
    if errors == 0 {
        output::good(&format!("{name}: nothing must be repaired, {warnings} warnings; {since}"));
    } else {
        output::bad(&format!("{name}: {errors} to repair, {warnings} warnings; {since}"));
    }
}
