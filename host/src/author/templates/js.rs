//! JavaScript. npm's lock file pins the builder; the WIT of `hotcell:tool` is written into the project.

use super::Files;
use super::Kind;
use super::with_wit;

const COMMON: [(&str, &str); 4] = [
    (".gitignore", include_str!("../../../templates/js/gitignore")),
    ("jsconfig.json", include_str!("../../../templates/js/jsconfig.json")),
    ("package-lock.json", include_str!("../../../templates/js/package-lock.json")),
    ("package.json", include_str!("../../../templates/js/package.json")),
];

const API: [(&str, &str); 6] = [
    ("README.md", include_str!("../../../templates/js/api/README.md")),
    ("hotcell.toml", include_str!("../../../templates/js/api/hotcell.toml")),
    ("service.toml", include_str!("../../../templates/service.toml")),
    ("src/tool.js", include_str!("../../../templates/js/api/tool.js")),
    ("wit/world.wit", include_str!("../../../templates/js/api/world.wit")),
    ("tests/first.toml", include_str!("../../../templates/tests/api.toml")),
];

const BLANK: [(&str, &str); 5] = [
    ("README.md", include_str!("../../../templates/js/blank/README.md")),
    ("hotcell.toml", include_str!("../../../templates/js/blank/hotcell.toml")),
    ("src/tool.js", include_str!("../../../templates/js/blank/tool.js")),
    ("wit/world.wit", include_str!("../../../templates/js/blank/world.wit")),
    ("tests/first.toml", include_str!("../../../templates/tests/blank.toml")),
];

pub(super) fn files(kind: Kind) -> Files {
    with_wit(kind, &API, &BLANK, &COMMON)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A builder that changes by itself is one that nobody looked at; and a lock file names no registry, so that each
    /// author's own is asked.
    #[test]
    fn what_npm_brings_is_pinned_to_the_byte_and_its_lock_file_names_no_host() {
        let json = |at: usize| serde_json::from_str::<Value>(COMMON[at].1).unwrap();
        let packages = json(2)["packages"].clone();
        for (name, package) in packages.as_object().unwrap().iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|digest| digest.starts_with("sha512-")), "{name}");
            assert_eq!(package.get("resolved"), None, "{name}");
            assert_eq!(package.get("hasInstallScript"), None, "{name}: it is brought with --ignore-scripts");
        }
        assert_eq!(packages[""]["devDependencies"], json(3)["devDependencies"]);
        for version in json(3)["devDependencies"].as_object().unwrap().values() {
            assert!(version.as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()), "{version}");
        }
    }
}
