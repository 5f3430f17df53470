//! What the author's test kit reads and writes of a project: case files, times of sources, reports.

use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

/// Case files of a project.
const FILES: usize = 200;

/// The names of a project's case files, `FOLDER/NAME.toml`, sorted. None, where there is no such folder.
///
/// # Errors
/// [`Code::BadConfig`] if the folder cannot be read, leads out of the project, or has too many.
pub(crate) fn case_files(project: &Dir, folder: &str) -> Result<Vec<String>, Refusal> {
    let bad = |what: &str| Refusal::new(Code::BadConfig, format!("the folder {folder} {what}"), "check that folder");
    let entries = match project.read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(bad(&format!("cannot be read: {}", error.kind()))),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| bad(&format!("cannot be read: {}", error.kind())))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_case = Path::new(&name).extension().is_some_and(|ending| ending == "toml") && !name.starts_with('.');
        // A pipe would be waited for; a link is followed as far as the project goes.
        let path = format!("{folder}/{name}");
        if is_case && project.metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            names.push(path);
        }
        if names.len() > FILES {
            return Err(bad(&format!("has more than {FILES} case files")));
        }
    }
    names.sort();
    Ok(names)
}

/// Opens a folder that a person named.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be opened.
pub(crate) fn named_folder(path: &Path) -> Result<Dir, Refusal> {
    Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| {
        let what = format!("the folder {} cannot be opened: {}", path.display(), error.kind());
        Refusal::new(Code::BadConfig, what, "name the project's folder")
    })
}

/// Writes a file that a person named, in one step.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be written.
pub(crate) fn write_named_file(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let bad = |what: &str| Refusal::new(Code::BadConfig, format!("{} {what}", path.display()), "name another file");
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| bad("is no file's name"))?;
    super::replace_file(&named_folder(parent)?, name, bytes).map_err(|_| bad("cannot be written"))
}
