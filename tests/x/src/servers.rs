//! Real servers for the tests, which nobody here wrote, and what tools in JavaScript and Python are built with: brought from
//! their registries into the cache folder, versions pinned.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::places;
use crate::run::Done;
use crate::run::Failed;
use crate::run::io;
use crate::run::logged;
use crate::run::output;
use crate::say;
use crate::setup::Apt;
use crate::wasi_sdk;

/// The variable that tells the tests where the servers are; `none` if they were left out on purpose.
pub(crate) const VARIABLE: &str = "HOTCELL_SERVERS";

/// One family of servers: what pins it, and what brings it.
struct Family {
    name: &'static str,
    /// Files of this repository that say exactly what is brought.
    pins: &'static [&'static str],
    bring: fn(&Path, &Path) -> Done,
}

/// GNOME's keyring, a real Secret Service, and those of its libraries that a system without a desktop lacks.
const SECRET_SERVICE: [&str; 3] = ["gnome-keyring", "libgck-1-0", "libgcr-base-3-1"];

const FAMILIES: [Family; 4] = [
    Family { name: "python", pins: &["tests/servers/python.txt"], bring: python },
    Family { name: "node", pins: &NODE, bring: node },
    Family { name: "python-tools", pins: &PYTHON_TOOLS, bring: python_tools },
    Family { name: "node-tools", pins: &NODE_TOOLS, bring: node_tools },
];

const NODE: [&str; 2] = ["tests/servers/node/package.json", "tests/servers/node/package-lock.json"];
/// What `hotcell build` brings into a tool's project, as the templates pin it.
const NODE_TOOLS: [&str; 2] = ["host/templates/js/package.json", "host/templates/js/package-lock.json"];
/// The builder, and what goes into components.
const PYTHON_TOOLS: [&str; 2] =
    ["host/templates/python/requirements-build.txt", "host/templates/python/api/requirements.txt"];

/// The folder of all of them, and the lock of whoever brings something.
fn folder() -> Done<(PathBuf, std::fs::File)> {
    places::make_cache()?;
    let folder = places::cache().join("servers");
    io(std::fs::create_dir_all(&folder), &folder)?;
    let lock_path = folder.join("lock");
    let lock = io(std::fs::File::create(&lock_path), &lock_path)?;
    io(lock.lock(), &lock_path)?;
    Ok((folder, lock))
}

/// Brings what tools in C are built with, and nothing else.
pub(crate) fn bring_wasi_sdk() -> Done {
    let (folder, _lock) = folder()?;
    wasi_sdk::bring(&folder)
}

/// Brings the servers that are missing. Takes a moment when they are there.
pub(crate) fn bring() -> Done<PathBuf> {
    let (folder, _lock) = folder()?;
    for family in &FAMILIES {
        let (place, wanted) = (folder.join(family.name), pins(family)?);
        let mark = place.join(".brought");
        if std::fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
            continue;
        }
        say::step(&format!("test servers: bringing those of {} from their registry", family.name));
        if place.exists() {
            io(std::fs::remove_dir_all(&place), &place)?;
        }
        io(std::fs::create_dir_all(&place), &place)?;
        let log = folder.join(format!("{}.log", family.name));
        (family.bring)(&place, &log)?;
        // Last: a folder without the mark is made anew.
        io(std::fs::write(&mark, &wanted), &mark)?;
    }
    secret_service(&folder)?;
    wasi_sdk::bring(&folder)?;
    Ok(folder)
}

/// A Secret Service, unpacked from Debian's packages and not installed. What cannot be had is left out, and said: it is
/// there on Debian systems alone.
fn secret_service(folder: &Path) -> Done {
    let place = folder.join("secret-service");
    if place.join(".brought").is_file() {
        return Ok(());
    }
    let has = |program: &str| output(Command::new(program).arg("--version")).is_some();
    if !cfg!(target_os = "linux") || !has("apt-get") || !has("dbus-run-session") {
        say::note("left out: the test with a real Secret Service (it needs Debian's apt-get and dbus-run-session)");
        return Ok(());
    }
    say::step("test servers: bringing a Secret Service from Debian's packages (nothing is installed)");
    if place.exists() {
        io(std::fs::remove_dir_all(&place), &place)?;
    }
    io(std::fs::create_dir_all(&place), &place)?;
    let log = folder.join("secret-service.log");
    let apt = Apt::new(&place, &log)?;
    apt.download(&apt.newest(&SECRET_SERVICE)?)?;
    for entry in io(std::fs::read_dir(apt.folder()), &apt.folder())?.flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "deb") {
            logged(Command::new("dpkg").arg("-x").arg(entry.path()).arg(place.join("root")), &log)?;
        }
    }
    let mark = place.join(".brought");
    io(std::fs::write(&mark, SECRET_SERVICE.join("\n")), &mark)
}

