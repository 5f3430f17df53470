//! The corpus: hostile guests and hostile servers, one behaviour each, each with what it must end in, how long that may take
//! and how much memory it may cost.
//!
//! A guest is a row of a table here and cannot exist without what is expected of it. Every row goes through the whole product
//! (catalog, policy, sandbox, gate, scan, record); after it an ordinary call must work; at its end everything that was seen
//! or left behind is searched for the row's canary. `cargo x hostile [NAME]` prints the table with what was measured.

mod exfiltration;
mod guests;
mod imports;
mod lifecycle;
mod measure;
mod memory;
mod output;
mod processor;
mod requests;
mod run;
mod servers;
mod stack;
mod tls;
mod upstreams;
#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with the tests of hotcell-sandbox")]
#[path = "../../../host/sandbox/tests/support/wat_guests.rs"]
mod wat_guests;
mod whisper;

use hotcell_protocol::Code;
use serde_json::Value;

pub use run::Outcome;
pub use run::run;
pub use servers::Script;
pub use servers::Step;
pub use whisper::sends;

/// One behaviour of a guest or of a server, with its bounds.
pub struct Row {
    /// Group and number, as in the design (`C1`), with a letter where one behaviour has several forms.
    pub id: &'static str,
    /// What it does.
    pub name: &'static str,
    /// The guest, and the server that it talks to.
    pub does: Does,
    /// What it must end in.
    pub ends: Ends,
    /// Most milliseconds of the call, as the caller sees it. Installation is not counted.
    pub most_ms: u64,
    /// Most MiB by which this process grows during the call, at its peak.
    pub most_mib: u64,
}

/// What is run.
pub enum Does {
    /// A guest is called, and the caller goes away, this many times, each time a little later.
    Abandoned(fn() -> Vec<u8>, u32),
    /// Requests of the compiled guest `hostile`, one call each, all of which must end the same way. The function is given the
    /// server's origin. The server says `fine`.
    Asks(fn(&str) -> Vec<Ask>),
    /// An action of the compiled guest `hostile`, with arguments as JSON. The function is given the server's origin and the
    /// row's token.
    Hostile(&'static str, fn(&str, &str) -> Value),
    /// As `Server`, with a call that may last long.
    Patient(fn(&str) -> Script),
    /// A request to a server that keeps to a script, which is given the row's token.
    Server(fn(&str) -> Script),
    /// A guest whose file is changed after it was granted.
    Swapped(fn() -> Vec<u8>),
    /// A component written as text: its action `run` is called with arguments as JSON. The function is given the server's
    /// origin.
    Text(fn(&str) -> Vec<u8>, &'static str),
    /// As `Server`, over TLS with a certificate that is wrong in this way.
    Tls(tls::Wrong),
    /// As `Server`, with a second call behind the first.
    Twice(fn(&str) -> Script),
}

/// A request of the guest `hostile`: method, URL, headers, body.
#[derive(Default)]
pub struct Ask {
    /// `get` where empty.
    pub method: &'static str,
    /// The URL.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
}

/// What a row must end in.
#[derive(Debug, Clone, Copy)]
pub enum Ends {
    /// The server's answer reaches the guest, with this status.
    Answers(u16),
    /// The guest gets an error; this is the refusal behind it. Where it is one of policy, nothing was sent.
    Denied(Code),
    /// The call's time is over: its guest is told, or stopped, whichever is first.
    Late,
    /// Refused before the guest runs.
    NotCalled(Code),
    /// Refused before it is installed.
    NotInstalled(Code),
    /// It returns, and the result passes this look.
    Returns(fn(&Value) -> bool),
    /// Hotcell stops the call.
    Stopped(Code),
}

impl Ends {
    /// As the table shows it.
    pub fn shown(&self) -> String {
        match self {
            Self::Answers(status) => format!("answered {status}"),
            Self::Denied(code) | Self::NotCalled(code) | Self::NotInstalled(code) | Self::Stopped(code) => {
                code.to_string()
            }
            Self::Late => Code::DeadlineExceeded.to_string(),
            Self::Returns(_) => "returns".to_owned(),
        }
    }
}

/// Hostile guests.
pub fn guests() -> impl Iterator<Item = &'static Row> {
    [
        processor::ROWS,
        stack::ROWS,
        memory::ROWS,
        imports::ROWS,
        requests::ROWS,
        exfiltration::ROWS,
        output::ROWS,
        lifecycle::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// Hostile servers.
pub fn upstreams() -> impl Iterator<Item = &'static Row> {
    upstreams::ROWS.iter()
}
