//! What the author's test kit reads and writes of a project: case files, times of sources, reports.

use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::io::Write as _;
use std::path::Path;

use cap_std::fs::Dir;
use cap_std::fs::OpenOptions;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;

use super::named;

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
        if !is_case {
            continue;
        }
        // A pipe would be waited for; a link is followed as far as the project goes. What is not read is not passed over: cases that
        // nobody runs look like cases that hold.
        let path = format!("{folder}/{name}");
        match project.metadata(&path) {
            Ok(metadata) if metadata.is_file() => names.push(path),
            Ok(_) => return Err(bad(&format!("holds {}, which is no file", visible(&name)))),
            Err(error) => {
                let why = error.kind();
                return Err(bad(&format!(
                    "holds {}, which leads out of the project or cannot be read: {why}",
                    visible(&name)
                )));
            }
        }
        if names.len() > FILES {
            return Err(bad(&format!("has more than {FILES} case files")));
        }
    }
    names.sort();
    Ok(names)
}

/// Writes a file that a person named, in one step, in place of an earlier one.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be written; an earlier file stays.
pub(crate) fn write_named_file(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let (dir, name) = place(path)?;
    named::replace_open_file(&dir, name, bytes)
}

/// Makes a file that a person named.
///
/// # Errors
/// [`Code::BadConfig`] if something of this name is there already, or it cannot be written.
pub(crate) fn make_named_file(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let (dir, name) = place(path)?;
    let written =
        dir.open_with(name, OpenOptions::new().write(true).create_new(true)).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Refusal::new(
            Code::BadConfig,
            format!("{} is there already", path.display()),
            "--append adds to it, --force replaces it; nothing was changed",
        ),
        kind => unwritable(path, &kind.to_string()),
    })
}

/// The folder of a file, made if it is missing, and the file's name.
fn place(path: &Path) -> Result<(Dir, &str), Refusal> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name =
        path.file_name().and_then(|name| name.to_str()).ok_or_else(|| unwritable(path, "it is no file's name"))?;
    Ok((named::make_named_folder(parent)?, name))
}

fn unwritable(path: &Path, why: &str) -> Refusal {
    Refusal::new(Code::BadConfig, format!("{} cannot be written: {why}", path.display()), "name another file")
}

/// Entries of a project that are looked at, and how deep.
const ENTRIES: usize = 20_000;
const DEPTH: usize = 32;

/// Names, lengths and times of a project's files as one number: another one means that somebody changed something. Folders of
/// these names, and those that begin with a dot, are what programs make. Links are not followed.
pub(crate) fn fingerprint(project: &Dir, without: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut left = ENTRIES;
    walk(project, without, DEPTH, &mut left, &mut hasher);
    hasher.finish()
}

fn walk(dir: &Dir, without: &[&str], depth: usize, left: &mut usize, hasher: &mut DefaultHasher) {
    let Ok(entries) = dir.entries() else { return };
    let mut found: Vec<_> = entries.flatten().take(*left).map(|entry| (entry.file_name(), entry)).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (name, entry) in found {
        *left = left.saturating_sub(1);
        let text = name.to_string_lossy();
        if *left == 0 || text.starts_with('.') || without.contains(&&*text) {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        name.hash(hasher);
        if metadata.is_dir() {
            if let (Ok(below), true) = (entry.open_dir(), depth > 0) {
                walk(&below, without, depth - 1, left, hasher);
            }
        } else {
            let modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
            (metadata.len(), modified).hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn a_fingerprint_changes_with_sources_and_not_with_what_programs_make() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["src/deep", "dist", "node_modules/x", ".git"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        std::os::unix::fs::symlink("/", at("src/root")).unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let now = || fingerprint(&dir, &["dist", "node_modules"]);
        let mut before = now();
        for name in ["dist/a", "node_modules/x/a", ".git/a", ".hidden"] {
            std::fs::write(at(name), "a").unwrap();
            assert_eq!(now(), before, "{name}");
        }
        for name in ["a", "src/a", "src/deep/a"] {
            std::fs::write(at(name), "a").unwrap();
            assert_ne!(now(), before, "{name}");
            before = now();
            std::fs::write(at(name), "ab").unwrap();
            assert_ne!(now(), before, "{name}");
            before = now();
        }
        std::fs::rename(at("src/a"), at("src/b")).unwrap();
        assert_ne!(now(), before);
    }
}
