//! Hotcell embedded in the test's own process: the library as another program would use it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use hotcell::Called;
use hotcell::Granted;
use hotcell::Host;
use hotcell::Keys;
use hotcell::Package;
use hotcell::Request;
use hotcell::Watcher;
use hotcell_protocol::Code;
use hotcell_protocol::LogLine;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_vault::Backend;
use hotcell_vault::Key;
use serde_json::Value;

use crate::cell::Cell;
use crate::programs;

/// A host in the folders of a cell. Everything that a call gives back is kept for the sweep.
pub struct Embedded<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// The host.
    pub host: Host,
    /// What tools logged.
    pub lines: Arc<Lines>,
}

/// Keeps what tools log and report.
#[derive(Default)]
pub struct Lines(Mutex<Vec<String>>);

impl Lines {
    /// What came so far.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Watcher for Lines {
    fn log(&self, line: &LogLine) {
        self.0.lock().unwrap().push(line.text.clone());
    }

    fn progress(&self, progress: &Progress) {
        self.0.lock().unwrap().push(format!("{progress:?}"));
    }
}

struct KeyFile(PathBuf);

impl Keys for KeyFile {
    fn key(&self, _: &Backend) -> Result<Key, Refusal> {
        Ok(Key::KeyFile(self.0.clone()))
    }
}

impl<'a> Embedded<'a> {
    /// Opens a host with this configuration, and makes a store.
    pub fn new(cell: &'a Cell, config: &str) -> Self {
        cell.config(config);
        let hotcell = Self::open(cell);
        hotcell.host.make_store(&Key::KeyFile(cell.key_file())).unwrap();
        hotcell
    }

    /// Opens a host in a cell that has a configuration: one more beside others.
    pub fn open(cell: &'a Cell) -> Self {
        let host = Host::open(&cell.places(), Box::new(KeyFile(cell.key_file()))).unwrap();
        let host = host.with_workers(programs::hotcell()).with_isolation(cell.isolation());
        Self { cell, host, lines: Arc::default() }
    }

    /// Signs in with the cell's canary.
    pub fn sign_in(&self, service: &str, scopes: &[&str]) {
        let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        self.host.sign_in(service, self.cell.canary().token().to_owned(), &scopes, None).unwrap();
    }

    /// Installs a guest with the manifest beside it, or another one.
    pub fn install(&self, guest: &str, manifest: Option<&str>) {
        let file = programs::guest(guest);
        let beside = std::fs::read_to_string(file.with_extension("toml")).unwrap();
        let text = manifest.unwrap_or(&beside);
        let package = Package::new(std::fs::read(file).unwrap(), Some((text, "hotcell.toml"))).unwrap();
        self.host.examine(&package).unwrap();
        let granted = Granted::of(&package, jiff::Timestamp::now());
        self.host.install(&package, granted).unwrap();
    }

    /// Installs a component that is not a file, unless Hotcell refuses it.
    pub fn try_install(&self, component: Vec<u8>, manifest: &str) -> Result<(), Refusal> {
        let package = Package::new(component, Some((manifest, "hotcell.toml")))?;
        self.host.examine(&package)?;
        let granted = Granted::of(&package, jiff::Timestamp::now());
        self.host.install(&package, granted)
    }

    /// Calls an action.
    pub async fn call(&self, tool: &str, action: &str, arguments: Value) -> Result<Called, Refusal> {
        self.call_within(tool, action, arguments, None).await
    }

    /// Calls an action, with a deadline.
    pub async fn call_within(
        &self,
        tool: &str,
        action: &str,
        arguments: Value,
        deadline: Option<Duration>,
    ) -> Result<Called, Refusal> {
        let request = Request { tool: tool.into(), action: action.into(), arguments, deadline };
        let called = hotcell::call(&self.host, request, Arc::clone(&self.lines) as _).await;
        self.cell.sinks.keep(format!("the outcome of {tool}.{action}"), format!("{called:?}"));
        self.cell.sinks.keep(format!("the log of {tool}.{action}"), self.lines.all().join("\n"));
        if let Ok(called) = &called {
            self.cell.sinks.keep(format!("the report of {tool}.{action}"), serde_json::to_vec(called).unwrap());
        }
        called
    }

    /// Calls an action that must return, and gives its result.
    pub async fn returns(&self, tool: &str, action: &str, arguments: Value) -> Value {
        match self.call(tool, action, arguments).await.unwrap().outcome.verdict {
            Verdict::Returned(value) => value,
            other => panic!("{tool}.{action} did not return: {other:?}"),
        }
    }

    /// Calls an action that Hotcell must stop with this code.
    pub async fn is_stopped(&self, tool: &str, action: &str, arguments: Value, code: Code) -> Called {
        let called = self.call(tool, action, arguments).await.unwrap();
        match &called.outcome.verdict {
            Verdict::Refused(refusal) => {
                assert_eq!(refusal.code, code, "{refusal:?}");
                assert!(!refusal.message.is_empty() && !refusal.hint.is_empty(), "{refusal:?}");
            }
            other => panic!("{tool}.{action} was not stopped: {other:?}"),
        }
        called
    }
}
