//! The worker itself: maps its tool, raises the walls, runs calls until the broker is gone.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as Blocking;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::Answer;
use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Code;
use hotcell_protocol::Cost;
use hotcell_protocol::Description;
use hotcell_protocol::Limits;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_sandbox::Sandbox;
use hotcell_sandbox::Tool;
use tokio::sync::Notify;

use crate::code;
use crate::outbox::Outbox;
use crate::remote::Remote;
use crate::walls;
use crate::wire;
use crate::wire::End;
use crate::wire::Order;
use crate::wire::Reader;
use crate::wire::Report;

/// The hidden command that is a worker's whole work.
pub const COMMAND: &str = "run-guests";
/// Where the code is: standard output, which a worker has no other use for.
const CODE: &str = "/proc/self/fd/1";

/// A worker's whole life. For the start of `main`: nothing else may have happened in the process.
#[must_use]
pub fn run() -> ExitCode {
    match live() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn live() -> io::Result<()> {
    let mut standing = walls::before_threads();
    let mut socket = Blocking::from(io::stdin().as_fd().try_clone_to_owned()?);
    // What takes time and needs no code comes first: the broker may still be reading it.
    let sandbox = Sandbox::new(&hotcell_sandbox::Options::default());
    let (order, json) = wire::read_one(&mut socket)?;
    let Order::Start { version } = order else { return Err(wire::broken("no start")) };
    if version != wire::VERSION {
        return Err(wire::broken("another version"));
    }
    if !code::is_sealed(io::stdout()) {
        return Err(wire::broken("code that could be changed"));
    }
    let loaded = sandbox.and_then(|sandbox| load(sandbox, &json));
    walls::close_standard_streams()?;
    standing.extend(walls::no_files());
    let refused = loaded.as_ref().err().cloned();
    if let Ok((sandbox, _)) = &loaded {
        sandbox.start_clock().map_err(|_| wire::broken("no clock"))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    socket.set_nonblocking(true)?;
    let outbox = Arc::new(Outbox::new(&socket)?);
    let reader = {
        let _inside = runtime.enter();
        Reader::new(socket)?
    };
    // From here on nothing is opened, mapped as code, or started.
    standing.extend(walls::few_system_calls());
    let ready = Report::Ready { version: wire::VERSION.to_owned(), walls: standing, refused };
    outbox.tell(&ready, Vec::new());
    let Ok((sandbox, tool)) = loaded else { end() };
    let guests = Arc::new(Guests { sandbox, tool, outbox, calls: Mutex::default() });
    // The broker is gone, or says what it cannot say.
    drop(runtime.block_on(guests.serve(reader)));
    end()
}

/// Nothing is taken down: what that would need is not allowed any more, and there is no secret here to be wiped.
#[expect(clippy::disallowed_methods, reason = "a worker has no secret, lock or temporary file")]
fn end() -> ! {
    std::process::exit(0)
}

/// Maps the code. What it was made of was checked by the broker, and it is sealed: this runs before the walls stand, because
/// with them nothing can become executable any more.
fn load(sandbox: Sandbox, json: &[u8]) -> Result<(Sandbox, Tool), Refusal> {
    let description: Description =
        serde_json::from_slice(json).map_err(|_| Refusal::internal("a description cannot be read"))?;
    // Safety: the broker put there what the compiler made, sealed, and started this process with it.
    #[expect(unsafe_code, reason = "the code that this process was started to run")]
    let tool = unsafe { sandbox.load_mapped(description, Path::new(CODE)) }?;
    Ok((sandbox, tool))
}

struct Guests {
    sandbox: Sandbox,
    tool: Tool,
    outbox: Arc<Outbox>,
    calls: Mutex<HashMap<u64, Running>>,
}

struct Running {
    remote: Arc<Remote>,
    stop: Arc<Notify>,
}

impl Guests {
    /// Takes orders until the broker is gone.
    async fn serve(self: Arc<Self>, reader: Reader) -> io::Result<()> {
        let outbox = Arc::clone(&self.outbox);
        tokio::select! {
            ended = self.take_orders(reader) => ended,
            error = outbox.run() => Err(error),
        }
    }

    async fn take_orders(self: Arc<Self>, mut reader: Reader) -> io::Result<()> {
        while let Some((order, tail)) = reader.next().await? {
            match order {
                Order::Start { .. } => return Err(wire::broken("started twice")),
                Order::Call { call, action, limits, origins } => self.start(call, action, tail, limits, origins),
                Order::Answer { call, ask, answer } => {
                    let answer = answer.map(|head| Answer { status: head.status, headers: head.headers, body: tail });
                    if let Some(running) = self.calls().get(&call) {
                        running.remote.answer(ask, answer);
                    }
                }
                Order::Stop { call } => {
                    if let Some(running) = self.calls().get(&call) {
                        running.stop.notify_one();
                    }
                }
            }
        }
        Ok(())
    }

    fn start(
        self: &Arc<Self>,
        call: u64,
        action: String,
        json: Vec<u8>,
        limits: Limits,
        origins: Vec<(String, String)>,
    ) {
        let remote = Arc::new(Remote::new(call, Arc::clone(&self.outbox), origins));
        let stop = Arc::new(Notify::new());
        self.calls().insert(call, Running { remote: Arc::clone(&remote), stop: Arc::clone(&stop) });
        let guests = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = guests.call(action, &json, limits, Arc::clone(&remote)) => outcome,
                () = stop.notified() => given_up(),
            };
            guests.calls().remove(&call);
            remote.close();
            guests.ended(call, outcome);
        });
    }

    async fn call(&self, action: String, json: &[u8], limits: Limits, remote: Arc<Remote>) -> CallOutcome {
        match serde_json::from_slice(json) {
            Ok(arguments) => self.sandbox.call(&self.tool, CallRequest { action, arguments, limits }, remote).await,
            // They are JSON, or the broker could not have written them.
            Err(_) => {
                let refusal =
                    Refusal::new(Code::BadArguments, "the arguments are nested too deep", "send flatter ones");
                CallOutcome { verdict: Verdict::Refused(refusal), cost: Cost::default() }
            }
        }
    }

    fn ended(&self, call: u64, outcome: CallOutcome) {
        let CallOutcome { verdict, cost } = outcome;
        let (end, value) = match verdict {
            Verdict::Returned(value) => (End::Returned, Some(value)),
            Verdict::Failed(value) => (End::Failed, Some(value)),
            Verdict::Refused(refusal) => (End::Refused(refusal), None),
        };
        let json = value.and_then(|value| serde_json::to_vec(&value).ok()).unwrap_or_default();
        if !self.outbox.tell(&Report::Ended { call, end, cost }, json) {
            let refusal =
                Refusal::new(Code::ResultTooLarge, "the result is over its limit", "ask for less in one call");
            self.outbox.tell(&Report::Ended { call, end: End::Refused(refusal), cost }, Vec::new());
        }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Running>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What nobody waits for.
fn given_up() -> CallOutcome {
    let refusal = Refusal::new(Code::DeadlineExceeded, "the call was given up", "");
    CallOutcome { verdict: Verdict::Refused(refusal), cost: Cost::default() }
}
