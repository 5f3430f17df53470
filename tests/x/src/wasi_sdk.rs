//! What tools in C are built with: clang, its linker and wasi-libc, of Debian's packages, put together as a wasi-sdk is. Nothing is
//! installed, and nothing of the system is changed.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::run::Done;
use crate::run::Failed;
use crate::run::io;
use crate::run::logged;
use crate::run::output;
use crate::say;
use crate::setup::Apt;

/// The version that bookworm and trixie both have.
const CLANG: &str = "19";
/// The packages, and those of their libraries that a small system may lack.
const PACKAGES: [&str; 9] = [
    "clang-19",
    "libclang-common-19-dev",
    "libclang-cpp19",
    "libclang-rt-19-dev-wasm32",
    "libedit2",
    "libllvm19",
    "libz3-4",
    "lld-19",
    "wasi-libc",
];
/// Raise this when the recipe changes.
const RECIPE: &str = "1";

/// Where it is, below the folder of what tests are built with and run against.
fn place(folder: &Path) -> PathBuf {
    folder.join("wasi-sdk")
}

/// Brings it, if it is missing. What cannot be had is left out, and said: it is there on Debian systems alone.
pub(crate) fn bring(folder: &Path) -> Done {
    let place = place(folder);
    let mark = place.join(".brought");
    if std::fs::read_to_string(&mark).is_ok_and(|found| found == RECIPE) {
        return Ok(());
    }
    if !cfg!(target_os = "linux") || output(Command::new("apt-get").arg("--version")).is_none() {
        say::note("left out: tools in C (Debian's apt-get brings clang; elsewhere name a wasi-sdk in WASI_SDK_PATH)");
        return Ok(());
    }
    say::step("tools in C: bringing clang and wasi-libc from Debian's packages (43 MB; nothing is installed)");
    if place.exists() {
        io(std::fs::remove_dir_all(&place), &place)?;
    }
    io(std::fs::create_dir_all(&place), &place)?;
    let log = folder.join("wasi-sdk.log");
    io(std::fs::File::create(&log), &log)?;
    let made = make(&place, &log);
    if let Err(failed) = made {
        say::note(&format!("left out: tools in C: {} ({})", failed.what, failed.hint));
        return Ok(());
    }
    io(std::fs::write(&mark, RECIPE), &mark)
}

fn make(place: &Path, log: &Path) -> Done {
    let apt = Apt::new(place, log)?;
    let packages = apt.newest(&PACKAGES)?;
    say::note(&format!("fetching {}", packages.join(", ")));
    apt.download(&packages)?;
    let root = place.join("root");
    for entry in io(std::fs::read_dir(apt.folder()), &apt.folder())?.flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "deb") {
            logged(Command::new("dpkg").arg("-x").arg(entry.path()).arg(&root), log)?;
        }
    }
    io(std::fs::remove_dir_all(place.join("apt")), place)?;
    arrange(place)?;
    let clang = place.join("bin/clang");
    if output(Command::new(&clang).arg("--version")).is_none() {
        return Err(Failed::new(
            "clang does not run: the system lacks a library of it",
            "install clang by hand, and name a wasi-sdk in WASI_SDK_PATH",
        ));
    }
    Ok(())
}

/// The folders of a wasi-sdk: programs, which find their libraries wherever this stands, and the C library.
fn arrange(place: &Path) -> Done {
    let (bin, sysroot) = (place.join("bin"), place.join("share/wasi-sysroot"));
    for folder in [&bin, &sysroot] {
        io(std::fs::create_dir_all(folder), folder)?;
    }
    for (name, program) in [("clang", "clang"), ("wasm-ld", "wasm-ld")] {
        let script = format!(
            "#!/bin/sh\nroot=\"$(dirname \"$(readlink -f \"$0\")\")/../root/usr\"\n\
             LD_LIBRARY_PATH=\"$root/lib/{}-linux-gnu:$root/lib/llvm-{CLANG}/lib\" exec \"$root/lib/llvm-{CLANG}/bin/{program}\" \"$@\"\n",
            std::env::consts::ARCH
        );
        let path = bin.join(name);
        io(std::fs::write(&path, script), &path)?;
        #[cfg(unix)]
        io(std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)), &path)?;
    }
    for part in ["include", "lib"] {
        let link = sysroot.join(part);
        #[cfg(unix)]
        io(std::os::unix::fs::symlink(Path::new("../../root/usr").join(part), &link), &link)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_arranged_has_the_form_of_a_wasi_sdk() {
        let folder = std::env::temp_dir().join(format!("hotcell-x-wasi-sdk-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("root/usr/include/wasm32-wasi")).unwrap();
        arrange(&folder).unwrap();
        assert!(folder.join("share/wasi-sysroot/include/wasm32-wasi").is_dir());
        let script = std::fs::read_to_string(folder.join("bin/clang")).unwrap();
        assert!(script.starts_with("#!/bin/sh\n") && script.contains("llvm-19/bin/clang"), "{script}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
