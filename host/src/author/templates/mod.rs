//! What `hotcell new` writes: whole small projects, in the binary as text. `{{name}}` in them is the tool's name.

mod c;
mod js;
mod python;
mod rust;

use clap::ValueEnum;
use serde::Serialize;

use super::project::Lang;

/// What stands in a template for the tool's name.
const NAME: &str = "{{name}}";

/// Which project is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A small real tool: a service with scopes, and a test case
    #[default]
    Api,
    /// One action that asks for nothing
    Blank,
}

/// Paths in the project, each with its text.
pub(super) type Files = Vec<(&'static str, &'static str)>;

/// The files of a template.
pub(super) fn files(lang: Lang, kind: Kind) -> Files {
    match lang {
        Lang::C => c::files(kind),
        Lang::Js => js::files(kind),
        Lang::Python => python::files(kind),
        Lang::Rust => rust::files(kind),
    }
}

/// The files of a kind and those of both, with the WIT of `hotcell:tool`.
fn with_wit(
    kind: Kind,
    api: &[(&'static str, &'static str)],
    blank: &[(&'static str, &'static str)],
    common: &[(&'static str, &'static str)],
) -> Files {
    let own = match kind {
        Kind::Api => api,
        Kind::Blank => blank,
    };
    own.iter().chain(common).chain(&HOTCELL_WIT).copied().collect()
}

/// A template's text with the tool's name in it.
pub(super) fn with_name(text: &str, name: &str) -> String {
    text.replace(NAME, name)
}

/// The WIT of `hotcell:tool`, for languages whose builder wants to see the whole world.
const HOTCELL_WIT: [(&str, &str); 4] = [
    ("wit/deps/hotcell-tool/http.wit", include_str!("../../../../wit/http.wit")),
    ("wit/deps/hotcell-tool/log.wit", include_str!("../../../../wit/log.wit")),
    ("wit/deps/hotcell-tool/progress.wit", include_str!("../../../../wit/progress.wit")),
    ("wit/deps/hotcell-tool/world.wit", include_str!("../../../../wit/world.wit")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::author::project;

    #[test]
    fn every_template_is_whole_and_its_manifest_can_be_read() {
        for lang in [Lang::C, Lang::Js, Lang::Python, Lang::Rust] {
            for kind in [Kind::Api, Kind::Blank] {
                let files = files(lang, kind);
                let find = |path: &str| files.iter().find(|(of, _)| *of == path).map(|(_, text)| *text);
                let manifest = with_name(find("hotcell.toml").unwrap(), "my-tool");
                let (manifest, build) = project::read(&manifest).unwrap();
                assert_eq!((manifest.name.as_str(), build.lang), ("my-tool", lang));
                assert_eq!(find("service.toml").is_some(), kind == Kind::Api, "{lang:?}");
                let readme = find("README.md").unwrap();
                for command in ["hotcell build", "hotcell test", "hotcell install", "hotcell call", "hotcell check"] {
                    assert!(readme.contains(command), "{lang:?} {kind:?}: {command}");
                }
                assert!(find(".gitignore").unwrap().contains("dist/"));
                let paths: std::collections::BTreeSet<_> = files.iter().map(|(path, _)| path).collect();
                assert_eq!(paths.len(), files.len(), "a path is there twice");
            }
        }
    }
}
