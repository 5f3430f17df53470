//! `.hotcell`, the project's folder of what can be made again: what a builder brings from a registry, once, and what it makes.

use std::path::PathBuf;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;

use crate::author::project::Project;
use crate::folders;

const FOLDER: &str = ".hotcell";
/// The component as the builder makes it, before the manifest is packed in.
const MADE: &str = "made.wasm";
/// A lock file of npm can have megabytes.
const PIN_BYTES: usize = 16 << 20;

/// Makes a folder of the project, unless it was made of these same files before. `more` is what else it depends on.
///
/// # Errors
/// What `bring` refuses; the folder is brought again the next time then.
pub(super) fn once(
    project: &Project,
    folder: &str,
    pins: &[&str],
    more: &str,
    bring: impl FnOnce() -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let work = folders::make_folder_in(&project.dir, FOLDER)?;
    let note = format!("{}.brought", folder.rsplit('/').next().unwrap_or(folder));
    let found = folders::read_file(&work, &note, PIN_BYTES)?;
    if project.path(folder).is_dir() && found == Some(wanted(project, pins, more)?.into_bytes()) {
        return Ok(());
    }
    // First: a folder that is half made has no note.
    drop(work.remove_file(&note));
    bring()?;
    // Only now: a builder may have written its lock file.
    folders::replace_open_file(&work, &note, wanted(project, pins, more)?.as_bytes())
}

/// What decides what is brought: the files' digests, a line each.
fn wanted(project: &Project, pins: &[&str], more: &str) -> Result<String, Refusal> {
    let mut text = format!("{}\n", more.trim());
    for pin in pins {
        let bytes = folders::read_file(&project.dir, pin, PIN_BYTES)?;
        let digest = bytes.map_or_else(|| "none".to_owned(), |bytes| Digest::of(&bytes).to_string());
        text.push_str(&format!("{pin} {digest}\n"));
    }
    Ok(text)
}

/// Where a builder puts the component. What an earlier build left there is gone: a builder that makes nothing is noticed.
///
/// # Errors
/// [`Code::BadConfig`] if the folder cannot be written.
pub(super) fn made(project: &Project) -> Result<PathBuf, Refusal> {
    let work = folders::make_folder_in(&project.dir, FOLDER)?;
    drop(work.remove_file(MADE));
    Ok(project.path(FOLDER).join(MADE))
}

/// The folder of the WIT files, of a language whose builder cannot do without.
///
/// # Errors
/// [`Code::BadConfig`] if there is none.
pub(super) fn wit(project: &Project) -> Result<PathBuf, Refusal> {
    project.wit()?.ok_or_else(|| {
        Refusal::new(
            Code::BadConfig,
            "there is no folder wit, whose files say what the tool exports",
            "take that of a new project as a pattern: hotcell new NAME --template blank",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_folder_is_brought_once_and_again_when_its_pins_change_it_is_gone_or_it_failed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("hotcell.toml", "name = \"a\"\nversion = \"1\"\n[build]\nlang = \"js\"\n");
        write("pins", "1");
        let project = Project::open(folder.path()).unwrap();
        let brought = Cell::new(0);
        let bring = |more: &str, fails: bool| {
            once(&project, "things/inner", &["pins", "lock"], more, || {
                brought.set(brought.get() + 1);
                std::fs::create_dir_all(folder.path().join("things/inner")).unwrap();
                if fails { Err(Refusal::internal("x")) } else { Ok(()) }
            })
        };
        for (change, expected) in [("", 1), ("", 1), ("2", 2), ("lock", 3), ("gone", 4), ("", 4)] {
            match change {
                "" => {}
                "gone" => std::fs::remove_dir_all(folder.path().join("things")).unwrap(),
                "lock" => write("lock", "x"),
                other => write("pins", other),
            }
            bring("", false).unwrap();
            assert_eq!(brought.get(), expected, "{change}");
        }
        bring("another version", true).unwrap_err();
        bring("another version", false).unwrap();
        bring("another version", false).unwrap();
        assert_eq!(brought.get(), 6);
    }
}
