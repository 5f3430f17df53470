//! The thread that starts workers.
//!
//! Linux ends a worker when the *thread* that started it ends (`PR_SET_PDEATHSIG`, see [`crate::walls`]). The runtime's threads
//! come and go; this one is there for as long as the process is. So a worker ends with its broker, even one that was taken over
//! and does not look at its socket any more.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::process::Child;
use tokio::process::Command;
use tokio::runtime::Handle;

struct Start {
    command: Command,
    /// The runtime that waits for the child.
    runtime: Handle,
    started: mpsc::Sender<io::Result<Child>>,
}

/// Starts a process from that thread. For tasks of a runtime.
///
/// # Errors
/// What the system said.
pub(crate) fn start(command: Command) -> io::Result<Child> {
    static THREAD: OnceLock<mpsc::Sender<Start>> = OnceLock::new();
    let runtime = Handle::try_current().map_err(io::Error::other)?;
    let thread = match THREAD.get() {
        Some(thread) => thread,
        None => {
            let made = thread()?;
            THREAD.get_or_init(|| made)
        }
    };
    let (started, waits) = mpsc::channel();
    thread.send(Start { command, runtime, started }).map_err(|_| io::Error::other("the thread is gone"))?;
    waits.recv().map_err(|_| io::Error::other("the thread is gone"))?
}

/// One more of these threads than is needed ends at once, because nobody has its sender.
fn thread() -> io::Result<mpsc::Sender<Start>> {
    let (sender, starts) = mpsc::channel::<Start>();
    std::thread::Builder::new().name("starts-workers".to_owned()).spawn(move || {
        for Start { mut command, runtime, started } in starts {
            let _inside = runtime.enter();
            // Who asked may be gone; then the child is dropped, and ends.
            drop(started.send(command.spawn()));
        }
    })?;
    Ok(sender)
}
