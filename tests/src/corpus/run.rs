//! Runs one row through the whole product.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hotcell::Called;
use hotcell::Isolation;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use serde_json::Value;
use serde_json::json;
use tokio::sync::Mutex;

use super::Ask;
use super::Does;
use super::Ends;
use super::Row;
use super::guests;
use super::measure;
use super::servers::Server;
use super::tls;
use crate::Cell;
use crate::Embedded;

/// How a row ended, as the table shows it.
pub struct Outcome {
    /// What it ended in, as [`Ends::shown`].
    pub ended: String,
    /// Milliseconds of its longest call.
    pub ms: u64,
    /// MiB that the process grew by, where that can be measured.
    pub mib: Option<u64>,
    /// What is not as the row says; empty if all is.
    pub wrong: Vec<String>,
}

/// One row at a time in a process: time and memory are its own.
static TURN: Mutex<()> = Mutex::const_new(());

/// Of a call, but for patient ones: the host's own limit.
const DEADLINE: Duration = Duration::from_secs(3);
const LIMITS: &str = "[limits]\ncpu_seconds = 1\ndeadline_seconds = 10\n";
const MANIFEST: &str = "version = \"1\"\n[actions.run]\nservices = { upstream = [\"use\"] }\n";

/// What one try ended in.
enum Tried {
    Called(Result<Called, Refusal>),
    NotInstalled(Refusal),
}

/// Runs a row, its guests isolated so.
pub async fn run(row: &'static Row, isolation: Isolation) -> Outcome {
    let _turn = TURN.lock().await;
    let cell = Cell::new("up_").isolated(isolation);
    let token = cell.canary().token().to_owned();
    let (server, network) = match &row.does {
        Does::Patient(script) | Does::Server(script) | Does::Twice(script) => {
            (Server::start(script(&token)).await, String::new())
        }
        Does::Tls(wrong) => tls::start(*wrong, &cell).await,
        _ => (Server::fine().await, String::new()),
    };
    let config = format!(
        "[service.upstream]\norigins = [\"{}\", \"https://localhost:9\"]\nscopes = {{ use = [\"GET,POST,PUT,PATCH,DELETE,HEAD /api/**\", \"GET /listed/{{id}}?state&page\"] }}\n\
         deny = [\"/api/admin/**\"]\n{LIMITS}{network}",
        server.origin()
    );
    let hotcell = Embedded::new(&cell, &config);
    hotcell.sign_in("upstream", &["use"]);
    hotcell.try_install(guests::fine(), "name = \"fine\"\nversion = \"1\"\n").unwrap();
    let mut outcome = Outcome { ended: String::new(), ms: 0, mib: None, wrong: Vec::new() };
    let tries = tries(row, &hotcell, &server, &mut outcome).await;
    for tried in &tries {
        outcome.judge(row, tried, server.requests());
    }
    outcome.bounds(row);
    if let Err(why) = next_call(&hotcell).await {
        outcome.wrong.push(format!("the next call: {why}"));
    }
    cell.sinks.keep(format!("the row {}", row.id), format!("{:?}", outcome.wrong));
    outcome.wrong.extend(cell.search().into_iter().map(|place| format!("the canary is in {place}")));
    outcome
}

async fn tries(row: &Row, hotcell: &Embedded<'_>, server: &Server, outcome: &mut Outcome) -> Vec<Tried> {
    let origin = server.origin();
    let text =
        |bytes: Vec<u8>, inert: &str| hotcell.try_install(bytes, &format!("name = \"guest\"\n{inert}{MANIFEST}"));
    let mut tries = Vec::new();
    let mut calls: Vec<(&str, &str, Value)> = Vec::new();
    match &row.does {
        Does::Abandoned(bytes, times) => {
            text(bytes(), "").unwrap();
            abandon(hotcell, *times).await;
        }
        Does::Asks(asks) => calls.extend(asks(&origin).into_iter().map(|ask| ("hostile", "ask", ask.arguments()))),
        Does::Hostile(action, arguments) => {
            calls.push(("hostile", action, arguments(&origin, hotcell.cell.canary().token())));
        }
        Does::Patient(_) | Does::Server(_) | Does::Tls(_) | Does::Twice(_) => {
            let ask = || Ask { url: format!("{origin}/api/x"), ..Ask::default() }.arguments();
            calls.push(("hostile", "ask", ask()));
            if matches!(row.does, Does::Twice(_)) {
                calls.push(("hostile", "ask", ask()));
            }
        }
        Does::Swapped(bytes) => {
            text(bytes(), "").unwrap();
            swap(hotcell);
            // A host that has loaded the tool runs what it loaded: the next one reads the file.
            let next = Embedded::open(hotcell.cell);
            tries.push(Tried::Called(next.call("guest", "run", json!({})).await));
        }
        Does::Text(bytes, arguments) => match text(bytes(&origin), "") {
            Ok(()) => calls.push(("guest", "run", serde_json::from_str(arguments).unwrap())),
            Err(refusal) => tries.push(Tried::NotInstalled(refusal)),
        },
    }
    if calls.iter().any(|(tool, ..)| *tool == "hostile") {
        hotcell.install("hostile", None);
    }
    // What a call needs once in a process (engine, pool, store) is no row's own.
    next_call(hotcell).await.unwrap();
    let memory = measure::start(&hotcell.host.workers());
    for (tool, action, arguments) in calls {
        let started = Instant::now();
        let deadline = (!matches!(row.does, Does::Patient(_))).then_some(DEADLINE);
        let called = hotcell.call_within(tool, action, arguments, deadline).await;
        outcome.ms = outcome.ms.max(u64::try_from(started.elapsed().as_millis()).unwrap());
        tries.push(Tried::Called(called));
    }
    outcome.mib = measure::grown(memory, &hotcell.host.workers());
    tries
}

