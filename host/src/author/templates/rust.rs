//! Rust. The SDK is on no registry: its sources are written into the project's folder `sdk`.

use super::Files;
use super::Kind;

/// A file of the repository, at its place below `sdk`.
macro_rules! sdk {
    ($path:literal) => {
        (concat!("sdk/", $path), include_str!(concat!("../../../../", $path)))
    };
}

/// The SDK as a project has it: `sdk/guest-sdk` and, where it looks for them, the WIT files.
const SDK: [(&str, &str); 30] = [
    sdk!("guest-sdk/Cargo.toml"),
    sdk!("guest-sdk/macro/Cargo.toml"),
    sdk!("guest-sdk/macro/src/actions.rs"),
    sdk!("guest-sdk/macro/src/attributes.rs"),
    sdk!("guest-sdk/macro/src/convert.rs"),
    sdk!("guest-sdk/macro/src/declared.rs"),
    sdk!("guest-sdk/macro/src/docs.rs"),
    sdk!("guest-sdk/macro/src/foreign.rs"),
    sdk!("guest-sdk/macro/src/lib.rs"),
    sdk!("guest-sdk/macro/src/made.rs"),
    sdk!("guest-sdk/macro/src/mistakes.rs"),
    sdk!("guest-sdk/macro/src/model.rs"),
    sdk!("guest-sdk/macro/src/module.rs"),
    sdk!("guest-sdk/macro/src/names.rs"),
    sdk!("guest-sdk/macro/src/public.rs"),
    sdk!("guest-sdk/macro/src/types.rs"),
    sdk!("guest-sdk/macro/src/wit.rs"),
    sdk!("guest-sdk/src/bindings.rs"),
    sdk!("guest-sdk/src/encode.rs"),
    sdk!("guest-sdk/src/http/mod.rs"),
    sdk!("guest-sdk/src/http/request.rs"),
    sdk!("guest-sdk/src/http/response.rs"),
    sdk!("guest-sdk/src/lib.rs"),
    sdk!("guest-sdk/src/log.rs"),
    sdk!("guest-sdk/src/problem.rs"),
    sdk!("guest-sdk/src/progress.rs"),
    sdk!("wit/http.wit"),
    sdk!("wit/log.wit"),
    sdk!("wit/progress.wit"),
    sdk!("wit/world.wit"),
];

const COMMON: [(&str, &str); 2] = [
    (".gitignore", include_str!("../../../templates/rust/gitignore")),
    ("Cargo.toml", include_str!("../../../templates/rust/cargo.toml")),
];

const API: [(&str, &str); 5] = [
    ("README.md", include_str!("../../../templates/rust/api/README.md")),
    ("hotcell.toml", include_str!("../../../templates/rust/api/hotcell.toml")),
    ("service.toml", include_str!("../../../templates/service.toml")),
    ("src/lib.rs", include_str!("../../../templates/rust/api/lib.rs")),
    ("tests/first.toml", include_str!("../../../templates/tests/api.toml")),
];

const BLANK: [(&str, &str); 4] = [
    ("README.md", include_str!("../../../templates/rust/blank/README.md")),
    ("hotcell.toml", include_str!("../../../templates/rust/blank/hotcell.toml")),
    ("src/lib.rs", include_str!("../../../templates/rust/blank/lib.rs")),
    ("tests/first.toml", include_str!("../../../templates/tests/blank.toml")),
];

pub(super) fn files(kind: Kind) -> Files {
    let own: &[_] = match kind {
        Kind::Api => &API,
        Kind::Blank => &BLANK,
    };
    own.iter().chain(&COMMON).chain(&SDK).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Paths of all files below a folder of the repository that a build of the SDK needs.
    fn below(folder: &Path, prefix: &str, into: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                if !["golden", "target"].contains(&name.as_str()) {
                    below(&entry.path(), &format!("{prefix}/{name}"), into);
                }
            } else if name != "Cargo.lock" {
                into.insert(format!("{prefix}/{name}"));
            }
        }
    }

    #[test]
    fn the_whole_sdk_is_in_a_project() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut expected = BTreeSet::new();
        below(&root.join("guest-sdk"), "sdk/guest-sdk", &mut expected);
        below(&root.join("wit"), "sdk/wit", &mut expected);
        let written: BTreeSet<String> = SDK.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(written, expected);
    }
}
