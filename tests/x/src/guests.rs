//! Builds the guests, and runs the demonstration on them.

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use crate::places;
use crate::run::Done;
use crate::run::Failed;
use crate::run::io;
use crate::run::shown;
use crate::say;
use crate::setup;

/// The workspaces of guests. A member's folder has its package's name.
const WORKSPACES: [&str; 2] = ["example-tools", "tests/guests"];
const TARGET: &str = "wasm32-wasip2";

/// `cargo x guests`
pub(crate) fn command(args: &[String]) -> Done {
    if args.iter().any(|arg| arg == "--print-dir") {
        say::line(&places::guests().display().to_string());
        return Ok(());
    }
    build(args)
}

/// `cargo x demo`
pub(crate) fn demo(args: &[String]) -> Done {
    say::step("building hotcell and the example tools (the first time takes several minutes: wasmtime is compiled)");
    build(&["github-issues".to_owned(), "prober".to_owned()])?;
    let mut run = places::cargo();
    run.args(["run", "--package", "hotcell", "--", "demo", "--tools"]).arg(places::guests()).args(args);
    shown(&mut run)
}

/// `cargo x hotcell`
pub(crate) fn hotcell(args: &[String]) -> Done {
    let mut run = places::cargo();
    if let Ok(here) = std::env::current_dir() {
        run.current_dir(here);
    }
    let manifest = places::root().join("Cargo.toml");
    run.args(["run", "--quiet", "--manifest-path"]).arg(manifest).args(["--package", "hotcell", "--"]).args(args);
    shown(&mut run)
}

/// Builds the guests of these names, or all of them.
pub(crate) fn build(names: &[String]) -> Done {
    let toolchain = setup::toolchain()?;
    let all = members()?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|(_, member)| member == *name)) {
        let known: Vec<_> = all.iter().map(|(_, member)| member.as_str()).collect();
        return Err(Failed::new(format!("there is no guest `{unknown}`"), format!("there are: {}", known.join(", "))));
    }
    let wanted = |name: &String| names.is_empty() || names.contains(name);
    io(std::fs::create_dir_all(places::guests()), &places::guests())?;
    for workspace in WORKSPACES {
        let members: Vec<_> =
            all.iter().filter(|(of, name)| *of == workspace && wanted(name)).map(|(_, name)| name).collect();
        if members.is_empty() {
            continue;
        }
        let started = Instant::now();
        say::step(&format!("building {} guests of {workspace}", members.len()));
        let mut cargo = places::cargo();
        cargo.args(toolchain.selector()).args(["build", "--release", "--target", TARGET, "--manifest-path"]);
        cargo.arg(places::root().join(workspace).join("Cargo.toml")).env("CARGO_TARGET_DIR", places::guests_target());
        for name in &members {
            cargo.args(["--package", name]);
        }
        shown(&mut cargo)?;
        for name in members {
            copy(workspace, name)?;
        }
        say::note(&format!("{:.1} s", started.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// Each guest with its workspace.
fn members() -> Done<Vec<(&'static str, String)>> {
    let mut members = Vec::new();
    for workspace in WORKSPACES {
        let folder = places::root().join(workspace);
        if !folder.is_dir() {
            continue;
        }
        for entry in io(std::fs::read_dir(&folder), &folder)?.flatten() {
            if entry.path().join("Cargo.toml").is_file() {
                members.push((workspace, entry.file_name().to_string_lossy().into_owned()));
            }
        }
    }
    members.sort();
    Ok(members)
}

/// Puts a built component and its manifest where `hotcell install` and the tests look for them.
fn copy(workspace: &str, name: &str) -> Done {
    let built: PathBuf =
        places::guests_target().join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    let out = places::guests().join(format!("{name}.wasm"));
    let bytes = replace(&built, &out)?;
    let manifest = places::root().join(workspace).join(name).join("hotcell.toml");
    if manifest.is_file() {
        replace(&manifest, &places::guests().join(format!("{name}.toml")))?;
    }
    say::note(&format!("{name:<20} {:>4} KiB", bytes / 1024));
    Ok(())
}

/// Copies a file unless it is the same already, so that nothing looks newer than it is. Returns its size.
fn replace(from: &Path, to: &Path) -> Done<usize> {
    let bytes = io(std::fs::read(from), from)?;
    if std::fs::read(to).ok().as_ref() != Some(&bytes) {
        io(std::fs::write(to, &bytes), to)?;
    }
    Ok(bytes.len())
}
