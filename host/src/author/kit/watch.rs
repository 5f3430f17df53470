//! Waits until somebody changes a project. Looks at names, lengths and times: a project has hundreds of files, and not every system
//! and every file system tells of changes.

use std::time::Duration;

use cap_std::fs::Dir;

use crate::folders;

/// How often is looked.
const EVERY: Duration = Duration::from_millis(300);
/// How long nothing must change before it counts: editors write several files, and some in several steps.
const QUIET: Duration = Duration::from_millis(200);
/// What builders and package managers make.
const MADE: [&str; 7] = ["build", "dist", "target", "node_modules", "__pycache__", "venv", "out"];

/// The state of a project's sources.
pub(crate) fn state(project: &Dir) -> u64 {
    folders::fingerprint(project, &MADE)
}

/// Waits until the state is another one than this, and stays so for a moment.
pub(crate) async fn changed(project: &Dir, since: u64) {
    loop {
        tokio::time::sleep(EVERY).await;
        let mut now = state(project);
        if now == since {
            continue;
        }
        loop {
            tokio::time::sleep(QUIET).await;
            let later = state(project);
            if later == now {
                return;
            }
            now = later;
        }
    }
}
