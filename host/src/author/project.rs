//! A tool's project: a folder with `hotcell.toml`, which is the manifest and the table `[build]`.

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use cap_std::fs::Dir;
use clap::ValueEnum;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::visible;
use serde::Deserialize;
use serde::Serialize;
use toml::de::DeTable;
use toml::de::ValueDeserializer;

use crate::Manifest;
use crate::catalog::toml_mistake;
use crate::folders;

/// The file that makes a folder a project.
pub(crate) const FILE: &str = "hotcell.toml";
/// The sub-folder that built components go to.
const DIST: &str = "dist";
/// The operator's side of what the tool asks for.
const SERVICES: &str = "service.toml";
const SERVICES_BYTES: usize = 1024 * 1024;

/// What decides what a build brings, in one language or another.
const PINS: [&str; 6] =
    ["Cargo.toml", "Cargo.lock", "package.json", "package-lock.json", "requirements.txt", "requirements-build.txt"];

/// A language that tools are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// C, with clang
    C,
    /// JavaScript, with componentize-js
    Js,
    /// Python, with componentize-py
    Python,
    /// Rust, with cargo
    Rust,
}

impl Lang {
    /// As it stands in `[build]`.
    #[cfg(test)]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Js => "js",
            Self::Python => "python",
            Self::Rust => "rust",
        }
    }
}

/// `[build]`: how the component is made. Read by the author's commands alone, and never packed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    /// The language.
    pub(crate) lang: Lang,
    /// Folder of the WIT files, relative to the project. Default `wit`, where there is one.
    pub(crate) wit: Option<String>,
    /// The world to build. Default: the only one in that folder.
    pub(crate) world: Option<String>,
    /// The source file or folder, where the language needs it, relative to the project.
    pub(crate) source: Option<String>,
}

/// A project as it stands on the disk.
pub(crate) struct Project {
    /// Its folder, absolute.
    pub(crate) folder: PathBuf,
    /// The same, opened.
    pub(crate) dir: Dir,
    /// What `hotcell.toml` says, without `[build]`.
    pub(crate) manifest: Manifest,
    /// `[build]`.
    pub(crate) build: Build,
}

impl Project {
    /// The project in a folder, or the nearest one above the current folder.
    ///
    /// # Errors
    /// [`Code::BadConfig`] where there is none, or for a mistake in `hotcell.toml`, with line and column.
    pub(crate) fn find(folder: Option<&Path>) -> Result<Self, Refusal> {
        let here = std::path::absolute(folder.unwrap_or(Path::new("."))).map_err(|error| {
            Refusal::new(Code::BadConfig, format!("no folder: {error}"), "name the project's folder")
        })?;
        // Of a folder that was named, those above are not meant.
        let above = if folder.is_some() { 1 } else { usize::MAX };
        let found = here.ancestors().take(above).find(|folder| folder.join(FILE).is_file());
        Self::open(found.ok_or_else(|| no_project(&here))?)
    }

    /// The project in this very folder.
    ///
    /// # Errors
    /// As [`Project::find`].
    pub(crate) fn open(folder: &Path) -> Result<Self, Refusal> {
        let dir = folders::named_folder(folder)?;
        let bytes = folders::read_file(&dir, FILE, limits::MANIFEST_BYTES)?.ok_or_else(|| no_project(folder))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Refusal::new(Code::BadConfig, format!("{FILE} is not UTF-8"), "save it as UTF-8"))?;
        let (manifest, build) = read(&text)?;
        Ok(Self { folder: folder.to_owned(), dir, manifest, build })
    }

    /// A path of `[build]` below the project's folder, absolute.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }

    /// The folder of the WIT files, absolute; `None` where the project has none.
    ///
    /// # Errors
    /// [`Code::BadConfig`] if `[build]` names a folder that is not there.
    pub(crate) fn wit(&self) -> Result<Option<PathBuf>, Refusal> {
        let path = self.path(self.build.wit.as_deref().unwrap_or("wit"));
        match (&self.build.wit, path.is_dir()) {
            (_, true) => Ok(Some(path)),
            (None, false) => Ok(None),
            (Some(named), false) => Err(Refusal::new(
                Code::BadConfig,
                format!("{FILE}: `build.wit` names {}, and there is no such folder", visible(named)),
                "name the folder of the WIT files, relative to the project",
            )),
        }
    }

    /// Where the built component goes.
    pub(crate) fn dist_file(&self) -> PathBuf {
        self.folder.join(DIST).join(self.dist_name())
    }

    /// Puts a built component there, in one step.
    ///
    /// # Errors
    /// [`Code::BadConfig`] if it cannot be written.
    pub(crate) fn put(&self, component: &[u8]) -> Result<(), Refusal> {
        let dist = folders::make_folder_in(&self.dir, DIST)?;
        folders::replace_open_file(&dist, &self.dist_name(), component)
    }

    /// The component as it was built last.
    ///
    /// # Errors
    /// [`Code::BadConfig`] where nothing was built yet.
    pub(crate) fn built(&self) -> Result<Vec<u8>, Refusal> {
        if !self.dist_file().is_file() {
            return Err(Refusal::new(
                Code::BadConfig,
                format!("{DIST}/{} is not built yet", self.dist_name()),
                "build it first: hotcell build",
            ));
        }
        folders::read_named_file(&self.dist_file(), limits::COMPONENT_BYTES)
    }

    /// The operator's side of the services, `service.toml`, where the project has it.
    ///
    /// # Errors
    /// [`Code::BadConfig`] if it cannot be read.
    pub(crate) fn services(&self) -> Result<Option<String>, Refusal> {
        let Some(bytes) = folders::read_file(&self.dir, SERVICES, SERVICES_BYTES)? else { return Ok(None) };
        let text = String::from_utf8(bytes);
        text.map(Some)
            .map_err(|_| Refusal::new(Code::BadConfig, format!("{SERVICES} is not UTF-8"), "save it as UTF-8"))
    }

    /// A file that was changed after the last build, if one was: then what is built is not what stands there. Times
    /// of files are as coarse as the kernel's tick, and a build takes longer than one: the same time means a change.
    pub(crate) fn changed_since_built(&self) -> Option<PathBuf> {
        let built = self.dist_file().metadata().ok()?.modified().ok()?;
        let wit = self.build.wit.as_deref().unwrap_or("wit");
        let named = [FILE, wit, "src", self.build.source.as_deref().unwrap_or("src")];
        let mut places: Vec<PathBuf> = named.iter().chain(&PINS).map(|path| self.path(path)).collect();
        while let Some(place) = places.pop() {
            let Ok(metadata) = place.symlink_metadata() else { continue };
            if metadata.is_dir() {
                places.extend(place.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()));
            } else if metadata.modified().is_ok_and(|changed| changed >= built) {
                return Some(place.strip_prefix(&self.folder).unwrap_or(&place).to_owned());
            }
        }
        None
    }

    fn dist_name(&self) -> String {
        format!("{}.wasm", self.manifest.name)
    }
}

