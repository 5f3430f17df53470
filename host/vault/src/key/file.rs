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
use crate::envelope::StoreKey;
use crate::envelope::random;
use crate::error::StoreError;

/// Takes the file's key, or makes a file with a new one.
pub(super) fn make(path: &Path) -> Result<StoreKey, StoreError> {
    let (dir, name) = folder(path)?;
    let key: StoreKey = Zeroizing::new(random()?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match dir.open_with(name, &options) {
        Ok(mut file) => {
            let written = file.write_all(encode(&key).as_bytes()).and_then(|()| file.sync_all());
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
    let file = dir.open(name).map_err(|error| match error.kind() {
        ErrorKind::NotFound => StoreError::KeyFile("it is not there"),
        _ => StoreError::KeyFile("it cannot be opened"),
    })?;
    #[cfg(unix)]
    {
        use cap_std::fs::MetadataExt as _;
        let metadata = file.metadata().map_err(|_| StoreError::KeyFile("it cannot be read"))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(StoreError::KeyFile("other users can read it"));
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(128));
    file.take(128).read_to_string(&mut text).map_err(|_| StoreError::KeyFile("it is not text"))?;
    decode(&text).ok_or(StoreError::KeyFile("it does not hold 32 bytes in base64"))
}

fn folder(path: &Path) -> Result<(Dir, &Path), StoreError> {
    let name = path.file_name().map(Path::new).ok_or(StoreError::KeyFile("the path names no file"))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = Dir::open_ambient_dir(parent, ambient_authority())
        .map_err(|_| StoreError::KeyFile("its folder cannot be opened"))?;
    Ok((dir, name))
}
