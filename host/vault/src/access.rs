//! Who else can reach a file or folder (threat K4).

use cap_std::fs::Metadata;

/// How others can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposed {
    /// Its mode lets the group or everybody in.
    ByMode,
    /// It belongs to another user.
    ByOwner,
}

/// How others can reach a file or folder; `None` if its owner alone can, and is who runs this process.
#[cfg(unix)]
pub(crate) fn exposed(metadata: &Metadata) -> Option<Exposed> {
    use cap_std::fs::MetadataExt as _;
    judge(metadata.mode(), metadata.uid(), rustix::process::geteuid().as_raw())
}

/// Elsewhere access lists decide, and a user's own folder has a closed one.
#[cfg(not(unix))]
pub(crate) fn exposed(_: &Metadata) -> Option<Exposed> {
    None
}

#[cfg(unix)]
fn judge(mode: u32, owner: u32, user: u32) -> Option<Exposed> {
    // The superuser is held to the same rule: what belongs to somebody else, somebody else can read and replace.
    if owner != user {
        Some(Exposed::ByOwner)
    } else if mode & 0o077 != 0 {
        Some(Exposed::ByMode)
    } else {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn k4_only_the_owner_alone_is_not_exposed() {
        for mode in [0o600, 0o700, 0o400, 0o100_600, 0o042_700] {
            assert_eq!(judge(mode, 1000, 1000), None, "{mode:o}");
        }
        for bit in [0o001, 0o002, 0o004, 0o010, 0o020, 0o040] {
            assert_eq!(judge(0o600 | bit, 1000, 1000), Some(Exposed::ByMode), "{bit:o}");
        }
        for (owner, user) in [(1001, 1000), (0, 1000), (1000, 0)] {
            assert_eq!(judge(0o600, owner, user), Some(Exposed::ByOwner));
        }
    }
}
