//! A toolchain for `wasm32-wasip2` made of Debian packages: rustc with its own library source, wasi-libc, and rustup's linkers.
//! Nothing is installed and nothing of the system is changed: packages are fetched and unpacked into the cache folder.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use super::TARGET;
use super::packages::Apt;
use crate::places;
use crate::run::Done;
use crate::run::Failed;
use crate::run::io;
use crate::run::logged;
use crate::run::output;
use crate::say;

/// The name under which rustup knows the toolchain.
pub(super) const NAME: &str = "hotcell-guest";
/// The same, as cargo is told.
pub(super) const SELECTOR: &str = "+hotcell-guest";
/// Raise this when the recipe changes: an older toolchain is then made anew.
const RECIPE: &str = "1";
const STEPS: usize = 6;
/// What a making is called while it is not whole. The process id follows: what an older one left may still be written to.
const UNFINISHED: &str = "guest-toolchain.new";

/// Where the toolchain is, once it is whole.
pub(super) fn folder() -> PathBuf {
    places::cache().join("guest-toolchain")
}

/// Whether the toolchain is there, made by this recipe with the linkers of the rustup toolchain that is in use.
pub(super) fn is_current() -> bool {
    let stamp = std::fs::read_to_string(folder().join("stamp")).ok();
    stamp.is_some() && stamp == sysroot().map(|sysroot| stamp_for(&sysroot)) && folder().join("usr/bin/rustc").exists()
}

/// Whether rustup knows it.
pub(super) fn is_linked() -> bool {
    let listed = output(Command::new("rustup").args(["toolchain", "list", "-v"])).unwrap_or_default();
    leads_to(&listed, &folder().join("usr"))
}

/// Makes the toolchain, if it is not there, and links it into rustup. The caller holds the lock.
pub(super) fn make(log: &Path) -> Done {
    if is_current() {
        link(log)?;
        say::note(&format!("the guest toolchain is in {}", folder().display()));
        return Ok(());
    }
    remove_unfinished();
    Making::new(log)?.run()
}

fn link(log: &Path) -> Done {
    logged(Command::new("rustup").args(["toolchain", "link", NAME]).arg(folder().join("usr")), log)
}

fn stamp_for(sysroot: &Path) -> String {
    format!("recipe {RECIPE}\nlinkers of {}\n", sysroot.display())
}

/// `rustup toolchain list -v` gives a name and where it leads, perhaps with remarks between.
fn leads_to(listed: &str, folder: &Path) -> bool {
    let mut lines = listed.lines().filter(|line| line.split_whitespace().next() == Some(NAME));
    lines.any(|line| line.trim_end().ends_with(&format!(" {}", folder.display())) || line.ends_with(&tab(folder)))
}

fn tab(folder: &Path) -> String {
    format!("\t{}", folder.display())
}

fn sysroot() -> Option<PathBuf> {
    output(Command::new("rustc").args(["--print", "sysroot"])).map(|path| PathBuf::from(path.trim()))
}

