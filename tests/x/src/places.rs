//! Where things are: the repository, the build folder, the cache.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// The build folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Where guests are built. A folder of their own: another toolchain and another target.
pub(crate) fn guests_target() -> PathBuf {
    target().join("guests")
}

/// Where built guests are put, each as `NAME.wasm` with its manifest `NAME.toml`.
pub(crate) fn guests() -> PathBuf {
    guests_target().join("out")
}

/// What outlives the clone: the guest toolchain.
pub(crate) fn cache() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("HOTCELL_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").map(|dir| dir.join("hotcell")))
        .or_else(|| named("HOME").map(|home| home.join(".cache/hotcell")))
        .unwrap_or_else(|| root().join("target/cache"))
}

/// Cargo, at the repository's root, with the build folder set.
pub(crate) fn cargo() -> Command {
    // Not $CARGO: that is the one cargo that runs this tool, and cannot be told `+toolchain`.
    let mut command = Command::new("cargo");
    command.current_dir(root()).env("CARGO_TARGET_DIR", target()).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}
