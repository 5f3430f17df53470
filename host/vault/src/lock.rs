//! The locks between processes: operating-system locks on files beside the store. One for the store, held while it is
//! written; one for each record, held while it is refreshed.

use std::fs::File;
use std::fs::TryLockError;
use std::time::Duration;
use std::time::Instant;

use cap_std::fs::Dir;
use cap_std::fs::DirBuilder;
use cap_std::fs::OpenOptions;

use crate::error::StoreError;

/// Never deleted: a lock file's existence means nothing, the lock on it does.
const NAME: &str = "store.lock";
/// How long another process may hold it. A write takes milliseconds; a process that is stopped must not stop all others.
const WAIT: Duration = Duration::from_secs(10);
/// How long another process may refresh a record: longer than its requests may take. Who waits longer gets an error and
/// sends nothing (threat M8).
const WAIT_FOR_REFRESH: Duration = Duration::from_secs(45);
/// The folder of the records' locks.
const LOCKS: &str = "locks";
/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(5);

/// The lock. Released when dropped, or by the system when its process dies (threat M8).
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock, waiting at most ten seconds for another process.
pub(crate) fn lock(dir: &Dir) -> Result<Lock, StoreError> {
    lock_within(dir, NAME, WAIT)
}

/// The lock of one record's refreshes. Released when dropped, or by the system when its process dies.
pub(crate) struct RefreshLock {
    file: File,
    opened: Instant,
}

impl RefreshLock {
    /// Not taken yet. `tag` is the record's name in the file, so that the folder tells nobody which it is.
    pub(crate) fn open(dir: &Dir, tag: &str) -> Result<Self, StoreError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
        dir.create_dir_with(LOCKS, &builder).map_err(|error| StoreError::Io("lock", error.kind()))?;
        Ok(Self { file: open(dir, &format!("{LOCKS}/{tag}.lock"))?, opened: Instant::now() })
    }

    /// Whether it was had.
    pub(crate) fn take(&self) -> Result<bool, StoreError> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(StoreError::Io("lock", error.kind())),
        }
    }

    /// How long to wait before it is tried again.
    pub(crate) fn pause(&self) -> Result<Duration, StoreError> {
        if self.opened.elapsed() < WAIT_FOR_REFRESH { Ok(PAUSE) } else { Err(StoreError::Busy) }
    }
}

fn lock_within(dir: &Dir, name: &str, wait: Duration) -> Result<Lock, StoreError> {
    let file = open(dir, name)?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) if started.elapsed() < wait => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy),
            Err(TryLockError::Error(error)) => return Err(StoreError::Io("lock", error.kind())),
        }
    }
}

fn open(dir: &Dir, name: &str) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = dir.open_with(name, &options).map_err(|error| StoreError::Io("lock", error.kind()))?;
    Ok(file.into_std())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;

    #[test]
    fn m8_a_lock_that_is_held_for_too_long_is_an_error_and_one_that_is_released_is_had() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let held = lock(&dir).unwrap();
        let started = Instant::now();
        let wait = Duration::from_millis(60);
        assert_eq!(lock_within(&dir, NAME, wait).err(), Some(StoreError::Busy));
        assert!(started.elapsed() >= wait);
        drop(held);
        assert!(lock_within(&dir, NAME, Duration::ZERO).is_ok());
    }

    #[test]
    fn each_record_has_a_lock_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let [one, again, other] = ["one", "one", "other"].map(|tag| RefreshLock::open(&dir, tag).unwrap());
        assert_eq!((one.take(), again.take(), other.take()), (Ok(true), Ok(false), Ok(true)));
        drop(one);
        assert_eq!(again.take(), Ok(true));
    }
}
