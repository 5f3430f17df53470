//! Python: pip brings componentize-py and the project's packages as pinned, and that makes the component.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

use super::Made;
use super::work;
use crate::author::project::Project;
use crate::author::run;
use crate::author::run::Heard;
use crate::author::run::Say;
use crate::folders;

const INSTALL_PYTHON: &str =
    "install Python 3.10 or later: https://www.python.org (Debian: apt-get install python3-venv)";
/// The oldest that the pinned packages are kept for. It runs the builder alone: the component has a Python of its own.
const OLDEST: (u32, u32) = (3, 10);
/// The Python inside of components that componentize-py 0.25 makes. Packages are chosen for it, and not for the builder's.
const INSIDE: &str = "3.14";
const SOURCE: &str = "src/tool.py";
/// What builds, pinned.
const BUILD_PINS: &str = "requirements-build.txt";
/// What goes into the component, pinned.
const PINS: &str = "requirements.txt";
const VENV: &str = ".hotcell/venv";
const PACKAGES: &str = ".hotcell/packages";
const BINDINGS: &str = ".hotcell/bindings";

/// Builds the project's module.
///
/// # Errors
/// [`Code::BuildFailed`] if Python or the builder is missing, too old, or fails.
pub(super) fn build(project: &Project, say: Say<'_>) -> Result<Made, Refusal> {
    let python = python()?;
    let wit = work::wit(project)?;
    let source = project.build.source.as_deref().unwrap_or(SOURCE);
    let (folder, module) = module(project, source)?;
    bring_builder(project, &python, say)?;
    let has_packages = bring_packages(project, say)?;
    let builder = in_venv(project, "componentize-py");
    if !builder.is_file() {
        return Err(Refusal::new(
            Code::BuildFailed,
            format!("{BUILD_PINS} does not bring componentize-py, which makes the component"),
            "add it as in a new project (hotcell new NAME --lang python), then build again",
        ));
    }
    let componentize = |args: &[&str]| {
        let mut command = Command::new(&builder);
        command.current_dir(&project.folder).arg("--wit-path").arg(&wit);
        if let Some(world) = &project.build.world {
            command.args(["--world", world]);
        }
        // A person's own environment is none of the component's; and of a mistake, only what is said of it is wanted.
        command.args(args).env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH").env("RUST_BACKTRACE", "0");
        command
    };
    let readable = |heard: Heard<'_>| match heard {
        Heard::Failed(lines) => say(Heard::Failed(&readable(lines, folder))),
        Heard::Line(_) => {}
        other => say(other),
    };
    say(Heard::Step("writing types for editors into .hotcell/bindings"));
    folders::remove_folder_in(&project.dir, BINDINGS)?;
    run::builder(&mut componentize(&["bindings", BINDINGS]), INSTALL_PYTHON, &readable)?;
    let made = work::made(project)?;
    let mut command = componentize(&["componentize", module, "--python-path", folder]);
    if has_packages {
        command.args(["--python-path", PACKAGES]);
    }
    say(Heard::Step("making the component with componentize-py (about ten seconds)"));
    run::builder(command.arg("--output").arg(&made), INSTALL_PYTHON, &readable)?;
    Ok(Made { component: folders::read_named_file(&made, limits::COMPONENT_BYTES)? })
}

/// Folder and name of the module.
fn module<'a>(project: &Project, source: &'a str) -> Result<(&'a str, &'a str), Refusal> {
    let (folder, file) = source.rsplit_once('/').unwrap_or((".", source));
    let module = file.strip_suffix(".py").filter(|_| project.path(source).is_file());
    module.map(|module| (folder, module)).ok_or_else(|| {
        Refusal::new(
            Code::BadConfig,
            format!("there is no module {source}, which the tool is built of"),
            "name it in hotcell.toml: [build], source = \"src/tool.py\"",
        )
    })
}

