//! Where things are: the repository, the build folder, the cache.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::run::Done;
use crate::run::io;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// The build folder.
pub(crate) fn target() -> PathBuf {
    target_of(named("CARGO_TARGET_DIR"))
}

/// Where guests are built. A folder of their own: another target, and perhaps another toolchain.
pub(crate) fn guests_target() -> PathBuf {
    target().join("guests")
}

/// Where built guests are put, each as `NAME.wasm` with its manifest `NAME.toml`.
pub(crate) fn guests() -> PathBuf {
    guests_target().join("out")
}

/// The hotcell command, when it has been built.
pub(crate) fn hotcell() -> PathBuf {
    target().join("debug").join(format!("hotcell{}", std::env::consts::EXE_SUFFIX))
}

/// What outlives the clone: the guest toolchain.
pub(crate) fn cache() -> PathBuf {
    cache_of(&named)
}

/// Makes the cache folder. Hotcell itself may keep its cache in the same folder and refuses one that is open to others
/// (threat K4), so it is made as Hotcell makes it: for its owner alone.
pub(crate) fn make_cache() -> Done {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    io(builder.create(cache()), &cache())
}

/// Cargo, at the repository's root, with the build folder set.
pub(crate) fn cargo() -> Command {
    // Not $CARGO: that is one toolchain's cargo, and cannot be told `+toolchain`.
    let mut command = Command::new("cargo");
    command.current_dir(root()).env("CARGO_TARGET_DIR", target()).env_remove("CARGO");
    command
}

fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

/// A relative folder counts from where the person is, as cargo reads it.
fn target_of(named: Option<OsString>) -> PathBuf {
    named.map_or_else(|| root().join("target"), |folder| std::path::absolute(&folder).unwrap_or_else(|_| folder.into()))
}

fn cache_of(named: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    // A relative XDG_CACHE_HOME is to be ignored (XDG base directory specification).
    let user = named("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named("HOTCELL_CACHE")
        .map(|path| absolute(path.into()))
        .or_else(|| user.map(|path| path.join("hotcell")))
        .or_else(|| named("HOME").map(|home| Path::new(&home).join(".cache/hotcell")))
        .unwrap_or_else(|| root().join("target/cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(variables: &[(&str, &str)]) -> PathBuf {
        cache_of(&|name| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| OsString::from(value)))
    }

    #[test]
    fn the_root_is_where_the_workspace_is() {
        assert!(root().join("tests/x/Cargo.toml").is_file());
        assert!(root().join("wit").is_dir());
    }

    #[test]
    fn the_cache_is_named_or_the_users_own() {
        assert_eq!(cache_with(&[("HOTCELL_CACHE", "/a"), ("XDG_CACHE_HOME", "/b")]), Path::new("/a"));
        assert_eq!(cache_with(&[("XDG_CACHE_HOME", "/b"), ("HOME", "/c")]), Path::new("/b/hotcell"));
        assert_eq!(cache_with(&[("XDG_CACHE_HOME", "b"), ("HOME", "/c")]), Path::new("/c/.cache/hotcell"));
        assert!(cache_with(&[("HOTCELL_CACHE", "here")]).is_absolute());
        assert!(cache_with(&[]).starts_with(root()));
    }

    #[test]
    fn guests_are_built_below_the_build_folder() {
        assert_eq!(target_of(None), root().join("target"));
        assert_eq!(target_of(Some("/t".into())), Path::new("/t"));
        assert!(guests().ends_with("guests/out"));
    }
}
