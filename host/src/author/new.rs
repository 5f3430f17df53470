//! `hotcell new`: writes a project into a folder of its own.

use std::path::Path;
use std::path::PathBuf;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use serde::Serialize;

use super::name;
use super::project::Lang;
use super::templates;
use super::templates::Kind;
use crate::folders;

/// A project that was written.
#[derive(Debug, Serialize)]
pub(crate) struct Created {
    /// The tool's name.
    pub(crate) name: String,
    /// Its language.
    pub(crate) lang: Lang,
    /// Which template it is of.
    pub(crate) template: Kind,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What was written, relative to the folder.
    pub(crate) files: Vec<&'static str>,
}

/// Writes a project into the folder `name` below `parent`.
///
/// # Errors
/// [`Code::BadArguments`] for a bad name, or a folder that holds something; nothing is written then.
pub(crate) fn create(parent: &Path, name: &str, lang: Lang, kind: Kind) -> Result<Created, Refusal> {
    name::check(name)?;
    let files = templates::files(lang, kind);
    let folder = parent.join(name);
    if is_taken(&folder) {
        return Err(Refusal::new(
            Code::BadArguments,
            format!("{} is there already, and not empty", folder.display()),
            "choose another name, or empty it first: nothing was changed",
        ));
    }
    let dir = folders::make_named_folder(&folder)?;
    for (path, text) in &files {
        let (below, file) = path.rsplit_once('/').unwrap_or((".", path));
        let text = templates::with_name(text, name);
        folders::replace_open_file(&folders::make_folder_in(&dir, below)?, file, text.as_bytes())?;
    }
    let files = files.into_iter().map(|(path, _)| path).collect();
    Ok(Created { name: name.to_owned(), lang, template: kind, folder, files })
}

/// Whether something is there that is not an empty folder. What cannot be looked into is something.
fn is_taken(folder: &Path) -> bool {
    match folder.read_dir() {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound || folder.symlink_metadata().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::author::project::Project;

    #[test]
    fn a_project_is_written_whole_and_can_be_read_back() {
        let parent = tempfile::tempdir().unwrap();
        for (lang, kind) in [Lang::C, Lang::Js, Lang::Python, Lang::Rust]
            .into_iter()
            .flat_map(|lang| [(lang, Kind::Api), (lang, Kind::Blank)])
        {
            let name = format!("my-{}-{kind:?}", lang.as_str()).to_lowercase();
            let created = create(parent.path(), &name, lang, kind).unwrap();
            for file in &created.files {
                let text = std::fs::read_to_string(created.folder.join(file)).unwrap();
                assert!(!text.contains("{{name}}"), "{file}");
            }
            assert_eq!(Project::open(&created.folder).unwrap().manifest.name, name);
        }
    }

    #[test]
    fn what_is_there_already_stays_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let taken = parent.path().join("taken");
        std::fs::create_dir(&taken).unwrap();
        std::fs::write(taken.join("mine"), "x").unwrap();
        std::fs::write(parent.path().join("file"), "x").unwrap();
        for name in ["taken", "file"] {
            let refusal = create(parent.path(), name, Lang::Rust, Kind::Blank).unwrap_err();
            assert_eq!(refusal.code, Code::BadArguments);
            assert!(refusal.message.contains("there already") && refusal.hint.contains("nothing was changed"));
        }
        assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 1);
        assert!(create(parent.path(), "Bad Name", Lang::Rust, Kind::Blank).is_err());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 2);
        std::fs::create_dir(parent.path().join("empty")).unwrap();
        create(parent.path(), "empty", Lang::Rust, Kind::Blank).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_no_free_place() {
        let parent = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(parent.path().join("nowhere"), parent.path().join("link")).unwrap();
        assert!(create(parent.path(), "link", Lang::Rust, Kind::Blank).is_err());
    }
}
