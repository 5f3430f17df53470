//! What the sandbox's tests share: components written as text, and an outside that records.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

mod wat_guests;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Code;
use hotcell_protocol::GuestError;
use hotcell_protocol::Imports;
use hotcell_protocol::Limits;
use hotcell_protocol::LogLine;
use hotcell_protocol::Outside;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::Waiting;
use hotcell_sandbox::Options;
use hotcell_sandbox::Sandbox;
use serde_json::Value;
use serde_json::json;
pub use wat_guests::*;

/// An outside that keeps what it was told, and answers what it is given.
pub struct Recorder {
    pub asked: Mutex<Vec<Asked>>,
    pub origins: Mutex<Vec<String>>,
    pub lines: Mutex<Vec<LogLine>>,
    pub progress: Mutex<Vec<Progress>>,
    pub answer: Result<Answer, GuestError>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            asked: Mutex::default(),
            origins: Mutex::default(),
            lines: Mutex::default(),
            progress: Mutex::default(),
            answer: Err(GuestError::Denied),
        }
    }
}

impl Recorder {
    pub fn texts(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|line| line.text.clone()).collect()
    }
}

impl Outside for Recorder {
    fn send(&self, asked: Asked) -> Waiting<'_, Result<Answer, GuestError>> {
        self.asked.lock().unwrap().push(asked);
        Box::pin(async { self.answer.clone() })
    }

    fn origin(&self, service: &str) -> Result<String, GuestError> {
        self.origins.lock().unwrap().push(service.to_owned());
        if service == "github" { Ok("https://api.github.com".into()) } else { Err(GuestError::Denied) }
    }

    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line);
    }

    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().push(progress);
    }
}

pub fn sandbox() -> Sandbox {
    Sandbox::new(&Options { concurrent_calls: 8 }).unwrap()
}

pub fn limits() -> Limits {
    Limits { deadline: Duration::from_secs(5), cpu_time: Duration::from_millis(300), ..Limits::default() }
}

pub fn request(action: &str, arguments: Value, limits: Limits) -> CallRequest {
    CallRequest { action: action.into(), arguments, limits }
}

pub async fn call_with(sandbox: &Sandbox, bytes: &[u8], action: &str, arguments: Value, limits: Limits) -> CallOutcome {
    let tool = sandbox.load(bytes, &Imports { inert: vec!["wasi:sockets".to_owned()], ..Imports::NONE }).unwrap();
    sandbox.call(&tool, request(action, arguments, limits), Arc::new(Recorder::default())).await
}

pub async fn call(sandbox: &Sandbox, bytes: &[u8]) -> CallOutcome {
    call_with(sandbox, bytes, "run", json!({}), limits()).await
}

/// Calls `run`, and hands back what the outside was told.
pub async fn recorded(bytes: &[u8], recorder: Recorder) -> (CallOutcome, Arc<Recorder>) {
    let (sandbox, recorder) = (sandbox(), Arc::new(recorder));
    let tool = sandbox.load(bytes, &Imports::NONE).unwrap();
    let outside: Arc<dyn Outside> = Arc::clone(&recorder) as _;
    (sandbox.call(&tool, request("run", json!({}), limits()), outside).await, recorder)
}

/// What an action returned.
pub fn returned(outcome: &CallOutcome) -> &Value {
    match &outcome.verdict {
        Verdict::Returned(value) => value,
        other => panic!("did not return: {other:?}"),
    }
}

/// The refusal that a call ended in.
pub fn refused(outcome: &CallOutcome) -> &Refusal {
    match &outcome.verdict {
        Verdict::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// An attack ends in this code, and the next call works.
pub async fn ends_in(code: Code, bytes: &[u8]) -> CallOutcome {
    let sandbox = sandbox();
    let outcome = call(&sandbox, bytes).await;
    assert_eq!(refused(&outcome).code, code, "{outcome:?}");
    assert!(!refused(&outcome).hint.is_empty());
    let next = call(&sandbox, &good()).await;
    assert_eq!(next.verdict, Verdict::Returned(json!("hello")));
    outcome
}
