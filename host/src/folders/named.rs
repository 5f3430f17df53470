//! Folders of a person's own that a command was pointed at: a tool's project. Their modes are the person's business.

use std::io::Write as _;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_std::fs::OpenOptions;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

/// Opens a folder that a person named.
///
/// # Errors
/// [`Code::BadConfig`] if there is none, or it cannot be opened.
pub(crate) fn named_folder(path: &Path) -> Result<Dir, Refusal> {
    Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| unusable(&path.display().to_string(), &error))
}

/// Makes a folder that a person named, with those above it, and opens it.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be made.
pub(crate) fn make_named_folder(path: &Path) -> Result<Dir, Refusal> {
    Dir::create_ambient_dir_all(path, ambient_authority())
        .map_err(|error| unusable(&path.display().to_string(), &error))?;
    named_folder(path)
}

/// Makes a folder below such a one, unless it is there, and opens it.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be made, or a file is in its place.
pub(crate) fn make_folder_in(dir: &Dir, path: &str) -> Result<Dir, Refusal> {
    dir.create_dir_all(path).and_then(|()| dir.open_dir(path)).map_err(|error| unusable(path, &error))
}

/// Takes a folder below such a one away, if it is there.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be.
pub(crate) fn remove_folder_in(dir: &Dir, path: &str) -> Result<(), Refusal> {
    match dir.remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(path, &error)),
        _ => Ok(()),
    }
}

/// Replaces a file in one step, with the modes that the person's other files get. No sync: it can be built again.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be written; the old file stays.
pub(crate) fn replace_open_file(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
    let temporary = format!(".{name}.{}.new", std::process::id());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let written = dir
        .open_with(&temporary, &options)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| dir.rename(&temporary, dir, name));
    written.map_err(|error| {
        drop(dir.remove_file(&temporary));
        unusable(name, &error)
    })
}

fn unusable(name: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(Code::BadConfig, format!("{name} cannot be used: {error}"), "check the path, its rights and the disk")
}
