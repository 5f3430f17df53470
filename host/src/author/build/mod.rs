//! `hotcell build`: the language's own builder, then what every language has in common: docs, manifest, size.

mod c;
mod clang;
mod docs;
mod js;
mod parts;
mod python;
mod rust;
mod wit;
mod work;

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use clap::ValueEnum;
use hotcell_protocol::Description;
use hotcell_protocol::Refusal;

use super::project::Lang;
use super::project::Project;
use super::run::Heard;
use super::run::Say;
use crate::Package;

/// How much work the compiler puts into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Quick to compile.
    Debug,
    /// Small and fast.
    #[default]
    Release,
}

/// A component as a language's builder made it.
pub(super) struct Made {
    /// Its bytes.
    pub(super) component: Vec<u8>,
}

/// A tool that can be installed.
pub(crate) struct Built {
    /// The component with its manifest inside.
    pub(crate) package: Package,
    /// Where it was put: `dist/NAME.wasm` of the project.
    pub(crate) file: PathBuf,
    /// Imports and actions.
    pub(crate) description: Description,
    /// What the code itself asks for beyond hotcell.toml, a line each.
    pub(crate) from_code: Vec<String>,
    /// Bytes of debug information and the like that were left out.
    pub(crate) stripped: usize,
    /// The time of all of it.
    pub(crate) took: Duration,
}

/// Builds a project, packs it, and puts it into `dist`.
///
/// # Errors
/// [`Code::BuildFailed`] if the builder is missing or fails; [`Code::BadComponent`], [`Code::ImportNotAllowed`] and
/// [`Code::BadConfig`] for what could not be installed.
pub(crate) fn build(project: &Project, profile: Profile, say: Say<'_>) -> Result<Built, Refusal> {
    let started = Instant::now();
    let made = match project.build.lang {
        Lang::C => c::build(project, profile, say)?,
        Lang::Js => js::build(project, say)?,
        Lang::Python => python::build(project, say)?,
        Lang::Rust => rust::build(project, profile, say)?,
    };
    say(Heard::Step("packing"));
    hotcell_sandbox::require_component(&made.component)?;
    let parts = parts::taken_apart(&made.component)?;
    let mut manifest = project.manifest.clone();
    let from_code = docs::add_code(&mut manifest, &parts.actions)?;
    let description = hotcell_sandbox::describe(&parts.component, &manifest.imports())?;
    if let Some(wit) = project.wit()? {
        docs::add_wit(&mut manifest, &description, &wit, project.build.world.as_deref())?;
    }
    let package = docs::pack(parts.component, &manifest)?;
    package.manifest.check_against(&description)?;
    project.put(&package.bytes)?;
    Ok(Built {
        package,
        file: project.dist_file(),
        description,
        from_code,
        stripped: parts.left_out,
        took: started.elapsed(),
    })
}