/// Calls a guest that never ends by itself, and goes away.
async fn abandon(hotcell: &Embedded<'_>, times: u32) {
    for time in 0..times {
        let wait = Duration::from_micros(u64::from(time * 7919 % 4000) * 5);
        let call = hotcell.call("guest", "run", json!({}));
        assert!(tokio::time::timeout(wait, call).await.is_err(), "the guest ended by itself");
    }
}

/// Replaces the bytes of every kept component but the next call's by others.
fn swap(hotcell: &Embedded<'_>) {
    let folder = hotcell.cell.places().state.join("tools");
    let fine = hotcell.host.catalog().find("fine").unwrap().digest.to_string();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !fine.contains(name.trim_end_matches(".wasm")) {
            std::fs::write(entry.path(), guests::fine()).unwrap();
        }
    }
}

async fn next_call(hotcell: &Embedded<'_>) -> Result<(), String> {
    let request = hotcell::Request { tool: "fine".into(), action: "run".into(), arguments: json!({}), deadline: None };
    let called = hotcell::call(&hotcell.host, request, Arc::clone(&hotcell.lines) as _).await;
    match called.map(|called| called.outcome.verdict) {
        Ok(Verdict::Returned(value)) if value == "hello" => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

impl Ask {
    pub(super) fn arguments(self) -> Value {
        let Self { method, url, headers, body } = self;
        json!({"method": if method.is_empty() { "get" } else { method }, "url": url, "headers": headers, "body": body})
    }
}

/// Codes of policy: nothing was sent.
fn is_of_policy(code: Code) -> bool {
    matches!(
        code,
        Code::BadRequest
            | Code::HeaderForbidden
            | Code::MethodNotGranted
            | Code::OriginNotGranted
            | Code::PathNotGranted
            | Code::QueryNotGranted
            | Code::RequestTooLarge
    )
}

impl Ends {
    /// Whether this is the code that was expected, on the way that was expected.
    fn are(self, code: Code, way: impl Fn(Self) -> bool) -> bool {
        match self {
            Self::Late => code == Code::DeadlineExceeded,
            Self::Denied(expected) | Self::Stopped(expected) => expected == code && way(self),
            _ => false,
        }
    }
}

impl Outcome {
    fn judge(&mut self, row: &Row, tried: &Tried, requests: usize) {
        let (ended, right) = match (tried, row.ends) {
            (Tried::NotInstalled(refusal), ends) => {
                self.two_lines(refusal);
                (refusal.code.to_string(), matches!(ends, Ends::NotInstalled(code) if code == refusal.code))
            }
            (Tried::Called(Err(refusal)), ends) => {
                self.two_lines(refusal);
                (refusal.code.to_string(), matches!(ends, Ends::NotCalled(code) if code == refusal.code))
            }
            (Tried::Called(Ok(called)), ends) => self.verdict(called, ends, requests),
        };
        if !right {
            self.wrong.push(format!("ended in {ended}, not in {}", row.ends.shown()));
        }
        if self.ended.is_empty() || !right {
            self.ended = ended;
        }
    }

    fn verdict(&mut self, called: &Called, ends: Ends, requests: usize) -> (String, bool) {
        let behind = called.refusals.first();
        match (&called.outcome.verdict, behind) {
            (Verdict::Refused(refusal), _) => {
                self.two_lines(refusal);
                (refusal.code.to_string(), ends.are(refusal.code, |ends| matches!(ends, Ends::Stopped(_))))
            }
            (Verdict::Failed(_), Some(refusal)) => {
                self.two_lines(refusal);
                if is_of_policy(refusal.code) && requests > 0 {
                    self.wrong.push(format!("{requests} requests were sent"));
                }
                (refusal.code.to_string(), ends.are(refusal.code, |ends| matches!(ends, Ends::Denied(_))))
            }
            (Verdict::Failed(value), None) => (format!("failed {value}"), false),
            (Verdict::Returned(value), _) => match ends {
                Ends::Answers(status) => {
                    let got = value.as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
                    let right = got == status.to_string() && !value.to_string().contains("smuggled");
                    (format!("answered {got}"), right)
                }
                Ends::Returns(look) if look(value) => ("returns".to_owned(), true),
                _ => (format!("returned {}", shortened(value)), false),
            },
        }
    }

    fn two_lines(&mut self, refusal: &Refusal) {
        if refusal.message.is_empty() || refusal.hint.is_empty() {
            self.wrong.push(format!("{} has no message or no hint", refusal.code));
        }
    }

    fn bounds(&mut self, row: &Row) {
        if self.ended.is_empty() {
            self.ended = row.ends.shown();
        }
        if self.ms > row.most_ms {
            self.wrong.push(format!("took {} ms, at most {}", self.ms, row.most_ms));
        }
        if self.mib.is_some_and(|mib| mib > row.most_mib) {
            self.wrong.push(format!("cost {} MiB, at most {}", self.mib.unwrap_or_default(), row.most_mib));
        }
    }
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}
