//! A tool's project, made by `hotcell new` in a cell, before a server that demands the cell's token.

#![allow(clippy::print_stdout, reason = "tests say what they leave out, and what each step took")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::cell::Cell;
use crate::cell::Ran;
use crate::programs;
use crate::upstream::Raw;
use crate::upstream::Seen;
use crate::upstream::Upstream;

/// How long the server takes for issues of a repository `slow`.
pub const SLOW: Duration = Duration::from_secs(2);

/// A project and what it stands before.
pub struct ToolProject {
    /// The cell.
    pub cell: Cell,
    /// The server. `/repos/{owner}/{repo}/issues` answers like GitHub; `/echo` and `/redirect` give the token away, and
    /// `/repos/{owner}/slow/issues` takes its time.
    pub server: Upstream,
    /// The tool's name, and its folder's.
    pub name: &'static str,
    /// Where registries' packages are, so that no test asks a network.
    tools: PathBuf,
}

impl ToolProject {
    /// Makes a project. `None`, said, where what builds it was left out on purpose.
    pub async fn new(lang: &str, template: &str, name: &'static str) -> Option<Self> {
        let tools = match (lang, programs::servers()) {
            // Cargo and rustc are there, or nothing here was built.
            ("rust", tools) => tools.unwrap_or_default(),
            ("c", Some(tools)) if !tools.join("wasi-sdk/.brought").is_file() => {
                println!("left out: a tool in C (clang comes from Debian's packages)");
                return None;
            }
            (_, Some(tools)) => tools,
            (_, None) => {
                println!("left out: a tool in {lang} (cargo x test --no-servers)");
                return None;
            }
        };
        let cell = Cell::new("ghp_");
        let token = cell.canary().token().to_owned();
        let server = Upstream::start(move |seen| answer(seen, &token)).await;
        cell.config(&config(&server.origin()));
        let project = Self { cell, server, name, tools };
        std::fs::create_dir(project.cell.path().join("work")).unwrap();
        project.run_in("work", &["new", name, "--lang", lang, "--template", template]).exits(0);
        Some(project)
    }

    /// The project's folder.
    pub fn folder(&self) -> PathBuf {
        self.cell.path().join("work").join(self.name)
    }

    /// Runs `hotcell` in the project's folder.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_in(&format!("work/{}", self.name), args)
    }

    /// The same, with the time that it took.
    pub fn timed(&self, args: &[&str]) -> (Ran, Duration) {
        let started = Instant::now();
        (self.run(args), started.elapsed())
    }

    /// The same, with a variable set.
    pub fn run_with(&self, args: &[&str], variable: &str, value: &str) -> Ran {
        let mut command = self.command(&format!("work/{}", self.name), args);
        self.cell.keep(args, command.env(variable, value).output().unwrap())
    }

    fn run_in(&self, folder: &str, args: &[&str]) -> Ran {
        self.cell.keep(args, self.command(folder, args).output().unwrap())
    }

    fn command(&self, folder: &str, args: &[&str]) -> Command {
        let mut command = self.cell.command(args);
        self.offline(command.current_dir(self.cell.path().join(folder)));
        command
    }

    /// npm, pip and clang find all that the templates pin in the cache folder.
    fn offline(&self, command: &mut Command) {
        command
            // At TRACE the log is longer than what is looked for in it.
            .env("HOTCELL_LOG", "warn")
            .env_remove("RUST_LOG")
            .env("WASI_SDK_PATH", self.tools.join("wasi-sdk"))
            // What projects have in common is compiled once.
            .env("CARGO_TARGET_DIR", programs::guests().with_file_name("projects"))
            .env("npm_config_cache", self.tools.join("node-tools/cache"))
            .env("npm_config_offline", "true")
            .env("npm_config_update_notifier", "false")
            .env("npm_config_logs_max", "0")
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.tools.join("python-tools/files"));
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Reads a file of the project.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Builds, installs and signs in.
    pub fn install(&self, scopes: &[&str]) {
        self.run(&["install", "--yes", &format!("dist/{}.wasm", self.name)]).exits(0);
        self.cell.sign_in("github", scopes);
    }

    /// Compiled code in the cache, with when it was made.
    pub fn compiled(&self) -> Vec<(String, std::time::SystemTime)> {
        let entries = std::fs::read_dir(self.cell.places().cache.join("code")).unwrap().flatten();
        let mut found: Vec<_> = entries
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        found.sort();
        found
    }
}

fn config(origin: &str) -> String {
    format!(
        "[service.github]\norigins = [\"{origin}\"]\n[service.github.scopes]\n\
         \"issues:read\" = [\"GET /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"issues:write\" = [\"POST /repos/{{owner}}/{{repo}}/issues\"]\n\
         \"probe:echo\" = [\"GET /echo\", \"GET /redirect\"]\n"
    )
}

/// A server like GitHub, with pages that give the token away.
fn answer(seen: &Seen, token: &str) -> Vec<u8> {
    let headers = ["Content-Type: application/json"];
    let path = seen.line().split([' ', '?']).nth(1).unwrap_or_default();
    if seen.header("authorization") != [format!("Bearer {token}")] {
        return Raw::answer("401 Unauthorized", &headers, "{}");
    }
    let issue =
        json!({"number": 1347, "title": "Found a bug", "state": "open", "html_url": "https://example.com/1347"});
    match path {
        "/echo" if seen.line().contains('?') => Raw::ok(seen.head.chars().rev().collect::<String>()),
        "/echo" => Raw::ok(&seen.head),
        "/redirect" => Raw::answer("302 Found", &[format!("Location: /echo?token={token}").as_str()], ""),
        // Long enough to look into a worker that waits.
        _ if path.ends_with("/slow/issues") => {
            std::thread::sleep(SLOW);
            Raw::answer("200 OK", &headers, json!([issue]).to_string())
        }
        _ if path.ends_with("/missing/issues") => Raw::answer("404 Not Found", &headers, "{}"),
        _ if seen.line().starts_with("POST") => Raw::answer("201 Created", &headers, issue.to_string()),
        _ => Raw::answer("200 OK", &headers, json!([issue]).to_string()),
    }
}