/// What was killed half-way.
fn remove_unfinished() {
    for entry in std::fs::read_dir(places::cache()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// One making: a folder that gets its name when it is whole, and its stamp when it has been tried.
struct Making {
    work: PathBuf,
    log: PathBuf,
    sysroot: PathBuf,
    host: String,
    started: Instant,
}

impl Making {
    fn new(log: &Path) -> Done<Self> {
        let missing =
            |what: &str| Failed::new(format!("{what} cannot be found"), "install Rust with rustup, then try again");
        if output(Command::new("rustup").arg("--version")).is_none() {
            return Err(missing("rustup"));
        }
        let version = output(Command::new("rustc").arg("-vV")).ok_or_else(|| missing("rustc"))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| missing("rustc's host"))?.to_owned();
        let sysroot = sysroot().ok_or_else(|| missing("rustc's folder"))?;
        let work = places::cache().join(format!("{UNFINISHED}-{}", std::process::id()));
        let making = Self { work, log: log.to_owned(), sysroot, host, started: Instant::now() };
        for name in LINKERS {
            if !making.linkers().join(name).exists() {
                return Err(missing(&format!("{name} in {}", making.linkers().display())));
            }
        }
        io(std::fs::create_dir_all(&making.work), &making.work)?;
        Ok(making)
    }

    fn run(&self) -> Done {
        self.step(1, "reading Debian's package lists");
        let apt = Apt::new(&self.work, &self.log)?;
        let packages = apt.packages()?;
        self.step(2, &format!("fetching {}", packages.join(", ")));
        apt.download(&packages)?;
        self.step(3, "unpacking them");
        self.unpack(&apt.folder())?;
        self.step(4, &format!("building Rust's standard library for {TARGET}"));
        self.build_std()?;
        self.step(5, &format!("linking it into rustup as {NAME}"));
        self.link_tools()?;
        self.put_in_place()?;
        self.step(6, "trying it on a small component");
        self.try_it()?;
        say::note(&format!(
            "the guest toolchain is in {} ({} s)",
            folder().display(),
            self.started.elapsed().as_secs()
        ));
        Ok(())
    }

    fn step(&self, number: usize, what: &str) {
        say::note(&format!("[{number}/{STEPS}] {what} ({} s so far)", self.started.elapsed().as_secs()));
    }

    fn usr(&self) -> PathBuf {
        self.work.join("usr")
    }

    /// Where rustup keeps its linkers.
    fn linkers(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(&self.host).join("bin")
    }

    fn target_lib(&self) -> PathBuf {
        self.usr().join("lib/rustlib").join(TARGET).join("lib")
    }

    /// `x86_64-linux-gnu`: Debian's name for the folder of an architecture's libraries.
    fn multiarch(&self) -> String {
        self.host.replacen("-unknown", "", 1)
    }

    fn unpack(&self, packages: &Path) -> Done {
        for entry in io(std::fs::read_dir(packages), packages)?.flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "deb") {
                logged(Command::new("dpkg").arg("-x").arg(entry.path()).arg(&self.work), &self.log)?;
            }
        }
        // What the linker looks for beside the standard library: start files and C library of wasip2.
        let contained = self.target_lib().join("self-contained");
        io(std::fs::create_dir_all(&contained), &contained)?;
        let libc = self.usr().join("lib").join(TARGET);
        for entry in io(std::fs::read_dir(&libc), &libc)?.flatten() {
            let name = entry.file_name();
            if name == "libc.a" || Path::new(&name).extension().is_some_and(|ending| ending == "o") {
                io(std::fs::copy(entry.path(), contained.join(&name)), &entry.path())?;
            }
        }
        Ok(())
    }

    /// Builds an empty library with `-Zbuild-std`, and keeps what that brought: the standard library.
    fn build_std(&self) -> Done {
        let package = self.work.join("std");
        write(&package.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n")?;
        write(&package.join("src/lib.rs"), "")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut cargo = build(&package);
        cargo
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC", self.usr().join("bin/rustc"))
            .env("LD_LIBRARY_PATH", self.usr().join("lib").join(self.multiarch()))
            .env("RUSTC_BOOTSTRAP", "1")
            // Guests with link-time optimisation need the library's bitcode.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", self.library_source()?)
            .env("PATH", format!("{}:{path}", self.linkers().display()));
        logged(&mut cargo, &self.log)?;
        let built = package.join("target").join(TARGET).join("release/deps");
        for entry in io(std::fs::read_dir(&built), &built)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".rlib") && !name.starts_with("libempty-") {
                io(std::fs::copy(entry.path(), self.target_lib().join(&name)), &entry.path())?;
            }
        }
        Ok(())
    }

    /// `usr/src/rustc-VERSION/library`
    fn library_source(&self) -> Done<PathBuf> {
        let sources = self.usr().join("src");
        let mut folders =
            io(std::fs::read_dir(&sources), &sources)?.flatten().map(|entry| entry.path().join("library"));
        folders.find(|path| path.is_dir()).ok_or_else(|| {
            Failed::new(
                "the package of Rust's library source has no library in it",
                "the recipe of setup must follow it",
            )
        })
    }

    /// Makes the folder a toolchain: its libraries where rustc looks for them, rustup's linkers by links (a copy would lose
    /// its LLVM library).
    fn link_tools(&self) -> Done {
        let lib = self.usr().join("lib");
        let libraries = lib.join(self.multiarch());
        for entry in io(std::fs::read_dir(&libraries), &libraries)?.flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().contains(".so") {
                symlink(&Path::new(&self.multiarch()).join(&name), &lib.join(&name))?;
            }
        }
        let bin = lib.join("rustlib").join(&self.host).join("bin");
        io(std::fs::create_dir_all(&bin), &bin)?;
        for name in LINKERS {
            symlink(&self.linkers().join(name), &bin.join(name))?;
        }
        Ok(())
    }

    /// Drops what was needed for the making alone, gives the folder its name, and links it.
    fn put_in_place(&self) -> Done {
        for leftover in ["apt", "std", "usr/src", "usr/share"] {
            drop(std::fs::remove_dir_all(self.work.join(leftover)));
        }
        drop(std::fs::remove_dir_all(folder()));
        io(std::fs::rename(&self.work, folder()), &folder())?;
        link(&self.log)
    }

    /// Builds a small component just as guests are built; the stamp, which says that all is well, comes after this.
    fn try_it(&self) -> Done {
        let package = folder().join("try");
        let manifest = "[package]\nname = \"try\"\nedition = \"2021\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
                        [profile.release]\nlto = true\n[workspace]\n";
        write(&package.join("Cargo.toml"), manifest)?;
        let source = "#[no_mangle]\npub extern \"C\" fn f() { println!(\"{:?}\", std::env::args()); }\n";
        write(&package.join("src/lib.rs"), source)?;
        logged(&mut build_with(&[SELECTOR], &package), &self.log)?;
        let component = package.join("target").join(TARGET).join("release/try.wasm");
        let bytes = io(std::fs::read(&component), &component)?;
        if !is_component(&bytes) {
            return Err(Failed::new(
                "the toolchain was made, but what it builds is no component",
                format!("see {}", self.log.display()),
            ));
        }
        drop(std::fs::remove_dir_all(&package));
        write(&folder().join("stamp"), &stamp_for(&self.sysroot))
    }
}

