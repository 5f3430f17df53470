//! A toolchain for `wasm32-wasip2` made of Debian packages: rustc with its own library source, wasi-libc, and rustup's linkers.
//! Nothing is installed and nothing of the system is changed: packages are fetched and unpacked into the cache folder.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use super::apt;
use super::apt::Mirrors;
use crate::places;
use crate::run::Done;
use crate::run::Failed;
use crate::run::io;
use crate::run::logged;
use crate::run::output;
use crate::run::shown;
use crate::say;

/// Raise this when the recipe changes: an older toolchain is then made anew.
const RECIPE: &str = "1";
/// The suite whose wasi-libc knows wasip2. It is of architecture `all` and depends on nothing.
const WASI_SUITE: &str = "trixie";
const STEPS: usize = 5;

/// Whether the toolchain is there, made by this recipe for the rustup toolchain that is in use.
pub(super) fn is_current() -> bool {
    std::fs::read_to_string(folder().join("stamp")).is_ok_and(|stamp| Some(stamp) == wanted_stamp())
}

/// Makes the toolchain and links it into rustup under a name.
pub(super) fn make(name: &str) -> Done {
    io(std::fs::create_dir_all(places::cache()), &places::cache())?;
    let lock = places::cache().join("guest-toolchain.lock");
    let lock_file = io(File::create(&lock), &lock)?;
    // Another `cargo x` may be making it: wait for that one, then look again.
    io(lock_file.lock(), &lock)?;
    if !is_current() {
        Recipe::new()?.make()?;
    }
    shown(Command::new("rustup").args(["toolchain", "link", name]).arg(folder().join("usr")))
}

fn folder() -> PathBuf {
    places::cache().join("guest-toolchain")
}

fn wanted_stamp() -> Option<String> {
    Some(format!("recipe {RECIPE}\n{}\n", sysroot()?.display()))
}

fn sysroot() -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    output(rustc.env_remove("RUSTUP_TOOLCHAIN").args(["--print", "sysroot"])).map(|path| PathBuf::from(path.trim()))
}

/// One making: a folder that is renamed when it is whole.
struct Recipe {
    work: PathBuf,
    log: PathBuf,
    /// Where rustup keeps `rust-lld` and `wasm-component-ld`.
    linkers: PathBuf,
    host: String,
    started: Instant,
}

impl Recipe {
    fn new() -> Done<Self> {
        let missing =
            |what: &str| Failed::new(format!("{what} cannot be found"), "install Rust with rustup, then try again");
        let version = output(Command::new("rustc").arg("-vV")).ok_or_else(|| missing("rustc"))?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .ok_or_else(|| missing("rustc's host"))?
            .to_owned();
        let sysroot = sysroot().ok_or_else(|| missing("rustc's folder"))?;
        for program in ["apt-get", "apt-cache", "dpkg"] {
            if output(Command::new(program).arg("--version")).is_none() {
                return Err(Failed::new(
                    format!("rustup's server is out of reach, and this is no Debian system ({program} is missing)"),
                    "install the target by hand where rustup can reach its server: rustup target add wasm32-wasip2",
                ));
            }
        }
        let work = places::cache().join("guest-toolchain.new");
        drop(std::fs::remove_dir_all(&work));
        io(std::fs::create_dir_all(&work), &work)?;
        let log = work.join("log.txt");
        let linkers = sysroot.join("lib/rustlib").join(&host).join("bin");
        Ok(Self { work, log, linkers, host, started: Instant::now() })
    }

    fn make(&self) -> Done {
        self.step(1, "reading the package lists");
        let apt = Apt::new(&self.work, &self.log)?;
        let packages = apt.packages()?;
        self.step(2, &format!("fetching {} packages", packages.len()));
        apt.download(&packages)?;
        self.step(3, "unpacking");
        self.unpack()?;
        self.step(4, "building Rust's standard library for wasm32-wasip2");
        self.build_std()?;
        self.step(5, "trying it on a small component");
        self.link_tools()?;
        self.try_it()?;
        self.finish()
    }

    fn step(&self, number: usize, what: &str) {
        say::note(&format!("[{number}/{STEPS}] {what} ({:.0} s)", self.started.elapsed().as_secs_f64()));
    }

    fn usr(&self) -> PathBuf {
        self.work.join("usr")
    }

