//! `hotcell test`, `record`, `dev`: the author's test kit.

mod report;

use std::path::Path;
use std::path::PathBuf;

use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

use super::Exit;
use super::args;
use super::install;
use super::output;
use crate::Package;
use crate::Places;
use crate::author::kit;
use crate::author::kit::run::Bench;
use crate::author::kit::run::Ran;
use crate::author::kit::run::Workshop;
use crate::folders;
use crate::stop;
use report::Report;

/// `hotcell test`
pub(super) async fn test(args: &args::Test) -> Result<Exit, Refusal> {
    let (project, file) = project(&args.path)?;
    let dir = folders::named_folder(&project)?;
    // Mistakes of case files are told before a build that takes minutes.
    let cases = kit::cases(&dir, file.as_deref(), args.case.as_deref())?;
    let package = package(&project, &dir, args)?;
    let workshop = Workshop::open(&Places::of_user()?, super::own_program().ok())?;
    let bench = Bench::new(&workshop, &package, kit::services(&dir)?)?;
    bench.check(&cases)?;
    let mut report = Report::new(&package, bench.services(), &cases, args.json);
    let mut ran = Vec::new();
    for case in &cases {
        let one = tokio::select! {
            one = bench.run(case) => one?,
            () = stop::stopped() => return Err(given_up()),
        };
        report.add(&one);
        ran.push(one);
    }
    report.finish()?;
    if let Some(path) = &args.junit {
        let document = kit::junit::document(&package.manifest.name, &ran);
        folders::write_named_file(path, document.as_bytes())?;
    }
    Ok(if ran.iter().all(Ran::passed) { Exit::Done } else { Exit::ToolError })
}

/// The project's folder, and the one case file that was named, if one was.
fn project(path: &Path) -> Result<(PathBuf, Option<String>), Refusal> {
    if path.extension().is_none_or(|ending| ending != "toml") {
        return Ok((path.to_owned(), None));
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
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

/// The tool that is tested: a component that was named, or what the project builds.
fn package(project: &Path, _dir: &Dir, args: &args::Test) -> Result<Package, Refusal> {
    let Some(file) = &args.component else {
        return Err(Refusal::new(Code::BadConfig, "building is not there yet", "name a component with --component"));
    };
    let own = project.join("hotcell.toml");
    install::package_or(file, own.is_file().then_some(own))
}

fn given_up() -> Refusal {
    Refusal::new(Code::DeadlineExceeded, "the cases were stopped", "nothing was sent, and nothing was changed")
}
