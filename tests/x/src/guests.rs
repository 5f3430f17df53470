//! Builds the guests, and runs hotcell on them.

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use crate::commands;
use crate::places;
use crate::run::Done;
use crate::run::Failed;
use crate::run::io;
use crate::run::passed_on;
use crate::run::shown;
use crate::say;
use crate::setup;
use crate::setup::TARGET;
use crate::setup::Toolchain;

/// The workspaces of guests. Not all need be there.
const WORKSPACES: [&str; 2] = ["example-tools", "tests/guests"];
/// What the demonstration installs.
const DEMO_TOOLS: [&str; 2] = ["github-issues", "prober"];

/// A package that becomes a component.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    name: String,
    folder: PathBuf,
    workspace: &'static str,
}

/// `cargo x guests`
pub(crate) fn command(args: &[String]) -> Done {
    if args.iter().any(|arg| arg == "--print-dir") {
        say::line(&places::guests().display().to_string());
        return Ok(());
    }
    if let Some(option) = args.iter().find(|arg| arg.starts_with('-')) {
        return Err(commands::wrong("guests", option));
    }
    build(args)
}

/// `cargo x demo`
pub(crate) fn demo(args: &[String]) -> Done {
    say_how_long();
    build(&DEMO_TOOLS.map(str::to_owned))?;
    say::step("building hotcell");
    shown(places::cargo().args(["build", "--package", "hotcell"]))?;
    let (before, after) = commands::split(args);
    let mut run = places::cargo();
    run.args(["run", "--quiet", "--package", "hotcell", "--", "demo", "--tools"]).arg(places::guests());
    passed_on(run.args(before).args(after))
}

/// `cargo x hotcell`
pub(crate) fn hotcell(args: &[String]) -> Done {
    let mut run = places::cargo();
    if let Ok(here) = std::env::current_dir() {
        // Paths on the command line count from where the person is.
        run.current_dir(here);
    }
    run.arg("run");
    if places::hotcell().exists() {
        run.arg("--quiet");
    } else {
        say_how_long();
    }
    let manifest = places::root().join("Cargo.toml");
    run.arg("--manifest-path").arg(manifest).args(["--package", "hotcell", "--"]).args(args);
    if std::env::var_os("HOTCELL_EXECUTORS").is_none() {
        // What runs tools without code is a guest, too.
        run.env("HOTCELL_EXECUTORS", places::guests());
    }
    passed_on(&mut run)
}

/// Says before a first build that it takes its time.
pub(crate) fn say_how_long() {
    if !places::hotcell().exists() {
        say::step("the first build compiles wasmtime and takes several minutes; later ones take seconds");
    }
}

/// Builds the guests of these names, or all of them.
pub(crate) fn build(names: &[String]) -> Done {
    let all = guests()?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|guest| guest.name == **name)) {
        let known: Vec<_> = all.iter().map(|guest| guest.name.as_str()).collect();
        return Err(Failed::usage(
            format!("there is no guest `{unknown}`"),
            format!("there are: {}", known.join(", ")),
        ));
    }
    let toolchain = setup::toolchain()?;
    io(std::fs::create_dir_all(places::guests()), &places::guests())?;
    for workspace in WORKSPACES {
        let wanted = |guest: &&Guest| guest.workspace == workspace && (names.is_empty() || names.contains(&guest.name));
        let guests: Vec<&Guest> = all.iter().filter(wanted).collect();
        if !guests.is_empty() {
            build_workspace(workspace, &guests, toolchain)?;
        }
    }
    Ok(())
}

fn build_workspace(workspace: &str, guests: &[&Guest], toolchain: Toolchain) -> Done {
    let started = Instant::now();
    say::step(&format!("building {} guests of {workspace}", guests.len()));
    let mut cargo = places::cargo();
    cargo.args(toolchain.selector()).args(["build", "--release", "--target", TARGET, "--manifest-path"]);
    cargo.arg(places::root().join(workspace).join("Cargo.toml")).env("CARGO_TARGET_DIR", places::guests_target());
    // Flags that a person set are for the host: a guest is another machine.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    for guest in guests {
        cargo.args(["--package", &guest.name]);
    }
    shown(&mut cargo)?;
    for guest in guests {
        let bytes = put_out(guest)?;
        say::note(&format!("{:<24} {:>6} KiB", guest.name, bytes / 1024));
    }
    say::note(&format!("in {} ({:.1} s)", places::guests().display(), started.elapsed().as_secs_f64()));
    Ok(())
}

