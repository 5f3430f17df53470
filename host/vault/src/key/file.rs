//! A key in a file that the operator names. Whoever has the disk has the key: said in the help, and chosen, never fallen back to.

use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_std::fs::OpenOptions;
use zeroize::Zeroizing;

use super::decode;
use super::encode;
use crate::access::Exposed;
use crate::access::exposed;
use crate::envelope::StoreKey;
use crate::error::StoreError;
use crate::file::sync;

/// More than a key in base64 with a line end; less than what would make the buffer grow.
const MOST_BYTES: u64 = 128;

/// Takes the file's key, or makes a file with a new one.
pub(super) fn make(path: &Path) -> Result<StoreKey, StoreError> {
    let (dir, name) = folder(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match dir.open_with(name, &options) {
        Ok(mut file) => {
            let key = StoreKey::random()?;
            // Durable before a store depends on it, its name in the folder too.
            let written =
                file.write_all(encode(&key).as_bytes()).and_then(|()| file.sync_all()).and_then(|()| sync(&dir));
            written.map_err(|_| StoreError::KeyFile("it cannot be written"))?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fetch(path),
        Err(_) => Err(StoreError::KeyFile("it cannot be made")),
    }
}

/// Reads the file's key.
pub(super) fn fetch(path: &Path) -> Result<StoreKey, StoreError> {
    let (dir, name) = folder(path)?;
    let cannot_be_opened = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => StoreError::KeyFile("it is not there"),
        _ => StoreError::KeyFile("it cannot be opened"),
    };
    // Looked at first: opening a pipe would wait for somebody to write into it.
    if !dir.metadata(name).map_err(cannot_be_opened)?.is_file() {
        return Err(StoreError::KeyFile("it is no regular file"));
    }
    let file = dir.open(name).map_err(cannot_be_opened)?;
    let metadata = file.metadata().map_err(cannot_be_opened)?;
    match exposed(&metadata) {
        None => {}
        Some(Exposed::ByMode) => return Err(StoreError::KeyFile("other users can read it")),
        Some(Exposed::ByOwner) => return Err(StoreError::KeyFile("it belongs to another user")),
    }
    let mut text = Zeroizing::new(String::with_capacity(256));
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|_| StoreError::KeyFile("it is not text"))?;
    decode(&text).ok_or(StoreError::KeyFile("it does not hold 32 bytes in base64"))
}

fn folder(path: &Path) -> Result<(Dir, &Path), StoreError> {
    let name = path.file_name().map(Path::new).ok_or(StoreError::KeyFile("the path names no file"))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = Dir::open_ambient_dir(parent, ambient_authority())
        .map_err(|_| StoreError::KeyFile("its folder cannot be opened"))?;
    Ok((dir, name))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn k4_a_key_file_is_made_closed_and_refused_when_it_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fetch(&path).unwrap().bytes(), made.bytes());
        for mode in [0o604, 0o640, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(fetch(&path).err(), Some(StoreError::KeyFile("other users can read it")));
            assert_eq!(make(&path).err(), Some(StoreError::KeyFile("other users can read it")));
        }
    }

    #[test]
    fn a_key_file_that_is_there_is_taken_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = make(&path).unwrap();
        assert_eq!(make(&path).unwrap().bytes(), made.bytes());
        std::fs::write(&path, "not a key").unwrap();
        assert_eq!(make(&path).err(), Some(StoreError::KeyFile("it does not hold 32 bytes in base64")));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key");
    }

    #[test]
    fn what_is_no_key_file_is_named_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let why = |path: &Path| fetch(path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(why(&folder.path().join("none")).contains("it is not there"));
        assert!(why(&folder.path().join("none/key")).contains("folder cannot be opened"));
        assert!(why(folder.path()).contains("no regular file"));
        assert!(why(Path::new("/")).contains("names no file"));
        let long = folder.path().join("long");
        std::fs::write(&long, "A".repeat(100_000)).unwrap();
        std::fs::set_permissions(&long, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(why(&long).contains("32 bytes"));
    }
}
