//! From the file that a person names to a package: a component with its manifest, or a manifest with the executor that runs it.

use std::path::Path;
use std::path::PathBuf;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

use super::args;
use crate::Manifest;
use crate::Package;
use crate::catalog::executor;
use crate::catalog::executor::Wanted;
use crate::folders;

/// Reads a component and its manifest: the one inside, the one named, or one beside it. Of a manifest alone, the executor that it
/// asks for is the component.
pub(super) fn package(file: &Path, manifest: Option<&Path>, executor: &args::Executor) -> Result<Package, Refusal> {
    of_bytes(file, manifest, folders::read_named_file(file, limits::COMPONENT_BYTES)?, executor)
}

fn of_bytes(
    file: &Path,
    manifest: Option<&Path>,
    bytes: Vec<u8>,
    executor: &args::Executor,
) -> Result<Package, Refusal> {
    if manifest.is_none() && file.extension().is_some_and(|ending| ending == "toml") {
        return of_manifest(file, bytes, executor);
    }
    let package = with_manifest(file, manifest, bytes)?;
    // Somebody packed an executor with the manifest: a person reads that the tool has no code, so it must be the shipped one.
    if let Some(parts) = &package.parts {
        let wanted = Wanted { name: parts.executor.clone(), digest: None };
        let digest = Digest::of(&shipped(&wanted, executor)?);
        executor::same(&wanted.name, digest, parts.executor_digest, "the one that is shipped here")?;
    }
    Ok(package)
}

/// The same; where there is no manifest in it or beside it, this one.
pub(super) fn package_or(
    file: &Path,
    manifest: Option<PathBuf>,
    executor: &args::Executor,
) -> Result<Package, Refusal> {
    let component = folders::read_named_file(file, limits::COMPONENT_BYTES)?;
    let carried = hotcell_sandbox::is_component(&component) && crate::catalog::embedded(&component)?.is_some();
    let other = manifest.filter(|_| !carried && beside(file).is_none());
    of_bytes(file, other.as_deref(), component, executor)
}

fn with_manifest(file: &Path, manifest: Option<&Path>, component: Vec<u8>) -> Result<Package, Refusal> {
    if manifest.is_none()
        && hotcell_sandbox::is_component(&component)
        && crate::catalog::embedded(&component)?.is_some()
    {
        return Package::new(component, None);
    }
    hotcell_sandbox::require_component(&component)?;
    let Some(path) = manifest.map(Path::to_owned).or_else(|| beside(file)) else {
        return Package::new(component, None);
    };
    let name = path.display().to_string();
    let text = utf8(folders::read_named_file(&path, limits::MANIFEST_BYTES)?, &name)?;
    refuse_project(&text, &name)?;
    Package::new(component, Some((&text, &name)))
}

/// A project's file is packed by its own command, which leaves out what is for the builder.
fn refuse_project(text: &str, name: &str) -> Result<(), Refusal> {
    if toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("build")) {
        return Err(Refusal::new(
            Code::BadConfig,
            format!("{name} is the file of a project: it has a table [build], which no manifest has"),
            "hotcell build makes the component and packs the manifest: use dist/NAME.wasm",
        ));
    }
    Ok(())
}

fn of_manifest(file: &Path, text: Vec<u8>, executor: &args::Executor) -> Result<Package, Refusal> {
    let name = file.display().to_string();
    let text = utf8(text, &name)?;
    let manifest = Manifest::parse(&text, &name)?;
    let Some(wanted) = manifest.executor.as_deref().map(Wanted::of).transpose()? else {
        return Err(Refusal::new(
            Code::BadConfig,
            format!("{name} is the manifest of a tool with code"),
            "name the component: hotcell install FILE.wasm; or write `executor = \"http\"` for a tool without code",
        ));
    };
    Package::new(shipped(&wanted, executor)?, Some((&text, &name)))
}

fn utf8(bytes: Vec<u8>, name: &str) -> Result<String, Refusal> {
    String::from_utf8(bytes)
        .map_err(|_| Refusal::new(Code::BadConfig, format!("{name} is not UTF-8"), "save it as UTF-8"))
}

/// The executor that was shipped with this hotcell, or the one that a person named.
fn shipped(wanted: &Wanted, named: &args::Executor) -> Result<Vec<u8>, Refusal> {
    let file_name = wanted.file_name();
    let folder = named.folder.clone().or_else(beside_hotcell);
    let file = named.file.clone().or_else(|| folder.map(|folder| folder.join(&file_name)));
    let Some(file) = file.filter(|file| file.is_file()) else {
        return Err(Refusal::new(
            Code::BadComponent,
            format!("the executor `{}` is not there", wanted.name),
            format!(
                "build it with cargo x guests {0}-executor, and name it: --executor {file_name}, or its folder: HOTCELL_EXECUTORS",
                wanted.name
            ),
        ));
    };
    let bytes = folders::read_named_file(&file, limits::COMPONENT_BYTES)?;
    hotcell_sandbox::require_component(&bytes)?;
    Ok(bytes)
}

fn beside_hotcell() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.join("executors"))
}

fn beside(file: &Path) -> Option<PathBuf> {
    let own = file.with_extension("toml");
    let common = file.with_file_name("hotcell.toml");
    [own, common].into_iter().find(|path| path.is_file())
}
