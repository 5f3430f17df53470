//! The store's file: read whole, replaced in one step, guarded by an operating-system lock beside it.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use cap_std::fs::Dir;
use cap_std::fs::OpenOptions;
use serde::Deserialize;
use serde::Serialize;

use crate::envelope::Sealed;
use crate::envelope::random;
use crate::error::StoreError;
use crate::key::Backend;

/// The file.
pub(crate) const STORE: &str = "store.json.enc";
/// The generation before, as encrypted as the file itself.
const BACKUP: &str = "store.json.bak";
/// Never deleted: a lock file's existence means nothing, the OS lock on it does.
const LOCK: &str = "store.lock";
/// The one format that this version reads and writes.
pub(crate) const FORMAT: u32 = 1;
/// A store of thousands of records is smaller.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// How long another process may hold the lock.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// The file's content. What is readable without the key: how the key is had, and how many records there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    pub(crate) format: u32,
    pub(crate) backend: Backend,
    /// A box of known text: tells a wrong key from a damaged record.
    pub(crate) check: Sealed,
    pub(crate) records: Vec<Stored>,
}

/// One record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) epoch: u64,
    pub(crate) service: Sealed,
    pub(crate) meta: Sealed,
    pub(crate) secrets: Option<Sealed>,
}

/// What changes whenever the file does, cheap to read: length, time, and the inode, which each replacement makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    inode: u64,
    modified: Option<std::time::SystemTime>,
}

/// Reads the file with its stamp; `None` if there is none yet.
pub(crate) fn read(dir: &Dir) -> Result<Option<(Content, Stamp)>, StoreError> {
    let file = match dir.open(STORE) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::Io("file", error.kind())),
    };
    let metadata = file.metadata().map_err(|error| StoreError::Io("file", error.kind()))?;
    refuse_if_open_to_others(&metadata, "file")?;
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|_| StoreError::Damaged("the file is not text"))?;
    #[derive(Deserialize)]
    struct FormatOnly {
        format: u32,
    }
    let FormatOnly { format } =
        serde_json::from_str(&text).map_err(|_| StoreError::Damaged("the file is not whole"))?;
    if format != FORMAT {
        return Err(StoreError::Newer(format));
    }
    let content = serde_json::from_str(&text).map_err(|_| StoreError::Damaged("the file is not whole"))?;
    Ok(Some((content, stamp_of(&metadata))))
}

/// The file's stamp now; `None` if there is no file.
pub(crate) fn stamp(dir: &Dir) -> Option<Stamp> {
    dir.symlink_metadata(STORE).ok().map(|metadata| stamp_of(&metadata))
}

/// Replaces the file: written beside it, synced, renamed, folder synced. A crash leaves the old one or the new one.
pub(crate) fn write(dir: &Dir, content: &Content) -> Result<Stamp, StoreError> {
    let failed = |error: std::io::Error| StoreError::Io("file cannot be written", error.kind());
    let text = serde_json::to_vec_pretty(content).map_err(|_| StoreError::Damaged("the store cannot be encoded"))?;
    let name: [u8; 8] = random()?;
    let temporary = format!(".{STORE}.{:016x}", u64::from_be_bytes(name));
    let written = write_new(dir, &temporary, &text).and_then(|()| {
        // The backup is a convenience; a store that cannot have one is still a store.
        drop(dir.remove_file(BACKUP));
        drop(dir.hard_link(STORE, dir, BACKUP));
        dir.rename(&temporary, dir, STORE)?;
        dir.open(".")?.sync_all()
    });
    if let Err(error) = written {
        drop(dir.remove_file(&temporary));
        return Err(failed(error));
    }
    stamp(dir).ok_or(StoreError::Io("file cannot be read back", ErrorKind::NotFound))
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

/// The lock between processes. Released when dropped, or by the system when its process dies.
pub(crate) struct Lock {
    _file: std::fs::File,
}

/// Takes the lock, waiting at most ten seconds for another process.
pub(crate) fn lock(dir: &Dir) -> Result<Lock, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = dir.open_with(LOCK, &options).map_err(|error| StoreError::Io("lock", error.kind()))?.into_std();
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(5))
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy),
            Err(TryLockError::Error(error)) => return Err(StoreError::Io("lock", error.kind())),
        }
    }
}

/// Refuses a folder that others can read or write (threat K4).
pub(crate) fn check_folder(dir: &Dir) -> Result<(), StoreError> {
    let metadata = dir.dir_metadata().map_err(|error| StoreError::Io("folder", error.kind()))?;
    refuse_if_open_to_others(&metadata, "folder")
}

#[cfg(unix)]
fn refuse_if_open_to_others(metadata: &cap_std::fs::Metadata, what: &'static str) -> Result<(), StoreError> {
    use cap_std::fs::MetadataExt as _;
    if metadata.mode() & 0o077 == 0 { Ok(()) } else { Err(StoreError::OpenToOthers(what)) }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
fn refuse_if_open_to_others(_: &cap_std::fs::Metadata, _: &'static str) -> Result<(), StoreError> {
    Ok(())
}

fn stamp_of(metadata: &cap_std::fs::Metadata) -> Stamp {
    #[cfg(unix)]
    let inode = cap_std::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Stamp { length: metadata.len(), inode, modified: metadata.modified().ok().map(cap_std::time::SystemTime::into_std) }
}