/// The first Python that can make an environment of its own.
fn python() -> Result<PathBuf, Refusal> {
    let names: &[&str] = if cfg!(windows) { &["python", "py"] } else { &["python3", "python"] };
    let asked = "import sys; print('.'.join(map(str, sys.version_info[:2]))); import ensurepip, venv; print('venv')";
    let found = names.iter().find_map(|name| {
        // One that lacks a module fails, and has said its version.
        let output = Command::new(name).args(["-c", asked]).output().ok()?;
        Some((PathBuf::from(name), String::from_utf8_lossy(&output.stdout).into_owned()))
    });
    let Some((name, said)) = found else {
        return Err(Refusal::new(
            Code::BuildFailed,
            "Python is not installed, which builds tools in Python",
            INSTALL_PYTHON,
        ));
    };
    require(&said)?;
    Ok(name)
}

fn require(said: &str) -> Result<(), Refusal> {
    let mut lines = said.lines();
    let version = lines.next().unwrap_or("unknown");
    let number = version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if number.is_none_or(|number: (u32, u32)| number < OLDEST) {
        return Err(Refusal::new(
            Code::BuildFailed,
            format!("Python is too old: {version}, and 3.10 is needed"),
            INSTALL_PYTHON,
        ));
    }
    if lines.next() != Some("venv") {
        return Err(Refusal::new(
            Code::BuildFailed,
            "Python lacks its module venv or ensurepip, and tools are built in an environment of their own",
            "install it (Debian: apt-get install python3-venv), then build again",
        ));
    }
    Ok(())
}

/// The environment that builds: it is never in the component.
fn bring_builder(project: &Project, python: &Path, say: Say<'_>) -> Result<(), Refusal> {
    if !project.path(BUILD_PINS).is_file() {
        return Err(Refusal::new(
            Code::BadConfig,
            format!("there is no {BUILD_PINS}, which says what builds the tool"),
            "take that of a new project: hotcell new NAME --lang python",
        ));
    }
    let version = run::answer(Command::new(python).arg("--version")).unwrap_or_default();
    work::once(project, VENV, &[BUILD_PINS], &version, || {
        say(Heard::Step("bringing componentize-py with pip (once)"));
        folders::remove_folder_in(&project.dir, VENV)?;
        let mut venv = Command::new(python);
        run::builder(venv.args(["-m", "venv", VENV]).current_dir(&project.folder), INSTALL_PYTHON, say)?;
        run::builder(pip(project).args(["-r", BUILD_PINS]), INSTALL_PYTHON, say).map(drop)
    })
}

/// The packages that go into the component: pure Python alone, since nothing else runs in it. Whether there are any.
fn bring_packages(project: &Project, say: Say<'_>) -> Result<bool, Refusal> {
    let pins = folders::read_file(&project.dir, PINS, limits::MANIFEST_BYTES)?.unwrap_or_default();
    if !String::from_utf8_lossy(&pins).lines().any(names_something) {
        folders::remove_folder_in(&project.dir, PACKAGES)?;
        return Ok(false);
    }
    work::once(project, PACKAGES, &[PINS], INSIDE, || {
        say(Heard::Step("bringing what requirements.txt names with pip (once)"));
        folders::remove_folder_in(&project.dir, PACKAGES)?;
        let mut pip = pip(project);
        pip.args(["--target", PACKAGES, "--only-binary", ":all:", "--platform", "any", "--implementation", "py"]);
        pip.args(["--abi", "none", "--python-version", INSIDE, "--no-compile", "-r", PINS]);
        run::builder(&mut pip, INSTALL_PYTHON, say).map(drop)
    })?;
    Ok(true)
}