    fn unpack(&self) -> Done {
        let packages = self.work.join("packages");
        for entry in io(std::fs::read_dir(&packages), &packages)?.flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "deb") {
                logged(Command::new("dpkg").arg("-x").arg(entry.path()).arg(&self.work), &self.log)?;
            }
        }
        // What the linker looks for beside the standard library: start files and C library of wasip2.
        let contained = self.target_lib().join("self-contained");
        io(std::fs::create_dir_all(&contained), &contained)?;
        let libc = self.usr().join("lib/wasm32-wasip2");
        for entry in io(std::fs::read_dir(&libc), &libc)?.flatten() {
            let name = entry.file_name();
            if name == "libc.a" || Path::new(&name).extension().is_some_and(|ending| ending == "o") {
                io(std::fs::copy(entry.path(), contained.join(&name)), &entry.path())?;
            }
        }
        Ok(())
    }

    fn target_lib(&self) -> PathBuf {
        self.usr().join("lib/rustlib/wasm32-wasip2/lib")
    }

    /// `x86_64-linux-gnu`: Debian's name for the folder of an architecture's libraries.
    fn multiarch(&self) -> String {
        self.host.replacen("-unknown", "", 1)
    }

    /// Builds an empty library with `-Zbuild-std`, and keeps what that brought: the standard library.
    fn build_std(&self) -> Done {
        let package = self.work.join("std");
        self.write(
            &package.join("Cargo.toml"),
            "[package]\nname = \"empty\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
        )?;
        self.write(&package.join("src/lib.rs"), "")?;
        let sources = self.usr().join("src");
        let source = io(std::fs::read_dir(&sources), &sources)?.flatten().map(|entry| entry.path().join("library"));
        let source = source.into_iter().find(|path| path.is_dir()).ok_or_else(|| {
            Failed::new(
                "the package of Rust's library source has no library in it",
                "the recipe must be brought up to date",
            )
        })?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--release", "--target", "wasm32-wasip2", "-Zbuild-std=std,panic_abort", "--manifest-path"])
            .arg(package.join("Cargo.toml"))
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TARGET_DIR", package.join("target"))
            .env("RUSTC", self.usr().join("bin/rustc"))
            .env("LD_LIBRARY_PATH", self.usr().join("lib").join(self.multiarch()))
            .env("RUSTC_BOOTSTRAP", "1")
            // Guests with link-time optimisation need the library's bitcode.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", source)
            .env("PATH", format!("{}:{path}", self.linkers.display()));
        logged(&mut cargo, &self.log)?;
        let built = package.join("target/wasm32-wasip2/release/deps");
        for entry in io(std::fs::read_dir(&built), &built)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".rlib") && !name.starts_with("libempty-") {
                io(std::fs::copy(entry.path(), self.target_lib().join(&name)), &entry.path())?;
            }
        }
        Ok(())
    }

    /// Makes the folder a toolchain: its libraries where rustc looks for them, rustup's linkers by links (a copy would lose
    /// its LLVM library).
    fn link_tools(&self) -> Done {
        let lib = self.usr().join("lib");
        let libraries = lib.join(self.multiarch());
        for entry in io(std::fs::read_dir(&libraries), &libraries)?.flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().contains(".so") {
                link(&Path::new(&self.multiarch()).join(&name), &lib.join(&name))?;
            }
        }
        let bin = lib.join("rustlib").join(&self.host).join("bin");
        io(std::fs::create_dir_all(&bin), &bin)?;
        for name in ["rust-lld", "wasm-component-ld"] {
            link(&self.linkers.join(name), &bin.join(name))?;
        }
        Ok(())
    }

    fn try_it(&self) -> Done {
        let package = self.work.join("try");
        let manifest = "[package]\nname = \"try\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
                        [profile.release]\nlto = true\n[workspace]\n";
        self.write(&package.join("Cargo.toml"), manifest)?;
        self.write(
            &package.join("src/lib.rs"),
            "#[no_mangle]\npub extern \"C\" fn f() { println!(\"{:?}\", std::env::args()); }\n",
        )?;
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--release", "--target", "wasm32-wasip2", "--manifest-path"])
            .arg(package.join("Cargo.toml"))
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TARGET_DIR", package.join("target"))
            .env("RUSTC", self.usr().join("bin/rustc"));
        logged(&mut cargo, &self.log)?;
        let component = package.join("target/wasm32-wasip2/release/try.wasm");
        let bytes = io(std::fs::read(&component), &component)?;
        if bytes.get(..8) != Some(b"\0asm\x0d\0\x01\0") {
            return Err(Failed::new("the toolchain does not build components", format!("see {}", self.log.display())));
        }
        Ok(())
    }

    /// Drops what was needed for the making alone, and puts the folder in its place.
    fn finish(&self) -> Done {
        for leftover in ["packages", "std", "try", "lists", "apt-cache"] {
            drop(std::fs::remove_dir_all(self.work.join(leftover)));
        }
        let stamp =
            wanted_stamp().ok_or_else(|| Failed::new("rustc cannot be asked for its folder", "is rustup on PATH?"))?;
        self.write(&self.work.join("stamp"), &stamp)?;
        drop(std::fs::remove_dir_all(folder()));
        io(std::fs::rename(&self.work, folder()), &folder())?;
        say::note(&format!(
            "the guest toolchain is in {} ({:.0} s)",
            folder().display(),
            self.started.elapsed().as_secs_f64()
        ));
        Ok(())
    }

    fn write(&self, path: &Path, text: &str) -> Done {
        if let Some(parent) = path.parent() {
            io(std::fs::create_dir_all(parent), parent)?;
        }
        io(std::fs::write(path, text), path)
    }
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Done {
    drop(std::fs::remove_file(at));
    io(std::os::unix::fs::symlink(to, at), at)
}

#[cfg(not(unix))]
fn link(_: &Path, at: &Path) -> Done {
    Err(Failed::new(format!("{} cannot be linked on this system", at.display()), "rustup target add wasm32-wasip2"))
}