/// All guests, by name.
fn guests() -> Done<Vec<Guest>> {
    let mut guests = Vec::new();
    for workspace in WORKSPACES {
        let folder = places::root().join(workspace);
        if !folder.join("Cargo.toml").is_file() {
            continue;
        }
        for entry in io(std::fs::read_dir(&folder), &folder)?.flatten() {
            let folder = entry.path();
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            // A package without either is a library that guests share.
            if manifest.contains("\"cdylib\"") || folder.join("src/main.rs").is_file() {
                guests.extend(package_name(&manifest).map(|name| Guest { name, folder, workspace }));
            }
        }
    }
    guests.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(guests)
}

/// `name` of `[package]`.
fn package_name(manifest: &str) -> Option<String> {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    let mut of_package = lines.by_ref().take_while(|line| !line.starts_with('['));
    let value = of_package.find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// Puts a built component and its manifest where `hotcell install` and the tests look for them. Returns the component's size.
fn put_out(guest: &Guest) -> Done<usize> {
    let release = places::guests_target().join(TARGET).join("release");
    // A library is named with underscores, a program as its package.
    let names = [guest.name.replace('-', "_"), guest.name.clone()];
    let built = names.map(|name| release.join(format!("{name}.wasm"))).into_iter().find(|path| path.is_file());
    let built = built.ok_or_else(|| {
        Failed::new(
            format!("cargo built {}, but there is no component of it in {}", guest.name, release.display()),
            "a guest's library or program must have its package's name",
        )
    })?;
    let manifest = guest.folder.join("hotcell.toml");
    if manifest.is_file() {
        replace(&manifest, &places::guests().join(format!("{}.toml", guest.name)))?;
    }
    replace(&built, &places::guests().join(format!("{}.wasm", guest.name)))
}

/// Copies a file unless it is the same already, so that nothing looks newer than it is; in one step, so that nobody reads
/// half of it. Returns its size.
fn replace(from: &Path, to: &Path) -> Done<usize> {
    let bytes = io(std::fs::read(from), from)?;
    if std::fs::read(to).ok().as_ref() != Some(&bytes) {
        let beside = to.with_extension(format!("new-{}", std::process::id()));
        io(std::fs::write(&beside, &bytes), &beside)?;
        io(std::fs::rename(&beside, to), to)?;
    }
    Ok(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_name_is_that_of_the_package_table() {
        let manifest =
            "# name = \"no\"\n[workspace]\n[package]\nversion = \"1\"\nname = \"yes-it-is\"\n[lib]\nname = \"other\"\n";
        assert_eq!(package_name(manifest).as_deref(), Some("yes-it-is"));
        assert_eq!(package_name("[lib]\nname = \"other\"\n"), None);
        assert_eq!(package_name("[package]\n[lib]\nname = \"other\"\n"), None);
    }

    #[test]
    fn the_example_tools_are_guests_and_come_by_name() {
        let names: Vec<_> = guests().unwrap().into_iter().map(|guest| guest.name).collect();
        for name in DEMO_TOOLS {
            assert!(names.iter().any(|of| of == name), "{name}");
        }
        assert!(names.is_sorted());
    }

    #[test]
    fn a_file_is_replaced_only_where_it_differs() {
        let folder = std::env::temp_dir().join(format!("hotcell-x-replace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("from"), folder.join("to.wasm"));
        std::fs::write(&from, "one").unwrap();
        assert_eq!(replace(&from, &to).unwrap(), 3);
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000);
        std::fs::File::options().append(true).open(&to).unwrap().set_modified(old).unwrap();
        replace(&from, &to).unwrap();
        assert_eq!(std::fs::metadata(&to).unwrap().modified().unwrap(), old);
        std::fs::write(&from, "two").unwrap();
        replace(&from, &to).unwrap();
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "two");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing is left beside");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_unknown_guest_or_option_is_a_wrong_command_line() {
        let failed = build(&["nobody".to_owned()]).unwrap_err();
        assert!(failed.code == 2 && failed.hint.contains("prober"), "{failed:?}");
        assert_eq!(command(&["--all".to_owned()]).unwrap_err().code, 2);
    }
}
