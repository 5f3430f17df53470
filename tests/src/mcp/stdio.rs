//! A client that starts `hotcell serve` and speaks over its standard streams.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::process::Child;
use std::process::ChildStdin;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Revision;
use super::request;
use crate::cell::Cell;

/// How long a server may take for one answer: a debug build on a busy machine compiles a component meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client over standard input and output.
pub struct Agent<'a> {
    cell: &'a Cell,
    child: Child,
    input: Option<ChildStdin>,
    output: mpsc::Receiver<String>,
    log: Option<JoinHandle<Vec<u8>>>,
    revision: Revision,
    capabilities: Value,
    ids: u64,
    /// Messages that came while something else was waited for.
    pub aside: Vec<Value>,
}

impl<'a> Agent<'a> {
    /// Starts the server, and opens as the revision wants.
    pub fn start(cell: &'a Cell, revision: Revision, capabilities: Value) -> Self {
        let mut agent = Self::silent(cell, revision, capabilities);
        if revision == Revision::July2026 {
            let found = agent.ask("server/discover", json!({}));
            assert_eq!(found["result"]["resultType"], "complete", "{found}");
        } else {
            let params = revision.initialize(&agent.capabilities);
            let answer = agent.ask("initialize", params);
            assert_eq!(answer["result"]["protocolVersion"], revision.text(), "{answer}");
            agent.tell("notifications/initialized", json!({}));
        }
        agent
    }

    /// Starts the server and says nothing yet.
    pub fn silent(cell: &'a Cell, revision: Revision, capabilities: Value) -> Self {
        let mut child = cell.command(&["serve"]).spawn().unwrap();
        let (sender, output) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(stderr.read_to_end(&mut bytes));
            bytes
        });
        let input = child.stdin.take();
        Self { cell, child, input, output, log: Some(log), revision, capabilities, ids: 0, aside: Vec::new() }
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// Calls a tool.
    pub fn call(&mut self, name: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": arguments}))
    }

    /// Sends a request and does not wait.
    pub fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.ids += 1;
        let params = self.revision.with_meta(params, &self.capabilities);
        self.raw(&request(self.ids, method, &params).to_string());
        self.ids
    }

    /// Sends a notification.
    pub fn tell(&mut self, method: &str, params: Value) {
        let params = self.revision.with_meta(params, &self.capabilities);
        self.raw(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    /// Answers a request of the server's.
    pub fn reply(&mut self, id: &Value, result: Value) {
        self.raw(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
    }

    /// Sends a line as it is.
    pub fn raw(&mut self, line: &str) {
        self.cell.sinks.keep("what an agent said", line.as_bytes().to_vec());
        // A server that has gone is noticed when its answer does not come.
        drop(writeln!(self.input.as_mut().unwrap(), "{line}"));
    }

    /// Waits for the answer to a request.
    #[track_caller]
    pub fn answer(&mut self, id: u64) -> Value {
        self.until(|message| message["id"] == json!(id) && message.get("method").is_none())
    }

    /// Waits for the answer to a request, or for one that names no request: the server could not read so far.
    #[track_caller]
    pub fn any_answer(&mut self, id: u64) -> Value {
        self.until(|message| message.get("method").is_none() && (message["id"] == json!(id) || message["id"].is_null()))
    }

    /// Waits for a message of this method: a notification, or a request of the server's.
    #[track_caller]
    pub fn message(&mut self, method: &str) -> Value {
        self.until(|message| message["method"] == method)
    }

    /// Waits for a message that fits; others are put aside.
    #[track_caller]
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.aside.iter().position(&fits) {
            return self.aside.remove(index);
        }
        loop {
            let line = self.output.recv_timeout(PATIENCE).expect("the server's answer does not come");
            self.cell.sinks.keep("what an agent got", line.as_bytes().to_vec());
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if fits(&message) {
                return message;
            }
            self.aside.push(message);
        }
    }

    /// Closes standard input, and gives the exit code.
    pub fn end(mut self) -> i32 {
        self.input = None;
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Waits for its end with standard input open, and gives the exit code.
    pub fn wait(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// The process's id, for signals.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        self.input = None;
        drop(self.child.kill());
        drop(self.child.wait());
        while let Ok(line) = self.output.recv_timeout(Duration::from_secs(5)) {
            self.cell.sinks.keep("what an agent got last", line.into_bytes());
        }
        let log = self.log.take().and_then(|log| log.join().ok()).unwrap_or_default();
        self.cell.sinks.keep("the log of hotcell serve", log);
    }
}