/// What the packages lack and rustup ships.
const LINKERS: [&str; 2] = ["rust-lld", "wasm-component-ld"];

/// The first eight bytes of a component: magic number, version, layer (component-model, Binary.md).
fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}

fn build(package: &Path) -> Command {
    build_with(&[], package)
}

/// A build that nothing of the person's own settings reaches.
fn build_with(selector: &[&str], package: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(selector).args(["build", "--release", "--target", TARGET]).current_dir(package);
    cargo.env("CARGO_TARGET_DIR", package.join("target")).env("RUSTC_WRAPPER", "");
    for variable in ["CARGO", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        cargo.env_remove(variable);
    }
    cargo
}

fn write(path: &Path, text: &str) -> Done {
    if let Some(parent) = path.parent() {
        io(std::fs::create_dir_all(parent), parent)?;
    }
    io(std::fs::write(path, text), path)
}

#[cfg(unix)]
fn symlink(to: &Path, at: &Path) -> Done {
    drop(std::fs::remove_file(at));
    io(std::os::unix::fs::symlink(to, at), at)
}

#[cfg(not(unix))]
fn symlink(_: &Path, at: &Path) -> Done {
    Err(Failed::new(format!("{} cannot be linked on this system", at.display()), "rustup target add wasm32-wasip2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_counts_only_where_it_leads_to_this_folder() {
        let listed =
            "stable-x86_64-unknown-linux-gnu (active, default) /r/stable\nhotcell-guest /c/guest-toolchain/usr\n";
        assert!(leads_to(listed, Path::new("/c/guest-toolchain/usr")));
        assert!(!leads_to(listed, Path::new("/other/guest-toolchain/usr")));
        assert!(!leads_to("stable /c/guest-toolchain/usr\n", Path::new("/c/guest-toolchain/usr")));
        assert!(leads_to("hotcell-guest\t/c/usr\n", Path::new("/c/usr")));
    }

    #[test]
    fn another_rust_or_another_recipe_makes_the_toolchain_anew() {
        assert_ne!(stamp_for(Path::new("/rust/1.95")), stamp_for(Path::new("/rust/1.96")));
        assert!(stamp_for(Path::new("/r")).contains(&format!("recipe {RECIPE}\n")));
    }

    #[test]
    fn a_core_module_is_no_component() {
        assert!(is_component(b"\0asm\x0d\0\x01\0rest"));
        assert!(!is_component(b"\0asm\x01\0\0\0rest"));
        assert!(!is_component(b"\0asm"));
    }
}
