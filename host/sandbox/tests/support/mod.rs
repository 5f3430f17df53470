//! What the sandbox's tests share: components written as text, and an outside that records.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Code;
use hotcell_protocol::GuestError;
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

/// A component of one core module, whose functions are lifted by `lifts`.
pub fn component(module: &str, lifts: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module $m {module}) (core instance $i (instantiate $m)) {lifts})"))
        .unwrap()
}

/// A component whose one action `run` takes and returns nothing.
pub fn running(module: &str) -> Vec<u8> {
    component(module, r#"(func (export "run") (canon lift (core func $i "run")))"#)
}

/// A component that imports: `imports` declares instances, each of `lowered` is a core name and a function of one of
/// them (`$clock "now"`), `more` defines further core functions by name, and `code` is the core module that calls them
/// from `host`. It shares a memory of four pages with an allocator in its upper half.
pub fn importing(imports: &str, lowered: &[(&str, &str)], code: &str, lifts: &str) -> Vec<u8> {
    let lower = |(name, function): &(&str, &str)| {
        format!(
            r#"(core func ${name} (canon lower (func {function}) (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))"#
        )
    };
    let lowers: String = lowered.iter().map(lower).collect();
    let exports: String = lowered.iter().map(|(name, _)| format!(r#"(export "{name}" (func ${name}))"#)).collect();
    wat::parse_str(format!(
        r#"(component {imports}
        (core module $memory (memory (export "memory") 4) (global $next (mut i32) (i32.const 131072))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                (global.set $next (i32.add (local.get $at) (local.get 3))) (local.get $at)))
        (core instance $mem (instantiate $memory))
        {lowers}
        (core module $m (import "mem" "memory" (memory 4)) {code})
        (core instance $i (instantiate $m (with "mem" (instance $mem)) (with "host" (instance {exports}))))
        {lifts})"#
    ))
    .unwrap()
}

/// The lift of `run: func() -> u32`.
pub const RUN_U32: &str = r#"(func (export "run") (result u32) (canon lift (core func $i "run")))"#;
/// The lift of `run: func()`.
pub const RUN: &str = r#"(func (export "run") (canon lift (core func $i "run")))"#;

/// A tool that works: what must still run after every attack.
pub fn good() -> Vec<u8> {
    component(
        r#"(memory (export "memory") 1) (data (i32.const 16) "hello") (global $calls (mut i32) (i32.const 0))
           (func (export "run") (result i32)
             (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 5)) (i32.const 0))
           (func (export "calls") (result i32)
             (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (global.get $calls))"#,
        r#"(func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory"))))
           (func (export "calls") (result u32) (canon lift (core func $i "calls")))"#,
    )
}

pub fn limits() -> Limits {
    Limits { deadline: Duration::from_secs(5), cpu_time: Duration::from_millis(300), ..Limits::default() }
}

pub fn request(action: &str, arguments: Value, limits: Limits) -> CallRequest {
    CallRequest { action: action.into(), arguments, limits }
}

pub async fn call_with(sandbox: &Sandbox, bytes: &[u8], action: &str, arguments: Value, limits: Limits) -> CallOutcome {
    let tool = sandbox.load(bytes, &["wasi:sockets".to_owned()]).unwrap();
    sandbox.call(&tool, request(action, arguments, limits), Arc::new(Recorder::default())).await
}

pub async fn call(sandbox: &Sandbox, bytes: &[u8]) -> CallOutcome {
    call_with(sandbox, bytes, "run", json!({}), limits()).await
}

/// Calls `run`, and hands back what the outside was told.
pub async fn recorded(bytes: &[u8], recorder: Recorder) -> (CallOutcome, Arc<Recorder>) {
    let (sandbox, recorder) = (sandbox(), Arc::new(recorder));
    let tool = sandbox.load(bytes, &[]).unwrap();
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
