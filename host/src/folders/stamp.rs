//! The state of a file: whether it was changed since it was read, without reading it again.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use cap_std::fs::Dir;
use cap_std::fs::Metadata;
use cap_std::time::SystemTime;

/// How old a change must be so that another one gets another time: file systems write times down in steps, of two seconds at
/// most.
const STEP: Duration = Duration::from_secs(2);

/// A state of a file that is replaced, never written in place. Equal stamps mean equal contents, once it [`Stamp::is_settled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stamp(Option<(Option<u64>, u64, Option<SystemTime>)>);

impl Stamp {
    /// The state of this file now; a missing one has a state, too.
    pub(crate) fn of(dir: &Dir, name: &str) -> Self {
        let metadata = metadata(dir, name).ok();
        Self(metadata.map(|metadata| (inode(&metadata), metadata.len(), metadata.modified().ok())))
    }

    /// Whether the next change cannot look like this one: of two within a step, the second may have the first one's time,
    /// length and number.
    fn is_settled(&self) -> bool {
        let Some((_, _, modified)) = self.0 else { return true };
        modified.is_some_and(|at| at.into_std().elapsed().is_ok_and(|since| since > STEP))
    }
}

/// What stands at a name of one of our folders. One system call, unless it is a link.
pub(crate) fn metadata(dir: &Dir, name: &str) -> std::io::Result<Metadata> {
    let metadata = dir.symlink_metadata(name)?;
    if metadata.is_symlink() { dir.metadata(name) } else { Ok(metadata) }
}

/// The file's number, where the system has one.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
pub(crate) fn inode(metadata: &Metadata) -> Option<u64> {
    Some(cap_std::fs::MetadataExt::ino(metadata))
}

#[cfg(not(unix))]
pub(crate) fn inode(_: &Metadata) -> Option<u64> {
    None
}

/// What was read of a file, for as long as the file stays as it is.
pub(crate) struct ReadOnce<T> {
    kept: Mutex<Option<(Stamp, Arc<T>)>>,
}

impl<T> Default for ReadOnce<T> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

impl<T> ReadOnce<T> {
    /// What was read before; else what is read now.
    ///
    /// # Errors
    /// Those of `read`. Then nothing is kept.
    pub(crate) fn get<E>(&self, dir: &Dir, name: &str, read: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        // The stamp first: a file that changes meanwhile looks changed at the next look.
        let stamp = Stamp::of(dir, name);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = kept.as_ref().filter(|(of, _)| *of == stamp) {
            return Ok(Arc::clone(value));
        }
        *kept = None;
        let value = Arc::new(read()?);
        if stamp.is_settled() {
            *kept = Some((stamp, Arc::clone(&value)));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders;
    use crate::folders::in_tests::state;

    /// Gives the file a time of change so long ago.
    fn age(dir: &Dir, by: Duration) {
        let file = dir.open_with("f", cap_std::fs::OpenOptions::new().write(true)).unwrap().into_std();
        file.set_modified(std::time::SystemTime::now() - by).unwrap();
    }

    fn look(once: &ReadOnce<Vec<u8>>, dir: &Dir) -> (Vec<u8>, bool) {
        let mut was_read = false;
        let value = once.get(dir, "f", || {
            was_read = true;
            folders::read_file(dir, "f", 99).map(Option::unwrap_or_default)
        });
        (value.unwrap().to_vec(), was_read)
    }

    #[test]
    fn a_file_is_read_again_when_it_was_changed_and_only_then() {
        let (_folder, dir) = state();
        let once = ReadOnce::default();
        assert_eq!(look(&once, &dir), (vec![], true));
        assert_eq!(look(&once, &dir), (vec![], false), "a missing file is known to be missing");
        folders::replace_file(&dir, "f", b"one").unwrap();
        age(&dir, STEP * 2);
        assert_eq!(look(&once, &dir), (b"one".to_vec(), true));
        assert_eq!(look(&once, &dir), (b"one".to_vec(), false));
        folders::replace_file(&dir, "f", b"two").unwrap();
        assert_eq!(look(&once, &dir), (b"two".to_vec(), true));
        dir.remove_file("f").unwrap();
        assert_eq!(look(&once, &dir), (vec![], true));
    }

    #[test]
    fn e12_a_file_that_was_changed_a_moment_ago_is_read_each_time() {
        let (_folder, dir) = state();
        let once = ReadOnce::default();
        folders::replace_file(&dir, "f", b"one").unwrap();
        assert_eq!(look(&once, &dir), (b"one".to_vec(), true));
        // In place, with length and time as they were: as two changes in one step of the clock may look.
        let before = dir.metadata("f").unwrap().modified().unwrap().into_std();
        dir.write("f", b"two").unwrap();
        let file = dir.open_with("f", cap_std::fs::OpenOptions::new().write(true)).unwrap().into_std();
        file.set_modified(before).unwrap();
        assert_eq!(look(&once, &dir), (b"two".to_vec(), true));
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        let (_folder, dir) = state();
        let once = ReadOnce::<u8>::default();
        assert_eq!(once.get(&dir, "f", || Err("broken")), Err("broken"));
        assert_eq!(*once.get(&dir, "f", || Ok::<_, ()>(1)).unwrap(), 1);
    }
}
