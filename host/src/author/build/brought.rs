//! What a builder brings from a registry, once: a folder of the project with a note beside it of what decided what is in it.

use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

use crate::author::project::Project;
use crate::folders;

/// The project's folder of what can be made again. Not to be committed.
pub(super) const WORK: &str = ".hotcell";
/// A lock file of npm has some ten thousand lines.
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
    let wanted = wanted(project, pins, more)?;
    let work = folders::make_folder_in(&project.dir, WORK)?;
    let note = format!("{}.brought", folder.rsplit('/').next().unwrap_or(folder));
    let found = folders::read_file(&work, &note, PIN_BYTES)?;
    if project.path(folder).is_dir() && found.as_deref() == Some(wanted.as_bytes()) {
        return Ok(());
    }
    // First: a folder that is half made has no note.
    drop(work.remove_file(&note));
    bring()?;
    // A builder may have written its own lock file.
    folders::replace_open_file(&work, &note, self::wanted(project, pins, more)?.as_bytes())
}

/// The files' digests, a line each: short enough to be read, and no copy of them.
fn wanted(project: &Project, pins: &[&str], more: &str) -> Result<String, Refusal> {
    let mut text = format!("{}\n", more.trim());
    for pin in pins {
        let bytes = folders::read_file(&project.dir, pin, PIN_BYTES)?;
        let digest = bytes.map_or_else(|| "none".into(), |bytes| hotcell_protocol::Digest::of(&bytes).to_string());
        text.push_str(&format!("{pin} {digest}\n"));
    }
    debug_assert!(text.len() < limits::MANIFEST_BYTES);
    Ok(text)
}
