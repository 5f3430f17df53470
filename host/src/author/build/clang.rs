//! Where clang, its linker and the C library for WebAssembly are: a wasi-sdk that `WASI_SDK_PATH` names, else the system's own.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

use crate::author::run;

/// Names a folder in the form of a wasi-sdk release: `bin/clang`, `share/wasi-sysroot`.
const SDK: &str = "WASI_SDK_PATH";
/// Names the folder above `include` and `lib`, where it is not the SDK's or the system's.
const SYSROOT: &str = "WASI_SYSROOT";
/// What tools are compiled for: preview 1, whose calls an adapter turns into those of WASI 0.2. The C library of
/// `wasm32-wasip2` would import `wasi:sockets` into every tool that prints.
pub(super) const TARGET: &str = "wasm32-wasi";
/// The folders of that target, newer name first.
const TRIPLES: [&str; 2] = ["wasm32-wasip1", "wasm32-wasi"];
/// Versions that Debian and others name their programs by.
const NEWEST: u32 = 25;
const OLDEST: u32 = 14;

/// What C is built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tools {
    pub(super) clang: PathBuf,
    pub(super) linker: PathBuf,
    /// The C library's headers.
    pub(super) include: PathBuf,
    /// The C library, and the start file of a library (`crt1-reactor.o`).
    pub(super) lib: PathBuf,
    /// What clang calls for arithmetic that the machine does not have.
    pub(super) builtins: PathBuf,
}

/// Finds them.
///
/// # Errors
/// [`Code::BuildFailed`] naming the first that is missing, and how it is installed.
pub(super) fn find() -> Result<Tools, Refusal> {
    let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let sdk = named(SDK);
    let clang = match &sdk {
        Some(sdk) => Some(sdk.join("bin/clang")).filter(|clang| answers(clang)),
        None => names("clang").find(|clang| answers(clang)),
    };
    let clang = clang.ok_or_else(|| missing("clang", sdk.as_deref()))?;
    let (include, lib) = sysroots(sdk.as_deref(), named(SYSROOT))
        .iter()
        .find_map(|root| library(root))
        .ok_or_else(|| missing("a C library for WebAssembly (wasi-libc)", sdk.as_deref()))?;
    let ask = |question: &str| {
        let answer = run::answer(Command::new(&clang).arg(format!("--target={TARGET}")).arg(question));
        answer.map(|path| PathBuf::from(path.trim()))
    };
    let builtins = ask("-print-libgcc-file-name").filter(|file| file.is_file());
    let builtins = builtins.ok_or_else(|| missing("clang's library for WebAssembly (compiler-rt)", sdk.as_deref()))?;
    let beside = ask("-print-prog-name=wasm-ld").into_iter();
    let linker = beside.chain(names("wasm-ld")).chain(rusts()).find(|linker| answers(linker));
    let linker = linker.ok_or_else(|| missing("wasm-ld, the linker for WebAssembly (lld)", sdk.as_deref()))?;
    Ok(Tools { clang, linker, include, lib, builtins })
}

/// A program as it is called, and with the versions behind its name.
fn names(program: &str) -> impl Iterator<Item = PathBuf> + '_ {
    let versions = (OLDEST..=NEWEST).rev().map(move |version| PathBuf::from(format!("{program}-{version}")));
    std::iter::once(PathBuf::from(program)).chain(versions)
}

/// The linker that comes with Rust.
fn rusts() -> Option<PathBuf> {
    let rustc = |question: &str| run::answer(Command::new("rustc").args(["--print", question]));
    let (sysroot, host) = (rustc("sysroot")?, rustc("host-tuple")?);
    Some(Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin/gcc-ld/wasm-ld"))
}

fn answers(program: &Path) -> bool {
    run::answer(Command::new(program).arg("--version")).is_some()
}

/// Where C libraries are, in the order in which they are looked for.
fn sysroots(sdk: Option<&Path>, named: Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named];
    }
    match sdk {
        Some(sdk) => vec![sdk.join("share/wasi-sysroot")],
        // Debian; Arch; Fedora; a wasi-sdk at its usual place.
        None => ["/usr", "/usr/share/wasi-sysroot", "/usr/wasm32-wasi", "/opt/wasi-sdk/share/wasi-sysroot"]
            .map(PathBuf::from)
            .into(),
    }
}

/// Headers and library of the first target that a folder has whole.
fn library(root: &Path) -> Option<(PathBuf, PathBuf)> {
    let both = |triple: &str| (root.join("include").join(triple), root.join("lib").join(triple));
    TRIPLES.map(both).into_iter().find(|(include, lib)| {
        include.join("stdlib.h").is_file() && lib.join("libc.a").is_file() && lib.join("crt1-reactor.o").is_file()
    })
}

fn missing(what: &str, sdk: Option<&Path>) -> Refusal {
    let (place, repair) = match sdk {
        Some(sdk) => {
            (format!(" in {}, which {SDK} names", sdk.display()), format!("name a whole wasi-sdk, or unset {SDK}"))
        }
        None => (
            String::new(),
            format!(
                "on Debian and Ubuntu: apt install clang lld wasi-libc libclang-rt-dev-wasm32; elsewhere unpack a wasi-sdk \
                 (https://github.com/WebAssembly/wasi-sdk/releases) and name its folder in {SDK}"
            ),
        ),
    };
    Refusal::new(Code::BuildFailed, format!("{what} is missing{place}"), repair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_c_library_counts_only_if_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let touch = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        touch("include/wasm32-wasi/stdlib.h");
        touch("lib/wasm32-wasi/libc.a");
        assert_eq!(library(root.path()), None);
        touch("lib/wasm32-wasi/crt1-reactor.o");
        assert!(library(root.path()).unwrap().0.ends_with("include/wasm32-wasi"));
        for file in ["include/wasm32-wasip1/stdlib.h", "lib/wasm32-wasip1/libc.a", "lib/wasm32-wasip1/crt1-reactor.o"] {
            touch(file);
        }
        assert!(library(root.path()).unwrap().1.ends_with("lib/wasm32-wasip1"), "the newer name comes first");
    }

    #[test]
    fn what_is_named_is_looked_at_alone() {
        let sdk = Path::new("/sdk");
        assert_eq!(sysroots(Some(sdk), None), [PathBuf::from("/sdk/share/wasi-sysroot")]);
        assert_eq!(sysroots(Some(sdk), Some("/root".into())), [PathBuf::from("/root")]);
        assert!(sysroots(None, None).contains(&PathBuf::from("/usr")));
    }

    #[test]
    fn what_is_missing_is_named_with_the_command_that_brings_it() {
        let refusal = missing("clang", None);
        assert!(refusal.hint.contains("apt install clang lld wasi-libc libclang-rt-dev-wasm32"), "{}", refusal.hint);
        let refusal = missing("clang", Some(Path::new("/sdk")));
        assert!(refusal.message.contains("in /sdk") && refusal.hint.contains("WASI_SDK_PATH"), "{refusal:?}");
    }
}
