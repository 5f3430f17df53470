//! The tool's log: what it writes through `hotcell:tool/log`, and its standard output and error, as bounded lines.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::LogLevel;
use hotcell_protocol::LogLine;
use hotcell_protocol::Outside;
use hotcell_protocol::limits;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::IsTerminal;
use wasmtime_wasi::cli::StdoutStream;
use wasmtime_wasi::p2::OutputStream;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::StreamResult;

/// The log of one call.
pub(crate) struct Log {
    outside: Arc<dyn Outside>,
    count: Mutex<Count>,
}

/// Lines kept and lines dropped.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) kept: usize,
    pub(crate) dropped: usize,
}

impl Log {
    pub(crate) fn new(outside: Arc<dyn Outside>) -> Self {
        Self { outside, count: Mutex::default() }
    }

    /// Takes one line: cut, made fit for a terminal, counted.
    pub(crate) fn write(&self, level: LogLevel, text: &str) {
        let full = {
            let mut count = lock(&self.count);
            let full = count.kept >= limits::LOG_LINES;
            if full {
                count.dropped += 1;
            } else {
                count.kept += 1;
            }
            full
        };
        if !full {
            self.outside.log(LogLine::of(level, text));
        }
    }

    pub(crate) fn count(&self) -> Count {
        *lock(&self.count)
    }
}

/// Standard output or standard error of a guest.
#[derive(Clone)]
pub(crate) struct Pipe {
    log: Arc<Log>,
    level: LogLevel,
    /// The line that has not ended yet: at most one line's bytes, the rest of it is thrown away.
    line: Arc<Mutex<Vec<u8>>>,
}

impl Pipe {
    pub(crate) fn new(log: Arc<Log>, level: LogLevel) -> Self {
        Self { log, level, line: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        let mut line = lock(&self.line);
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let room = limits::LOG_LINE_BYTES.saturating_sub(line.len());
            line.extend(piece.iter().take(room));
            if pieces.peek().is_some() {
                self.end(&mut line);
            }
        }
    }

    /// Writes the line that has not ended when the call ends.
    pub(crate) fn finish(&self) {
        let mut line = lock(&self.line);
        if !line.is_empty() {
            self.end(&mut line);
        }
    }

    fn end(&self, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        self.log.write(self.level, text.trim_end_matches('\r'));
        line.clear();
    }
}

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Pipe {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // WASI 0.3 only, which is not linked.
        Box::new(tokio::io::sink())
    }
}

impl OutputStream for Pipe {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(limits::LOG_LINE_BYTES)
    }
}

#[async_trait]
impl Pollable for Pipe {
    async fn ready(&mut self) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
