//! The lock between processes: an operating-system lock on a file beside the store.

use std::fs::File;
use std::fs::TryLockError;
use std::time::Duration;
use std::time::Instant;

use cap_std::fs::Dir;
use cap_std::fs::OpenOptions;

use crate::error::StoreError;

/// Never deleted: a lock file's existence means nothing, the lock on it does.
const NAME: &str = "store.lock";
/// How long another process may hold it. A write takes milliseconds; a process that is stopped must not stop all others.
const WAIT: Duration = Duration::from_secs(10);
/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(5);

/// The lock. Released when dropped, or by the system when its process dies (threat M8).
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock, waiting at most ten seconds for another process.
pub(crate) fn lock(dir: &Dir) -> Result<Lock, StoreError> {
    lock_within(dir, WAIT)
}

fn lock_within(dir: &Dir, wait: Duration) -> Result<Lock, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = dir.open_with(NAME, &options).map_err(|error| StoreError::Io("lock", error.kind()))?.into_std();
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
        assert_eq!(lock_within(&dir, wait).err(), Some(StoreError::Busy));
        assert!(started.elapsed() >= wait);
        drop(held);
        assert!(lock_within(&dir, Duration::ZERO).is_ok());
    }
}
