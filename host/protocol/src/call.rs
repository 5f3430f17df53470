//! One call of an action: what goes in, what comes out, and what the guest may reach meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::Answer;
use crate::Asked;
use crate::GuestError;
use crate::Limits;
use crate::Refusal;
use crate::limits;
use crate::text::shown;
use crate::text::visible;

/// A call as the sandbox takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRequest {
    /// The action's name, as in [`crate::Action::name`].
    pub action: String,
    /// Arguments: one JSON object, a field for each parameter.
    pub arguments: Value,
    /// Limits of this call.
    pub limits: Limits,
}

/// What a call ended in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// The verdict.
    pub verdict: Verdict,
    /// What it cost.
    pub cost: Cost,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The action returned: its result as JSON, null where it returns nothing.
    Returned(Value),
    /// The action returned the `err` case of its `result`: the tool's own error.
    Failed(Value),
    /// Hotcell stopped or refused the call.
    Refused(Refusal),
}

/// What a call cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Wall time, instantiation included, compilation not.
    pub wall: Duration,
    /// Most bytes of linear memory at one time.
    pub memory_bytes: usize,
    /// Log lines kept.
    pub log_lines: usize,
    /// Log lines dropped because the log was full.
    pub log_dropped: usize,
}

/// How serious a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For the tool's author.
    Debug,
    /// Ordinary; also the guest's standard output.
    Info,
    /// Worth a look; also the guest's standard error.
    Warn,
    /// Something failed.
    Error,
}

/// A line of the tool's log: bounded, control characters already neutralised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Level.
    pub level: LogLevel,
    /// Text without a line end.
    pub text: String,
}

impl LogLine {
    /// A line of untrusted text, bounded and neutralised.
    #[must_use]
    pub fn of(level: LogLevel, text: &str) -> Self {
        Self { level, text: shown(text, limits::LOG_LINE_BYTES) }
    }
}

/// How far a long action has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, if known.
    pub total: Option<u64>,
    /// A short note: bounded, control characters already neutralised.
    pub note: Option<String>,
}

impl Progress {
    /// A report whose note is untrusted text, bounded and neutralised.
    #[must_use]
    pub fn of(done: u64, total: Option<u64>, note: Option<&str>) -> Self {
        let short = |note: &str| visible(&note.chars().take(limits::PROGRESS_NOTE_CHARS).collect::<String>());
        Self { done, total, note: note.map(short) }
    }
}

/// A future that the sandbox waits for, never longer than the call's deadline.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything that a guest can reach outside its memory. The gate is the one real implementation; the sandbox
/// knows no other way out. All of it can be served from another process: no type here borrows from the host.
pub trait Outside: Send + Sync {
    /// Sends one request through the gate. Dropping the future abandons the request.
    fn send(&self, asked: Asked) -> Waiting<'_, Result<Answer, GuestError>>;

    /// The origin that the operator bound to a service that this action was granted.
    ///
    /// # Errors
    /// [`GuestError::Denied`] for every other service, known or not (threat F4).
    fn origin(&self, service: &str) -> Result<String, GuestError>;

    /// All origins that [`Outside::origin`] names, with their services: for a guest in another process, which asks itself.
    fn origins(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Takes one line of the tool's log.
    fn log(&self, line: LogLine);

    /// Takes one progress report.
    fn progress(&self, progress: Progress);
}