/// apt, with lists and cache of its own: the system's are neither needed nor touched.
struct Apt {
    work: PathBuf,
    log: PathBuf,
    suite: String,
}

impl Apt {
    fn new(work: &Path, log: &Path) -> Done<Self> {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let suite = release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .map(|name| name.trim_matches('"').to_owned());
        let suite = suite.filter(|_| release.lines().any(|line| line == "ID=debian")).ok_or_else(|| {
            Failed::new(
                "rustup's server is out of reach, and this is no Debian system",
                "install the target by hand where rustup can reach its server: rustup target add wasm32-wasip2",
            )
        })?;
        let apt = Self { work: work.to_owned(), log: log.to_owned(), suite };
        apt.write_sources()?;
        logged(apt.run("apt-get").arg("update"), &apt.log)?;
        Ok(apt)
    }

    /// Sources from the mirrors that the system itself uses, for its own suite and the one with the newer wasi-libc.
    fn write_sources(&self) -> Done {
        let mirrors = system_mirrors();
        let main = mirrors.main.ok_or_else(|| {
            Failed::new(
                "apt's files name no Debian mirror",
                "add one to /etc/apt/sources.list, or: rustup target add wasm32-wasip2",
            )
        })?;
        let security = mirrors.security.unwrap_or_else(|| format!("{}-security", main.trim_end_matches('/')));
        let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let signed = if Path::new(key).exists() { format!("[signed-by={key}] ") } else { String::new() };
        let suite = &self.suite;
        let text = format!(
            "deb {signed}{main} {suite} main\ndeb {signed}{security} {suite}-security main\ndeb {signed}{main} {WASI_SUITE} main\n"
        );
        for folder in ["lists/partial", "apt-cache/archives/partial", "packages"] {
            let folder = self.work.join(folder);
            io(std::fs::create_dir_all(&folder), &folder)?;
        }
        let path = self.work.join("sources.list");
        io(std::fs::write(&path, text), &path)
    }

    fn run(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (option, value) in [
            ("Dir::State::Lists", self.work.join("lists")),
            ("Dir::Etc::sourcelist", self.work.join("sources.list")),
            ("Dir::Etc::sourceparts", PathBuf::from("/dev/null")),
            ("Dir::Cache", self.work.join("apt-cache")),
            ("Dir::State::status", PathBuf::from("/dev/null")),
        ] {
            command.arg("-o").arg(format!("{option}={}", value.display()));
        }
        command.args(["-o", "APT::Sandbox::User=", "-q"]).current_dir(self.work.join("packages"));
        command
    }

    /// The packages with their versions, as `name=version`.
    fn packages(&self) -> Done<Vec<String>> {
        let missing = |what: &str| {
            Failed::new(format!("the mirror has no {what}"), "rustup target add wasm32-wasip2, or another mirror")
        };
        let own = ["rustc-web", "libstd-rust-web-dev", "rust-web-src", "rust-web-llvm"];
        let listed = output(self.run("apt-cache").arg("madison").args(own)).unwrap_or_default();
        let mut packages = Vec::new();
        for name in own {
            let version = apt::newest(&listed, name, &self.suite).ok_or_else(|| missing(name))?;
            packages.push((name.to_owned(), version));
        }
        let (_, dev) = packages
            .iter()
            .find(|(name, _)| name == "libstd-rust-web-dev")
            .ok_or_else(|| missing("libstd-rust-web-dev"))?;
        let library = format!("libstd-rust-web-{}", apt::release(dev).ok_or_else(|| missing("version of Rust"))?);
        let library_version = self.version(&library, &self.suite)?;
        let show =
            output(self.run("apt-cache").arg("show").arg(format!("{library}={library_version}"))).unwrap_or_default();
        let llvm = apt::llvm(&show).ok_or_else(|| missing("LLVM library"))?;
        let llvm_version = self.version(&llvm, &self.suite)?;
        packages.extend([(library, library_version), (llvm, llvm_version)]);
        packages.push(("wasi-libc".to_owned(), self.version("wasi-libc", WASI_SUITE)?));
        Ok(packages.into_iter().map(|(name, version)| format!("{name}={version}")).collect())
    }

    fn version(&self, package: &str, suite: &str) -> Done<String> {
        let listed = output(self.run("apt-cache").args(["madison", package])).unwrap_or_default();
        apt::newest(&listed, package, suite).ok_or_else(|| {
            Failed::new(format!("the mirror has no {package}"), "rustup target add wasm32-wasip2, or another mirror")
        })
    }

    fn download(&self, packages: &[String]) -> Done {
        logged(self.run("apt-get").arg("download").args(packages), &self.log)
    }
}

/// The mirrors of all of apt's files.
fn system_mirrors() -> Mirrors {
    let mut mirrors = Mirrors::default();
    let parts = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        parts.filter(|path| path.extension().is_some_and(|e| e == "list" || e == "sources")).collect();
    files.sort();
    files.insert(0, PathBuf::from("/etc/apt/sources.list"));
    for file in files {
        mirrors.read(&std::fs::read_to_string(file).unwrap_or_default());
    }
    mirrors
}