/// Manifest and `[build]` out of the file's text. Lines and columns of mistakes are those of the whole.
pub(super) fn read(text: &str) -> Result<(Manifest, Build), Refusal> {
    let mut table = DeTable::parse(text).map_err(|error| toml_mistake(text, FILE, &error))?;
    let build = table.get_mut().remove("build").ok_or_else(|| {
        Refusal::new(
            Code::BadConfig,
            format!("{FILE} has no table [build], so nobody can say how it is built"),
            "add it: [build] and below it lang = \"rust\", \"js\", \"python\" or \"c\"; a tool without code is not built: \
             hotcell test runs its cases, hotcell check hotcell.toml looks at it, hotcell install hotcell.toml installs it",
        )
    })?;
    let build = Build::deserialize(ValueDeserializer::from(build)).map_err(|error| toml_mistake(text, FILE, &error))?;
    for (key, path) in [("wit", &build.wit), ("source", &build.source)] {
        if let Some(path) = path.as_deref().filter(|path| !is_inside(path)) {
            return Err(Refusal::new(
                Code::BadConfig,
                format!("{FILE}: `build.{key}` is `{}`, which leads out of the project", visible(path)),
                "name a path inside of the project, relative to it, without `..`",
            ));
        }
    }
    Ok((Manifest::of_table(table, text, FILE)?, build))
}

fn is_inside(path: &str) -> bool {
    let parts = Path::new(path).components();
    !path.is_empty() && parts.into_iter().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn no_project(folder: &Path) -> Refusal {
    Refusal::new(
        Code::BadConfig,
        format!("there is no {FILE} in {}", folder.display()),
        "go into a tool's folder, or make one: hotcell new NAME",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = \"a\"\nversion = \"1\"\n";

    fn mistake(text: &str) -> String {
        read(text).unwrap_err().message
    }

    #[test]
    fn manifest_and_build_are_read_apart_however_they_are_written() {
        let tables = format!("{MANIFEST}[build]\nlang = \"c\"\nwit = \"w\"\n[actions.go]\ndescription = \"x\"\n");
        let inline = format!("build = {{ lang = \"c\", wit = \"w\" }}\n{MANIFEST}[actions.go]\ndescription = \"x\"\n");
        let dotted = format!("build.lang = \"c\"\nbuild.wit = \"w\"\n{MANIFEST}[actions.go]\ndescription = \"x\"\n");
        for text in [tables, inline, dotted] {
            let (manifest, build) = read(&text).unwrap();
            assert_eq!(manifest.actions["go"].description, "x");
            assert_eq!((build.lang, build.wit.as_deref()), (Lang::C, Some("w")));
        }
    }

    #[test]
    fn mistakes_are_named_with_line_and_column_of_the_whole_file() {
        let after_build = format!("[build]\nlang = \"rust\"\n[actions.go]\n{}", "oops = 1\n");
        assert!(
            mistake(&format!("{MANIFEST}{after_build}"))
                .starts_with("hotcell.toml, line 6, column 1: unknown field `oops`")
        );
        let of_build = mistake(&format!("{MANIFEST}[build]\nlang = \"rust\"\nopt = 3\n"));
        assert!(of_build.starts_with("hotcell.toml, line 5, column 1: unknown field `opt`"), "{of_build}");
        let lang = mistake(&format!("{MANIFEST}[build]\nlang = \"go\"\n"));
        assert!(lang.contains("line 4, column 8") && lang.contains("`python`"), "{lang}");
        assert!(mistake(MANIFEST).contains("no table [build]"));
        assert!(mistake("name = \n").contains("line 1"));
    }

    #[test]
    fn paths_of_build_stay_in_the_project() {
        for path in ["../x", "/etc", "a/../../b", ""] {
            let text = format!("{MANIFEST}[build]\nlang = \"js\"\nsource = \"{path}\"\n");
            assert!(mistake(&text).contains("leads out of the project"), "{path}");
        }
    }

    #[test]
    fn a_project_is_found_in_its_own_folder_and_named_ones_are_taken_at_their_word() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{MANIFEST}[build]\nlang = \"rust\"\n");
        std::fs::write(folder.path().join(FILE), text).unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        assert_eq!(Project::find(Some(folder.path())).unwrap().manifest.name, "a");
        let refusal = Project::find(Some(&folder.path().join("src"))).err().unwrap();
        assert!(refusal.message.contains("no hotcell.toml in") && refusal.hint.contains("hotcell new"), "{refusal:?}");
    }
}
