//! The guest toolchain: rustup's own `wasm32-wasip2` target where rustup can download it, else one made of Debian packages.

mod apt;
mod debian;
mod packages;

pub(crate) use packages::Apt;

use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::commands;
use crate::places;
use crate::run::Done;
use crate::run::Ended;
use crate::run::Failed;
use crate::run::io;
use crate::run::output;
use crate::run::within;
use crate::say;
use crate::servers;

/// What guests are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";
/// How long rustup may try: where its server is out of reach it can hang.
const RUSTUP_WAIT: Duration = Duration::from_secs(60);

/// Which toolchain builds guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one that setup made of Debian packages.
    Linked,
    /// The one that builds everything else.
    Plain,
}

impl Toolchain {
    /// What cargo is told.
    pub(crate) fn selector(self) -> &'static [&'static str] {
        match self {
            Self::Linked => &[debian::SELECTOR],
            Self::Plain => &[],
        }
    }
}

/// `cargo x setup`
pub(crate) fn command(args: &[String]) -> Done {
    match args {
        [] => {
            match toolchain()? {
                Toolchain::Plain => say::note(&format!("guests build with rustup's own {TARGET} target")),
                Toolchain::Linked => say::note(&format!(
                    "guests build with the toolchain {} in {}",
                    debian::NAME,
                    debian::folder().display()
                )),
            }
            servers::bring_wasi_sdk()
        }
        [only] if only == "--debian" => {
            let _held = lock()?;
            debian::make(&new_log()?)
        }
        [first, ..] => Err(commands::wrong("setup", first)),
    }
}

/// The guest toolchain, brought if it is missing. Takes a moment when it is there.
pub(crate) fn toolchain() -> Done<Toolchain> {
    if let Some(found) = found() {
        return Ok(found);
    }
    let _held = lock()?;
    // Another `cargo x` may have brought it while this one waited.
    found().map_or_else(bring, Ok)
}

/// The guest toolchain, if it is there.
pub(crate) fn found() -> Option<Toolchain> {
    if has_target() {
        return Some(Toolchain::Plain);
    }
    (debian::is_current() && debian::is_linked()).then_some(Toolchain::Linked)
}

fn bring() -> Done<Toolchain> {
    let log = new_log()?;
    if debian::is_current() {
        // It is whole, and only rustup does not know it: another home, or another cache folder since.
        return debian::make(&log).map(|()| Toolchain::Linked);
    }
    say::step(&format!("guest toolchain: rustup target add {TARGET} (at most {} s)", RUSTUP_WAIT.as_secs()));
    let Err(why) = add_target(&log) else { return Ok(Toolchain::Plain) };
    say::note(&format!("rustup cannot: {why}"));
    say::step("guest toolchain: making one of Debian packages instead (about two minutes, 140 MB to fetch)");
    debian::make(&log).map_err(|failed| neither(&why, &failed))?;
    Ok(Toolchain::Linked)
}

/// Lets rustup try; says why it could not.
fn add_target(log: &Path) -> Result<(), String> {
    let ended = within(Command::new("rustup").args(["target", "add", TARGET]), Some(RUSTUP_WAIT), log);
    match ended {
        Ok(Ended::Well) if has_target() => Ok(()),
        Ok(Ended::Well) => Err("it says that it did, but rustc does not find the target".to_owned()),
        Ok(Ended::Late) => Err(format!("no answer in {} s", RUSTUP_WAIT.as_secs())),
        Ok(Ended::Badly(_)) => Err(first_error(&std::fs::read_to_string(log).unwrap_or_default())),
        Err(failed) => Err(failed.what),
    }
}

/// What rustup gives as the reason: its first line that says `error`.
fn first_error(log: &str) -> String {
    let line = log.lines().find_map(|line| line.strip_prefix("error:")).map(str::trim);
    line.unwrap_or("it failed without a reason").to_owned()
}

/// Both ways are closed: what was tried, and what to install by hand.
fn neither(why: &str, failed: &Failed) -> Failed {
    Failed::new(
        format!("no guest toolchain: rustup target add {TARGET}: {why}; with Debian packages: {}", failed.what),
        format!(
            "install the target by hand, where rustup can reach its server or a mirror that RUSTUP_DIST_SERVER names: \
             rustup target add {TARGET}\n      {}",
            failed.hint
        ),
    )
}

fn has_target() -> bool {
    let folder = output(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| holds_libraries(Path::new(folder.trim())))
}

/// Where a target was taken away again, its empty folder can stay.
fn holds_libraries(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|ending| ending == "rlib"))
}

/// One `cargo x` at a time brings a toolchain; the lock ends with the process that holds it.
fn lock() -> Done<File> {
    places::make_cache()?;
    let path = places::cache().join("setup.lock");
    let file = io(File::create(&path), &path)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say::step("waiting: another cargo x is bringing the guest toolchain"),
        Err(TryLockError::Error(error)) => return io(Err(error), &path),
    }
    io(file.lock(), &path)?;
    Ok(file)
}

fn new_log() -> Done<PathBuf> {
    let path = places::cache().join("setup.log");
    io(File::create(&path), &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustups_own_reason_is_shown() {
        let log = "info: downloading component 'rust-std' for 'wasm32-wasip2'\n\
                   error: could not download file: the server cannot be reached\nCaused by: more\n";
        assert_eq!(first_error(log), "could not download file: the server cannot be reached");
        assert_eq!(first_error(""), "it failed without a reason");
    }

    #[test]
    fn when_neither_way_works_both_are_named_and_the_repair() {
        let failed = neither("no answer in 60 s", &Failed::new("this is no Debian system", "use another"));
        for part in ["no answer in 60 s", "this is no Debian system"] {
            assert!(failed.what.contains(part));
        }
        assert!(failed.hint.contains("rustup target add wasm32-wasip2") && failed.hint.contains("use another"));
        assert_eq!(failed.code, 1);
    }

    #[test]
    fn a_target_folder_without_libraries_is_no_target() {
        assert!(!holds_libraries(Path::new("/no/such/folder")));
        assert!(!holds_libraries(&places::root().join("wit")));
    }
}
