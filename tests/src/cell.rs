//! A cell: folders of one test, the `hotcell` command in them, and the sweep for the test's canary at the end.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Mutex;

use hotcell::Isolation;
use hotcell::Places;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use serde_json::Value;
use tempfile::TempDir;

use crate::canary::Canary;
use crate::canary::Sinks;
use crate::logs::Log;
use crate::programs;

/// Folders of one test. When it is dropped, everything is searched for its canary.
pub struct Cell {
    folder: TempDir,
    canary: Canary,
    log: &'static str,
    /// Where this process's log was when the canary was made: what is older cannot hold it.
    log_start: usize,
    isolation: Isolation,
    /// Tokens that a server made, as far as the test saw them.
    watched: Mutex<Vec<Canary>>,
    /// What the test saw. [`Cell::hotcell`] adds the output of each command by itself.
    pub sinks: Sinks,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// This, if the exit code is the expected one.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// This, if standard error holds the text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in: {}", self.stderr);
        self
    }
}

impl Cell {
    /// A cell with a canary that starts with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Log::of_process();
        Self::with(prefix, "trace")
    }

    /// A cell of a process that logs nothing: for measuring.
    pub fn quiet() -> Self {
        Self::with("hc_", "off")
    }

    fn with(prefix: &str, log: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix("hotcell-test-").tempdir().unwrap();
        let (log_start, canary) = (Log::length(), Canary::new(prefix));
        let isolation = Isolation::default();
        Self { folder, canary, log, log_start, isolation, watched: Mutex::default(), sinks: Sinks::default() }
    }

    /// Hosts opened in this cell run their guests so, instead of as the product does by itself.
    #[must_use]
    pub fn isolated(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    pub(crate) fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// The token of this test.
    pub fn canary(&self) -> &Canary {
        &self.canary
    }

    /// Searches for this token too: one that a server made.
    pub fn watch(&self, token: &str) {
        self.watched.lock().unwrap().push(Canary::of(token));
    }

    /// The test's own folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Hotcell's folders in it.
    pub fn places(&self) -> Places {
        Places::below(self.path())
    }

    /// The file that holds the store's key.
    pub fn key_file(&self) -> PathBuf {
        self.path().join("store.key")
    }

    /// A store in the state folder whose key is in memory alone: for what is measured without a command.
    pub fn store_in_memory(&self) -> AuthStore {
        std::fs::create_dir_all(self.places().state).unwrap();
        let dir = cap_std::fs::Dir::open_ambient_dir(self.places().state, cap_std::ambient_authority()).unwrap();
        #[cfg(unix)]
        dir.set_permissions(".", cap_std::fs::PermissionsExt::from_mode(0o700)).unwrap();
        AuthStore::open(dir, &Key::Memory([1; 32])).unwrap()
    }

    /// Writes the operator's configuration.
    pub fn config(&self, text: &str) {
        let folder = self.places().config;
        std::fs::create_dir_all(&folder).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        std::fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// Runs `hotcell` with these arguments, its log at TRACE.
    pub fn hotcell(&self, args: &[&str]) -> Ran {
        self.hotcell_with(args, "", &[])
    }

    /// As [`Cell::hotcell`], with this on standard input and these variables.
    pub fn hotcell_with(&self, args: &[&str], stdin: &str, variables: &[(&str, &str)]) -> Ran {
        let mut child = self.command(args).envs(variables.iter().copied()).spawn().unwrap();
        // A command that does not read its input may be gone by now.
        drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
        let output = child.wait_with_output().unwrap();
        self.keep(args, output)
    }

    /// Keeps what a command printed, for the sweep.
    pub fn keep(&self, args: &[&str], output: Output) -> Ran {
        let name = format!("hotcell {}", args.join(" "));
        self.sinks.keep(format!("standard output of {name}"), output.stdout.clone());
        self.sinks.keep(format!("standard error of {name}"), output.stderr.clone());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The `hotcell` command with these arguments in this cell's folders, its log at TRACE unless the cell is quiet, its streams piped.
    pub fn command(&self, args: &[&str]) -> Command {
        let places = self.places();
        let mut command = Command::new(programs::hotcell());
        command
            .args(args)
            .env("HOTCELL_CONFIG", &places.config)
            .env("HOTCELL_STATE", &places.state)
            .env("HOTCELL_CACHE", &places.cache)
            .env("HOTCELL_KEY_FILE", self.key_file())
            .env("HOTCELL_LOG", self.log)
            .env("RUST_LOG", "trace")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Puts the canary into the store as the token of a service, as a person would.
    #[track_caller]
    pub fn sign_in(&self, service: &str, scopes: &[&str]) {
        let mut args = vec!["auth", "set", service, "--store", "key-file"];
        for scope in scopes {
            args.extend(["--scope", scope]);
        }
        self.hotcell_with(&args, &format!("{}\n", self.canary.token()), &[]).exits(0);
    }

    /// Installs a guest with the manifest beside it.
    #[track_caller]
    pub fn install(&self, guest: &str) -> Ran {
        self.hotcell(&["install", "--yes", &programs::guest(guest).display().to_string()]).exits(0)
    }

    /// Where the canary is that should be nowhere.
    pub fn search(&self) -> Vec<String> {
        self.sinks.keep("the log of the test's own process, at TRACE", Log::since(self.log_start));
        let places = self.places();
        let folders = [places.config.as_path(), &places.state, &places.cache, self.path()];
        let watched = self.watched.lock().unwrap();
        let canaries = std::iter::once(&self.canary).chain(watched.iter());
        canaries.flat_map(|canary| self.sinks.search(canary, &folders)).collect()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let found = self.search();
        // A test that failed already keeps its own message.
        assert!(found.is_empty() || std::thread::panicking(), "the canary was found in: {}", found.join("; "));
    }
}
