//! `hotcell test`, `record`, `dev`: the author's test kit.

mod dev;
mod record;
mod report;

use std::path::Path;
use std::path::PathBuf;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

use super::Exit;
use super::args;
use super::author::build_shown;
use super::package::package_or;
use crate::Package;
use crate::Places;
use crate::author::Profile;
use crate::author::Project;
use crate::author::kit;
use crate::author::kit::case::Case;
use crate::author::kit::run::Bench;
use crate::author::kit::run::Ran;
use crate::author::kit::run::Workshop;
use crate::folders;
use crate::stop;
pub(super) use dev::dev;
pub(super) use record::record;
use report::Report;

/// The file that makes a folder a project.
const PROJECT: &str = "hotcell.toml";

/// `hotcell test`
pub(super) async fn test(args: &args::Test) -> Result<Exit, Refusal> {
    let (project, file) = project(args.path.as_deref())?;
    let dir = folders::named_folder(&project)?;
    // Mistakes of case files are told before a build that takes minutes.
    let cases = kit::cases(&dir, file.as_deref(), args.case.as_deref())?;
    let services = kit::services(&dir)?;
    let own = project.join(PROJECT);
    let package = match (&args.component, args.no_build) {
        (None, _) if is_declared(&own) => package_or(&own, None, &args.executor)?,
        (Some(file), _) => package_or(file, own.is_file().then_some(own), &args.executor)?,
        (None, true) => package_or(&Project::find(Some(&project))?.dist_file(), None, &args.executor)?,
        (None, false) => build_shown(&Project::find(Some(&project))?, Profile::Release)?.package,
    };
    let workshop = Workshop::open(&Places::of_user()?, super::own_program().ok())?;
    let bench = Bench::new(&workshop, &package, services)?;
    let ran = tokio::select! {
        ran = run(&bench, &package, &cases, args.json) => ran?,
        () = stop::stopped() => return Err(given_up()),
    };
    if let Some(path) = &args.junit {
        let document = kit::junit::document(&package.manifest.name, &ran);
        folders::write_named_file(path, document.as_bytes())?;
    }
    Ok(if ran.iter().all(Ran::passed) { Exit::Done } else { Exit::ToolError })
}

/// Runs cases one after the other, and shows each as it ends.
async fn run<'c>(bench: &Bench<'_>, package: &Package, cases: &'c [Case], json: bool) -> Result<Vec<Ran<'c>>, Refusal> {
    bench.check(cases)?;
    let mut report = Report::new(package, bench.services(), cases, json);
    let mut ran = Vec::new();
    for case in cases {
        let one = bench.run(case).await?;
        report.add(&one);
        ran.push(one);
    }
    report.finish()?;
    Ok(ran)
}

/// The project's folder, and the one case file that was named, if one was. Without a path, the nearest project from here upwards.
fn project(path: Option<&Path>) -> Result<(PathBuf, Option<String>), Refusal> {
    let absolute = std::path::absolute(path.unwrap_or(Path::new(".")))
        .map_err(|_| Refusal::internal("the current folder is gone"))?;
    let Some(path) = path else {
        let nearest = absolute.ancestors().find(|folder| folder.join(PROJECT).is_file()).map(Path::to_owned);
        return Ok((nearest.unwrap_or(absolute), None));
    };
    if absolute.extension().is_none_or(|ending| ending != "toml") {
        return Ok((absolute, None));
    }
    let folder = absolute.parent().filter(|folder| folder.file_name().is_some_and(|name| name == kit::FOLDER));
    match (folder.and_then(Path::parent), absolute.file_name().and_then(|name| name.to_str())) {
        (Some(project), Some(name)) if absolute.is_file() => {
            Ok((project.to_owned(), Some(format!("{}/{name}", kit::FOLDER))))
        }
        _ => Err(Refusal::new(
            Code::BadConfig,
            format!("{} is no case file of a project", path.display()),
            "name the project's folder, or a file in its folder `tests`",
        )),
    }
}

/// Whether a project is a tool without code: then there is nothing to build.
fn is_declared(manifest: &Path) -> bool {
    let bytes = folders::read_named_file(manifest, limits::MANIFEST_BYTES);
    let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| toml::from_str::<toml::Table>(&text).ok()).is_some_and(|table| table.contains_key("executor"))
}

fn given_up() -> Refusal {
    Refusal::new(Code::DeadlineExceeded, "the cases were stopped", "nothing was sent, and nothing was changed")
}
