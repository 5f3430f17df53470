//! Fetches Debian packages with lists, cache and settings of its own: the system's are neither needed nor touched.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use super::apt;
use super::apt::Format;
use super::apt::Mirrors;
use crate::run::Done;
use crate::run::Failed;
use crate::run::io;
use crate::run::logged;
use crate::run::output;

/// The suite whose wasi-libc knows wasip2. It is of architecture `all` and depends on nothing, so that any suite can use it.
const WASI_SUITE: &str = "trixie";
/// The packages of one source package, thus of one version.
const RUST: [&str; 4] = ["rustc-web", "libstd-rust-web-dev", "rust-web-src", "rust-web-llvm"];
const BY_HAND: &str = "install the target by hand, where rustup can reach its server: rustup target add wasm32-wasip2";

/// apt, working in one folder.
pub(crate) struct Apt {
    work: PathBuf,
    log: PathBuf,
    suite: String,
}

impl Apt {
    /// Reads the package lists of the mirrors that the system itself uses, into the folder `apt` of `work`.
    pub(crate) fn new(work: &Path, log: &Path) -> Done<Self> {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let suite = apt::debian_suite(&release).ok_or_else(|| {
            Failed::new(format!("this is no Debian system, but {}", apt::system_name(&release)), BY_HAND)
        })?;
        for program in ["apt-get", "apt-cache", "dpkg"] {
            if output(Command::new(program).arg("--version")).is_none() {
                return Err(Failed::new(format!("{program} is missing"), BY_HAND));
            }
        }
        let made = Self { work: work.join("apt"), log: log.to_owned(), suite };
        made.write_settings()?;
        logged(&mut made.apt("apt-get", &["update"]), &made.log)?;
        Ok(made)
    }

    /// Where packages are put.
    pub(crate) fn folder(&self) -> PathBuf {
        self.work.join("packages")
    }

    /// The packages with their versions, as `name=version`.
    pub(super) fn packages(&self) -> Done<Vec<String>> {
        let listed = self.madison(&RUST);
        let [compiler, ..] = RUST;
        let version = apt::newest(&listed, compiler, &self.suite).ok_or_else(|| missing(compiler))?;
        let mut packages = Vec::new();
        for name in RUST {
            // The library source must have the compiler's own version.
            if !apt::lists(&listed, name, &version) {
                return Err(missing(&format!("{name} {version}")));
            }
            packages.push(format!("{name}={version}"));
        }
        let release = apt::release(&version).ok_or_else(|| missing(&format!("release of {version}")))?;
        let library = format!("libstd-rust-web-{release}={version}");
        let show = output(&mut self.apt("apt-cache", &["show", &library])).unwrap_or_default();
        let llvm = apt::llvm(&show).ok_or_else(|| missing(&format!("LLVM library of {library}")))?;
        packages.push(library);
        for (name, suite) in [(llvm.as_str(), self.suite.as_str()), ("wasi-libc", WASI_SUITE)] {
            let version = apt::newest(&self.madison(&[name]), name, suite).ok_or_else(|| missing(name))?;
            packages.push(format!("{name}={version}"));
        }
        Ok(packages)
    }

    /// These packages of the system's own suite with their versions, as `name=version`.
    pub(crate) fn newest(&self, names: &[&str]) -> Done<Vec<String>> {
        let of = |name: &&str| {
            let version = apt::newest(&self.madison(&[name]), name, &self.suite).ok_or_else(|| missing(name))?;
            Ok(format!("{name}={version}"))
        };
        names.iter().map(of).collect()
    }

    /// Fetches packages, each checked by apt against Debian's signatures.
    pub(crate) fn download(&self, packages: &[String]) -> Done {
        let words: Vec<&str> = std::iter::once("download").chain(packages.iter().map(String::as_str)).collect();
        logged(&mut self.apt("apt-get", &words), &self.log)
    }

    fn madison(&self, packages: &[&str]) -> String {
        let words: Vec<&str> = std::iter::once("madison").chain(packages.iter().copied()).collect();
        output(&mut self.apt("apt-cache", &words)).unwrap_or_default()
    }

    fn apt(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).arg("-q").arg("-c").arg(self.work.join("apt.conf")).current_dir(self.folder());
        command.env("LC_ALL", "C");
        command
    }

    fn write_settings(&self) -> Done {
        for folder in ["lists/partial", "cache/archives/partial", "packages"] {
            let folder = self.work.join(folder);
            io(std::fs::create_dir_all(&folder), &folder)?;
        }
        let mirrors = Mirrors::choose(&system_sources(), &self.suite).ok_or_else(|| {
            Failed::new(
                format!("apt's files name no mirror for {}", self.suite),
                format!("add one to /etc/apt/sources.list; or {BY_HAND}"),
            )
        })?;
        let sources = self.work.join("sources.list");
        io(std::fs::write(&sources, mirrors.lines(&self.suite, WASI_SUITE, keyring())), &sources)?;
        let settings = self.work.join("apt.conf");
        io(std::fs::write(&settings, apt::settings(&self.work)), &settings)
    }
}

fn missing(what: &str) -> Failed {
    Failed::new(format!("the Debian mirror has no {what}"), format!("try later or with another mirror; or {BY_HAND}"))
}

fn keyring() -> Option<&'static str> {
    let path = "/usr/share/keyrings/debian-archive-keyring.gpg";
    Path::new(path).exists().then_some(path)
}

/// Everything that apt's own files name.
fn system_sources() -> Vec<apt::Source> {
    let parts = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = parts.collect();
    files.sort();
    files.insert(0, PathBuf::from("/etc/apt/sources.list"));
    let mut sources = Vec::new();
    for file in files {
        let format = match file.extension().and_then(|ending| ending.to_str()) {
            Some("list") => Format::OneLine,
            Some("sources") => Format::Deb822,
            _ => continue,
        };
        sources.extend(apt::sources(&std::fs::read_to_string(file).unwrap_or_default(), format));
    }
    sources
}