fn pins(family: &Family) -> Done<String> {
    let read = |name: &&str| io(std::fs::read_to_string(places::root().join(name)), &places::root().join(name));
    family.pins.iter().map(read).collect()
}

/// A virtual environment, so that nothing of the system's Python is changed.
fn python(place: &Path, log: &Path) -> Done {
    needed("python3", "python3 with its venv module (Debian: python3-venv)")?;
    logged(Command::new("python3").args(["-m", "venv"]).arg(place), log)?;
    let pip = place.join("bin/python");
    logged(
        Command::new(pip)
            .args(["-m", "pip", "install", "--no-input", "-r"])
            .arg(places::root().join("tests/servers/python.txt")),
        log,
    )
}

fn node(place: &Path, log: &Path) -> Done {
    npm_ci(&NODE, place, log, &[])
}

/// Fills a cache that the tests build from, so that they need no network: npm's own.
fn node_tools(place: &Path, log: &Path) -> Done {
    let project = place.join("project");
    io(std::fs::create_dir_all(&project), &project)?;
    let cache = format!("--cache={}", place.join("cache").display());
    npm_ci(&NODE_TOOLS, &project, log, &[&cache])?;
    // 215 MB, which each project has again.
    io(std::fs::remove_dir_all(&project), &project)
}

/// A folder of files that the tests' own pip looks for packages in.
fn python_tools(place: &Path, log: &Path) -> Done {
    needed("python3", "python3 with its venv module (Debian: python3-venv)")?;
    let files = place.join("files");
    let [builder, packages] = PYTHON_TOOLS.map(|pins| places::root().join(pins));
    let venv = place.join("venv");
    logged(Command::new("python3").args(["-m", "venv"]).arg(&venv), log)?;
    let pip = || {
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "download", "--no-input", "--only-binary", ":all:", "--dest"]).arg(&files);
        pip
    };
    logged(pip().arg("-r").arg(builder), log)?;
    // As the builder asks for them: for the Python inside of components, and so without anything compiled.
    let pure = ["--platform", "any", "--implementation", "py", "--abi", "none", "--python-version", "3.14"];
    logged(pip().args(pure).arg("-r").arg(packages), log)?;
    io(std::fs::remove_dir_all(&venv), &venv)
}

fn npm_ci(pins: &[&str], place: &Path, log: &Path, more: &[&str]) -> Done {
    needed("npm", "Node.js 20 or later with npm")?;
    for pin in pins {
        let from = places::root().join(pin);
        let to = place.join(from.file_name().unwrap_or_default());
        io(std::fs::copy(&from, &to), &from)?;
    }
    // No scripts: what the tests need brings none, and a package that grows one is not to run it here.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).args(more).current_dir(place);
    logged(&mut npm, log)
}

fn needed(program: &str, what: &str) -> Done {
    match output(Command::new(program).arg("--version")) {
        Some(_) => Ok(()),
        None => Err(Failed::new(
            format!("{program} is not there, and the tests start real servers with it"),
            format!("install {what}, or leave those tests out: cargo x test --no-servers"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_pinned_and_no_pin_names_a_host() {
        for family in &FAMILIES {
            let pins = pins(family).unwrap();
            assert!(pins.len() > 50, "{}", family.name);
            assert!(!pins.contains("\"resolved\"") && !pins.contains("--index-url"), "{}", family.name);
        }
    }

    #[test]
    fn a_missing_program_is_named_with_the_way_around() {
        let failed = needed("no-such-program", "it").unwrap_err();
        assert!(failed.what.contains("no-such-program") && failed.hint.contains("--no-servers"), "{failed:?}");
    }
}
