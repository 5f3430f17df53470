//! What tests begin with.

use cap_std::fs::Dir;

/// A state folder, and what keeps it for as long as the test runs.
pub(crate) fn state() -> (tempfile::TempDir, Dir) {
    let folder = tempfile::tempdir().unwrap();
    let dir = super::own_folder(&folder.path().join("state")).unwrap();
    (folder, dir)
}
