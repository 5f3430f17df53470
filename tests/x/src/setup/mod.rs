//! The guest toolchain: rustup's own `wasm32-wasip2` target where rustup can download it, else one made of Debian packages.

mod apt;
mod debian;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::run::Done;
use crate::run::Failed;
use crate::run::output;
use crate::run::succeeds_within;
use crate::say;

const TARGET: &str = "wasm32-wasip2";
/// The name under which rustup knows the toolchain of Debian packages.
const LINKED: &str = "hotcell-guest";
/// How long rustup may try: where its server is out of reach it can hang.
const RUSTUP_WAIT: Duration = Duration::from_secs(60);

/// Which toolchain builds guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one that builds everything else.
    Plain,
    /// The one that setup made.
    Linked,
}

impl Toolchain {
    /// What cargo is told.
    pub(crate) fn selector(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Linked => &["+hotcell-guest"],
        }
    }
}

/// `cargo x setup`; with `--debian` the toolchain of Debian packages is made whether rustup has the target or not.
pub(crate) fn command(args: &[String]) -> Done {
    match args {
        [] => toolchain().map(drop),
        [only] if only == "--debian" => debian::make(LINKED),
        _ => Err(Failed::new("`cargo x setup` takes --debian or nothing", "")),
    }
}

/// The guest toolchain, brought if it is missing. Takes a moment when it is there.
pub(crate) fn toolchain() -> Done<Toolchain> {
    if let Some(found) = found() {
        return Ok(found);
    }
    say::step(&format!("guest toolchain: rustup target add {TARGET}"));
    if succeeds_within(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_WAIT) && has_target() {
        return Ok(Toolchain::Plain);
    }
    say::note(
        "rustup's server is out of reach; making a toolchain of Debian packages instead (about two minutes, 140 MB)",
    );
    debian::make(LINKED)?;
    found().ok_or_else(|| {
        Failed::new(
            "the guest toolchain was made, but rustup does not find it",
            format!("install {TARGET} by hand: rustup target add {TARGET}"),
        )
    })
}

fn found() -> Option<Toolchain> {
    if has_target() {
        return Some(Toolchain::Plain);
    }
    let listed = output(Command::new("rustup").args(["toolchain", "list"]))?;
    let linked = listed.lines().any(|line| line.split_whitespace().next() == Some(LINKED));
    (linked && debian::is_current()).then_some(Toolchain::Linked)
}

fn has_target() -> bool {
    let mut rustc = Command::new("rustc");
    let folder = output(rustc.env_remove("RUSTUP_TOOLCHAIN").args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| Path::new(folder.trim()).is_dir())
}
