//! Where built things are: the `hotcell` command, the guests, the real servers. `cargo x test` builds and brings them.

use std::path::PathBuf;

/// The `hotcell` command of this build.
pub fn hotcell() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    // target/debug/deps/NAME-HASH for a test, target/release/NAME for a program.
    let name = format!("hotcell{}", std::env::consts::EXE_SUFFIX);
    let folder = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).unwrap();
    let built = folder.join(name);
    assert!(built.is_file(), "{} is not there: run `cargo x test`, which builds it", built.display());
    built
}

/// The folder of built guests.
pub fn guests() -> PathBuf {
    std::env::var_os("HOTCELL_GUESTS").expect("HOTCELL_GUESTS is not set: run `cargo x test`").into()
}

/// The file of a guest, `NAME.wasm`; its manifest is beside it.
pub fn guest(name: &str) -> PathBuf {
    let file = guests().join(format!("{name}.wasm"));
    assert!(file.is_file(), "{} is not there: run `cargo x guests`", file.display());
    file
}

/// The folder of the real servers; `None` if they were left out on purpose (`cargo x test --no-servers`).
pub fn servers() -> Option<PathBuf> {
    let folder = std::env::var_os("HOTCELL_SERVERS").expect("HOTCELL_SERVERS is not set: run `cargo x test`");
    if folder == "none" {
        return None;
    }
    Some(folder.into())
}