fn names_something(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn pip(project: &Project) -> Command {
    let mut command = Command::new(in_venv(project, "python"));
    command.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet"]);
    command.current_dir(&project.folder);
    command
}

/// A program of the environment that builds.
fn in_venv(project: &Project, program: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    project.path(VENV).join(folder).join(format!("{program}{}", std::env::consts::EXE_SUFFIX))
}

/// What the builder says, without its own stacks, and with the author's paths: it numbers the folders that it looks in.
fn readable(lines: &[String], folder: &str) -> Vec<String> {
    const PREFIX: &str = "AssertionError: ";
    let Some(first) = lines.iter().position(|line| line.starts_with(PREFIX)) else { return lines.to_vec() };
    let said = lines.iter().skip(first).take_while(|line| *line != "Caused by:" && *line != "Stack backtrace:");
    let mut own: Vec<String> = said
        .map(|line| line.strip_prefix(PREFIX).unwrap_or(line))
        .map(|line| line.replace("\"/0/", &format!("\"{folder}/")).replace("\"/1/", &format!("\"{PACKAGES}/")))
        .filter(|line| !line.is_empty())
        .collect();
    let text = own.join("\n");
    for (sign, advice) in ADVICE {
        if text.contains(sign) {
            own.push(advice.to_owned());
        }
    }
    own
}

/// What an author is told where Python's own words do not say what to do.
const ADVICE: [(&str, &str); 3] = [
    (
        "' has no attribute '",
        "the module needs a class of that name, with a method for each function that wit/ exports",
    ),
    ("Can't instantiate abstract class", "each function that wit/ exports needs a method: see .hotcell/bindings"),
    (
        "No module named",
        "packages that the component needs stand in requirements.txt, pure Python, pinned with digests",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        readable(&text.lines().map(str::to_owned).collect::<Vec<_>>(), "src")
    }

    #[test]
    fn an_old_python_or_one_without_venv_is_refused_with_the_repair() {
        require("3.10\nvenv\n").unwrap();
        require("4.0\nvenv\n").unwrap();
        for said in ["3.9\nvenv\n", "2.7\n", "", "odd", "3.11\n"] {
            let refusal = require(said).unwrap_err();
            assert_eq!(refusal.code, Code::BuildFailed);
            assert!(refusal.hint.contains("python3-venv"), "{said}: {refusal:?}");
        }
    }

    #[test]
    fn a_mistake_in_the_authors_file_is_shown_with_its_line_and_without_the_builders_stack() {
        let syntax = "Traceback (most recent call last):\n  File \"/p/.hotcell/venv/bin/componentize-py\", line 8, in <module>\n\
            \x20   sys.exit(script())\n             ^^^^^^^^\n\
            AssertionError:   File \"/0/tool.py\", line 4\n    return \"x\" +\n                ^\n\
            SyntaxError: invalid syntax\n\n\nCaused by:\n    SyntaxError: invalid syntax (tool.py, line 4)\n";
        let expected = [
            "  File \"src/tool.py\", line 4",
            "    return \"x\" +",
            "                ^",
            "SyntaxError: invalid syntax",
        ];
        assert_eq!(shown(syntax), expected);
        let import = "AssertionError: Traceback (most recent call last):\n  File \"/0/tool.py\", line 2, in <module>\n\
            \x20   import nothing_here\nModuleNotFoundError: No module named 'nothing_here'\n\n\nCaused by:\n";
        let import = shown(import);
        assert!(import[1].contains("src/tool.py\", line 2") && import[4].contains("requirements.txt"), "{import:?}");
        let class =
            shown("AssertionError: AttributeError: module 'tool' has no attribute 'WitWorld'\n\n\nCaused by:\n");
        assert_eq!(class[0], "AttributeError: module 'tool' has no attribute 'WitWorld'");
        assert!(class[1].contains("needs a class"), "{class:?}");
        assert_eq!(shown("something else"), ["something else"], "what is not known is shown whole");
    }

    #[test]
    fn comments_and_empty_lines_name_no_package() {
        assert!(["", "  ", "# requests"].iter().all(|line| !names_something(line)));
        assert!(names_something("requests==2.34.2 \\"));
    }
}
