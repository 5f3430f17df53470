//! How long work is shown: one line that moves where a person watches, plain lines elsewhere.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use hotcell_protocol::text::shown;

use super::output;

const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];
const EVERY: Duration = Duration::from_millis(120);
/// Bytes of what the work itself says: the line must not break.
const SAID_BYTES: usize = 60;

/// Work under way. Dropped, it leaves nothing on the terminal.
pub(super) struct Progress {
    state: Arc<(Mutex<State>, Condvar)>,
    drawing: Option<JoinHandle<()>>,
}

struct State {
    step: String,
    said: String,
    ended: bool,
}

impl Progress {
    /// Begins to show work.
    pub(super) fn start() -> Self {
        let state = State { step: String::new(), said: String::new(), ended: false };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let drawing = output::is_watched().then(|| {
            let state = Arc::clone(&state);
            std::thread::spawn(move || draw(&state))
        });
        Self { state, drawing }
    }

    /// A step begins.
    pub(super) fn step(&self, text: &str) {
        let mut state = lock(&self.state.0);
        text.clone_into(&mut state.step);
        state.said.clear();
        if self.drawing.is_none() {
            output::dim(text);
        }
    }

    /// What the work itself says. Shown in passing only.
    pub(super) fn said(&self, text: &str) {
        lock(&self.state.0).said = shown(text.trim(), SAID_BYTES);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        lock(&self.state.0).ended = true;
        self.state.1.notify_all();
        if let Some(drawing) = self.drawing.take() {
            drop(drawing.join());
            output::passing("");
        }
    }
}

fn draw(state: &(Mutex<State>, Condvar)) {
    let started = Instant::now();
    let mut held = lock(&state.0);
    for frame in FRAMES.iter().cycle() {
        if held.ended {
            return;
        }
        output::passing(&format!("{frame} {} {} s  {}", held.step, started.elapsed().as_secs(), held.said));
        held = state.1.wait_timeout(held, EVERY).map_or_else(|poisoned| poisoned.into_inner().0, |(held, _)| held);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
