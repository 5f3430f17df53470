//! The store's file: read whole, replaced in one step.

use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;

use cap_std::fs::Dir;
use cap_std::fs::Metadata;
use cap_std::fs::OpenOptions;

use crate::access::Exposed;
use crate::access::exposed;
use crate::content::Content;
use crate::crash;
use crate::envelope::random;
use crate::error::StoreError;

/// The file.
const STORE: &str = "store.json.enc";
/// The generation before, as encrypted as the file itself.
const BACKUP: &str = "store.json.bak";
/// How the names of files begin that are not yet, or never became, the store.
const TEMPORARY: &str = ".store.json.enc.";
/// A store of thousands of records is smaller.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What changes whenever the file does, cheap to read: length, time, and the inode, which each replacement makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    inode: u64,
    modified: Option<std::time::SystemTime>,
}

/// What becomes of the generation before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// It holds what a person took out: it goes too.
    Forget,
    /// It is kept as the backup.
    Keep,
}

/// Reads the file with its stamp; `None` if there is none yet.
pub(crate) fn read(dir: &Dir) -> Result<Option<(Content, Stamp)>, StoreError> {
    let failed = |error: std::io::Error| StoreError::Io("file", error.kind());
    match dir.symlink_metadata(STORE) {
        // Not through a link, which leads to a file with another name and perhaps another owner; a pipe would hang.
        Ok(metadata) if !metadata.is_file() => return Err(StoreError::Damaged("the file is no regular file")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return refuse_if_lost(dir),
        Err(error) => return Err(failed(error)),
    }
    let file = dir.open(STORE).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    refuse_if_exposed(&metadata, "file")?;
    if metadata.len() > MOST_BYTES {
        return Err(StoreError::Damaged("the file is too large"));
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|_| StoreError::Damaged("the file is not text"))?;
    Ok(Some((Content::parse(&text)?, stamp_of(&metadata))))
}

/// A backup without its store: the store was lost, and a new one in its place would overwrite what is left.
fn refuse_if_lost<T>(dir: &Dir) -> Result<Option<T>, StoreError> {
    match dir.symlink_metadata(BACKUP) {
        Ok(_) => Err(StoreError::Damaged("its file is gone, its backup is there")),
        Err(_) => Ok(None),
    }
}

/// The file's stamp now; `None` if there is no file.
pub(crate) fn stamp(dir: &Dir) -> Option<Stamp> {
    dir.symlink_metadata(STORE).ok().map(|metadata| stamp_of(&metadata))
}

/// Replaces the file: written beside it, synced, renamed, folder synced. A crash leaves the old one or the new one. Only
/// under the lock.
pub(crate) fn write(dir: &Dir, content: &Content, earlier: Earlier) -> Result<Stamp, StoreError> {
    let text = content.encode()?;
    let name: [u8; 8] = random()?;
    let temporary = format!("{TEMPORARY}{:016x}", u64::from_be_bytes(name));
    remove_leftovers(dir);
    let written = write_new(dir, &temporary, &text)
        .inspect(|()| crash::point("temporary-written"))
        .and_then(|()| back_up(dir, earlier))
        .inspect(|()| crash::point("before-rename"))
        .and_then(|()| dir.rename(&temporary, dir, STORE))
        .inspect(|()| crash::point("after-rename"))
        .and_then(|()| sync(dir));
    if let Err(error) = written {
        drop(dir.remove_file(&temporary));
        return Err(StoreError::Io("file cannot be written", error.kind()));
    }
    stamp(dir).ok_or(StoreError::Io("file cannot be read back", ErrorKind::NotFound))
}

/// What a process left that was killed while it wrote: encrypted, but perhaps a token that was taken out later.
fn remove_leftovers(dir: &Dir) {
    let Ok(entries) = dir.entries() else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            drop(entry.remove_file());
        }
    }
}

fn write_new(dir: &Dir, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = dir.open_with(name, &options)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn back_up(dir: &Dir, earlier: Earlier) -> std::io::Result<()> {
    match dir.remove_file(BACKUP) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if earlier == Earlier::Keep {
        // The backup is a convenience; a store on a disk without links is still a store.
        drop(dir.hard_link(STORE, dir, BACKUP));
    }
    Ok(())
}

/// Makes names durable: those of a folder's files are not, until the folder itself is synced.
#[cfg(unix)]
pub(crate) fn sync(dir: &Dir) -> std::io::Result<()> {
    dir.open(".")?.sync_all()
}

/// Elsewhere a folder cannot be synced by itself.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
pub(crate) fn sync(_: &Dir) -> std::io::Result<()> {
    Ok(())
}

/// Refuses a folder that others can reach (threat K4).
pub(crate) fn check_folder(dir: &Dir) -> Result<(), StoreError> {
    let metadata = dir.dir_metadata().map_err(|error| StoreError::Io("folder", error.kind()))?;
    refuse_if_exposed(&metadata, "folder")
}

fn refuse_if_exposed(metadata: &Metadata, what: &'static str) -> Result<(), StoreError> {
    match exposed(metadata) {
        None => Ok(()),
        Some(Exposed::ByMode) => Err(StoreError::OpenToOthers(what)),
        Some(Exposed::ByOwner) => Err(StoreError::OfAnother(what)),
    }
}

fn stamp_of(metadata: &Metadata) -> Stamp {
    #[cfg(unix)]
    let inode = cap_std::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Stamp { length: metadata.len(), inode, modified: metadata.modified().ok().map(cap_std::time::SystemTime::into_std) }
}
