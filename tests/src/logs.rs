//! The log of this process at TRACE, libraries included: HTTP libraries log what they send (threat G1).

use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What was logged so far, by whatever in this process.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

static LOG: OnceLock<Log> = OnceLock::new();

impl Log {
    /// The one log, started at its first use.
    pub(crate) fn of_process() -> &'static Self {
        LOG.get_or_init(|| {
            let log = Self::default();
            tracing_subscriber::fmt()
                // Each call of WASI is a line at TRACE, and guests that make millions would be measured by their log.
                .with_env_filter(EnvFilter::new("trace,wasmtime_wasi=debug"))
                .with_ansi(false)
                .with_writer(log.clone())
                .init();
            log
        })
    }

    /// How long it is.
    pub(crate) fn length() -> usize {
        LOG.get().map(|log| log.0.lock().unwrap().len()).unwrap_or_default()
    }

    /// What it holds from there on; nothing if it was never started.
    pub(crate) fn since(start: usize) -> Vec<u8> {
        LOG.get().map(|log| log.0.lock().unwrap()[start..].to_vec()).unwrap_or_default()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
