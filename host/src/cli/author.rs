//! `hotcell new` and `hotcell build`: what the author's room does, shown.

use std::path::Path;

use hotcell_protocol::Action;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use serde::Serialize;

use super::args;
use super::output;
use super::progress::Progress;
use crate::author;
use crate::author::Built;
use crate::author::Created;
use crate::author::Heard;
use crate::author::Profile;
use crate::author::Project;
use crate::signature::signature;

pub(super) fn new(args: &args::New) -> Result<(), Refusal> {
    let here = std::path::absolute(".").map_err(|_| Refusal::internal("the current folder is gone"))?;
    let created = author::create(&here, &args.name, args.lang, args.template)?;
    output::good(&format!(
        "{} is written: {} files in {}",
        created.name,
        created.files.len(),
        created.folder.display()
    ));
    if args.json {
        return output::json(&created);
    }
    let Created { name, .. } = &created;
    for step in [&format!("cd {name}"), "hotcell build", "hotcell test", &format!("hotcell install dist/{name}.wasm")] {
        output::dim(&format!("next: {step}"));
    }
    Ok(())
}

#[derive(Serialize)]
struct BuiltJson<'a> {
    name: &'a str,
    version: &'a str,
    file: &'a Path,
    digest: String,
    bytes: usize,
    stripped_bytes: usize,
    ms: u128,
    from_code: &'a [String],
    actions: &'a [Action],
    imports: &'a [String],
}

pub(super) fn build(args: &args::Build) -> Result<(), Refusal> {
    let project = Project::find(args.project.as_deref())?;
    let built = build_shown(&project, if args.debug { Profile::Debug } else { Profile::Release })?;
    let manifest = &built.package.manifest;
    if args.json {
        return output::json(&BuiltJson {
            name: &manifest.name,
            version: &manifest.version,
            file: &built.file,
            digest: built.package.digest.to_string(),
            bytes: built.package.bytes.len(),
            stripped_bytes: built.stripped,
            ms: built.took.as_millis(),
            from_code: &built.from_code,
            actions: &built.description.actions,
            imports: &built.description.imports,
        });
    }
    show(&project, &built);
    Ok(())
}

/// Builds a project, and shows how far it has come.
pub(super) fn build_shown(project: &Project, profile: Profile) -> Result<Built, Refusal> {
    let progress = Progress::start();
    let said = std::cell::RefCell::new(Vec::new());
    let built = author::build(project, profile, &|heard| match heard {
        Heard::Failed(lines) => said.borrow_mut().extend_from_slice(lines),
        Heard::Line(line) => progress.said(line),
        Heard::Step(step) => progress.step(step),
    });
    drop(progress);
    for line in said.into_inner() {
        output::note(&visible(&line));
    }
    built
}

fn show(project: &Project, built: &Built) {
    let manifest = &built.package.manifest;
    for action in &built.description.actions {
        output::line(&signature(action));
        if let Some(ask) = manifest.actions.get(&action.name) {
            let about = visible(ask.description.lines().next().unwrap_or_default());
            if !about.is_empty() {
                output::line(&format!("  {about}"));
            }
            for (service, scopes) in &ask.services {
                let scopes: Vec<_> = scopes.iter().map(|scope| visible(scope)).collect();
                let scopes = if scopes.is_empty() { "no token".to_owned() } else { scopes.join(", ") };
                output::line(&format!("  asks for: {} ({scopes})", visible(service)));
            }
            ask.public.iter().for_each(|rule| output::line(&format!("  public: {}", visible(rule))));
        }
    }
    output::line(&format!("imports: {}", built.description.imports.join(", ")));
    for line in &built.from_code {
        output::dim(&format!("from the code, beyond hotcell.toml: {line}"));
    }
    let file = built.file.strip_prefix(&project.folder).unwrap_or(&built.file);
    output::good(&format!(
        "{} {}: {}, {} ({:.1} s)",
        manifest.name,
        visible(&manifest.version),
        file.display(),
        size(built.package.bytes.len()),
        built.took.as_secs_f64()
    ));
    output::dim("next: hotcell check, hotcell test");
}

/// Bytes as people read them.
fn size(bytes: usize) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}
