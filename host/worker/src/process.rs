//! One worker, as the broker holds it: started, spoken with, and buried.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Poll;

use hotcell_protocol::Action;
use hotcell_protocol::Answer;
use hotcell_protocol::Code;
use hotcell_protocol::Cost;
use hotcell_protocol::GuestError;
use hotcell_protocol::Limits;
use hotcell_protocol::Outside;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::Waiting;
use hotcell_protocol::limits;
use hotcell_protocol::text::shown;
use hotcell_sandbox::values;
use tokio::process::Child;
use tokio::process::Command;
use tokio::sync::Notify;

use crate::child::COMMAND;
use crate::code;
use crate::outbox::Outbox;
use crate::starter;
use crate::table::Event;
use crate::table::Table;
use crate::walls::Walls;
use crate::wire;
use crate::wire::End;
use crate::wire::Head;
use crate::wire::Order;
use crate::wire::Reader;
use crate::wire::Report;
use crate::wire::broken;

/// SIGSYS: what the filter of system calls ends a process with.
const FORBIDDEN_CALL: i32 = libc::SIGSYS;

/// A worker that lives, or has lived.
pub(crate) struct Worker {
    table: Mutex<Table>,
    outbox: Outbox,
    doomed: Notify,
    pid: Option<u32>,
    ready: OnceLock<Result<Walls, Refusal>>,
    /// It is ready, or gone.
    told: Notify,
    ending: AtomicBool,
}

impl Worker {
    /// Starts a worker for a tool. It is spoken with at once: what it is told waits until it is ready.
    pub(crate) fn start(program: &Path, code: &code::Code) -> io::Result<Arc<Self>> {
        let worker = Self::start_with(program, code.handle()?)?;
        worker.begin(code);
        Ok(worker)
    }

    /// Starts a worker that waits to be told that its code is there: [`Worker::begin`].
    pub(crate) fn start_with(program: &Path, code: OwnedFd) -> io::Result<Arc<Self>> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        // A group of its own: Ctrl-C at a terminal is the broker's to answer, which lets calls end.
        let mut command = Command::new(program);
        command
            .arg(COMMAND)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(code)
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let child = starter::start(command)?;
        let worker = Arc::new(Self {
            table: Mutex::default(),
            outbox: Outbox::new(&ours)?,
            doomed: Notify::new(),
            pid: child.id(),
            ready: OnceLock::new(),
            told: Notify::new(),
            ending: AtomicBool::new(false),
        });
        tokio::spawn(Arc::clone(&worker).attend(child, Reader::new(ours)?));
        Ok(worker)
    }

    /// The code is where it looks for it.
    pub(crate) fn begin(&self, code: &code::Code) {
        self.tell(&Order::Start { version: wire::VERSION.to_owned() }, code.json().to_vec());
    }

    /// The walls around it, once it is ready.
    pub(crate) async fn walls(&self) -> Result<Walls, Refusal> {
        loop {
            let told = self.told.notified();
            if let Some(ready) = self.ready.get() {
                return ready.clone();
            }
            if self.is_gone() {
                return Err(lost("it did not start"));
            }
            told.await;
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.doomed.notify_one();
    }

    /// Whether it is gone, or about to be: no call can be given to it.
    pub(crate) fn is_gone(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.table().is_lost()
    }

    /// Whether it does not stop a call that nobody waits for: it may stand still, and another one is better.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.table().has_stragglers()
    }

    /// Runs a call: its arguments are JSON. Dropping the future stops the guest.
    pub(crate) async fn call(
        self: &Arc<Self>,
        action: &Action,
        json: Vec<u8>,
        limits: Limits,
        outside: &dyn Outside,
    ) -> Result<(Verdict, Cost), Refusal> {
        let (call, mut events) = self.table().open().map_err(|why| lost(&why))?;
        let held = Held { worker: self, call };
        self.tell(&Order::Call { call, action: action.name.clone(), limits, origins: outside.origins() }, json);
        let mut asked: Vec<UnderWay<'_>> = Vec::new();
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                (ask, answer) = answer(&mut asked) => {
                    held.worker.table().answered(call, ask);
                    held.worker.answer(call, ask, answer);
                    continue;
                }
            };
            match event {
                Some(Event::Asked(ask, request)) => asked.push((ask, outside.send(request))),
                Some(Event::GaveUp(ask)) => {
                    let before = asked.len();
                    asked.retain(|(under_way, _)| *under_way != ask);
                    // It may have been answered a moment ago. Each request gets one answer: it gives its place back.
                    if asked.len() < before {
                        held.worker.table().answered(call, ask);
                        held.worker.answer(call, ask, Err(GuestError::Broken));
                    }
                }
                Some(Event::Log(line)) => outside.log(line),
                Some(Event::Progress(progress)) => outside.progress(progress),
                Some(Event::Ended(end, json, cost)) => {
                    let cost = Cost { memory_bytes: cost.memory_bytes.min(limits.memory_bytes), ..cost };
                    return Ok((verdict(end, &json, action, &limits), cost));
                }
                Some(Event::Lost(why)) => return Err(self.not_ready().unwrap_or_else(|| lost(&why))),
                None => return Err(lost("it is gone")),
            }
        }
    }

    /// Why its tool could not be loaded, if that is so.
    fn not_ready(&self) -> Option<Refusal> {
        self.ready.get().and_then(|ready| ready.as_ref().err().cloned())
    }

    fn answer(&self, call: u64, ask: u64, answer: Result<Answer, GuestError>) {
        let (answer, body) = match answer {
            Ok(Answer { status, headers, body }) => (Ok(Head { status, headers }), body),
            Err(error) => (Err(error), Vec::new()),
        };
        self.tell(&Order::Answer { call, ask, answer }, body);
    }

    fn tell(&self, order: &Order, tail: Vec<u8>) {
        if !self.outbox.tell(order, tail) {
            self.end();
        }
    }

    /// Reads what it says until it is gone, then tells its calls why.
    async fn attend(self: Arc<Self>, mut child: Child, reader: Reader) {
        let mut listening = std::pin::pin!(self.listen(reader));
        let why = tokio::select! {
            biased;
            () = self.doomed.notified() => Err(broken("it did not stop in its time")),
            why = &mut listening => why,
            error = self.outbox.run() => match error.kind() {
                io::ErrorKind::InvalidData => Err(error),
                // It is gone; what it said last is still to be read.
                _ => tokio::time::timeout(limits::WORKER_STOP, listening).await.unwrap_or(Err(error)),
            },
        };
        self.ending.store(true, Ordering::Relaxed);
        let died = why.is_ok();
        drop(child.start_kill());
        let status = child.wait().await;
        let why = match why {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => error.to_string(),
            _ => ended(status.ok()),
        };
        if died && self.ready.get().is_some_and(Result::is_ok) {
            tracing::warn!(pid = self.pid, why, "a worker ended");
        }
        self.table().lose(&why);
        self.told.notify_waiters();
    }

    /// Ends where the worker closes the connection, or breaks it.
    async fn listen(&self, mut reader: Reader) -> io::Result<()> {
        let first = tokio::time::timeout(limits::WORKER_START, reader.next()).await;
        match first.map_err(|_| broken("it did not start in its time"))?? {
            Some((Report::Ready { version, walls, refused }, _)) if version == wire::VERSION => {
                drop(self.ready.set(refused.map_or(Ok(walls), Err)));
                self.told.notify_waiters();
            }
            Some(_) => return Err(broken("it is another version")),
            None => return Ok(()),
        }
        while let Some((report, tail)) = reader.next().await? {
            self.table().take(report, tail)?;
        }
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that the worker has in hand. Where nobody waits for it any more, the worker is told; and if it does not stop, ended.
struct Held<'a> {
    worker: &'a Arc<Worker>,
    call: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.worker.table().abandon(self.call) {
            return;
        }
        self.worker.tell(&Order::Stop { call: self.call }, Vec::new());
        let (worker, call) = (Arc::clone(self.worker), self.call);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return worker.end() };
        runtime.spawn(async move {
            tokio::time::sleep(limits::WORKER_STOP).await;
            if worker.table().is_open(call) {
                tracing::warn!(pid = worker.pid, "a worker does not stop a call, and is ended");
                worker.end();
            }
        });
    }
}

/// A request under way. Dropped, it is given up.
type UnderWay<'a> = (u64, Waiting<'a, Result<Answer, GuestError>>);

/// The next answer to one of the requests under way, which is then under way no more. Waits for ever where there are none.
async fn answer(asked: &mut Vec<UnderWay<'_>>) -> (u64, Result<Answer, GuestError>) {
    poll_fn(|context| {
        // They are few: no more than a call may have at once.
        let ready = asked.iter_mut().enumerate().find_map(|(place, (ask, request))| {
            let Poll::Ready(answer) = request.as_mut().poll(context) else { return None };
            Some((place, *ask, answer))
        });
        let Some((place, ask, answer)) = ready else { return Poll::Pending };
        drop(asked.swap_remove(place));
        Poll::Ready((ask, answer))
    })
    .await
}

/// What a worker said that a call ended in, held against what it can have ended in.
fn verdict(end: End, json: &[u8], action: &Action, limits: &Limits) -> Verdict {
    let value = |failed| values::take_back(json, action, failed, limits.result_bytes);
    let verdict = match end {
        End::Returned => value(false).map(Verdict::Returned),
        End::Failed => value(true).map(Verdict::Failed),
        End::Refused(refusal) => Err(if can_say(refusal.code) { bounded(refusal) } else { values::not_its_result() }),
    };
    verdict.unwrap_or_else(Verdict::Refused)
}

/// What a sandbox ends a call with. Everything else is the host's to say: a guest that has taken the worker over must not ask
/// for a sign-in, for instance, in the host's voice.
fn can_say(code: Code) -> bool {
    matches!(
        code,
        Code::BadArguments
            | Code::DeadlineExceeded
            | Code::GuestTrapped
            | Code::Internal
            | Code::MemoryExceeded
            | Code::ResultTooLarge
    )
}

/// A refusal's words end before people.
fn bounded(refusal: Refusal) -> Refusal {
    let short = |text: &str| shown(text, limits::REFUSAL_BYTES);
    Refusal { message: short(&refusal.message), hint: short(&refusal.hint), ..refusal }
}

fn lost(why: &str) -> Refusal {
    Refusal::new(
        Code::WorkerLost,
        format!("the process that ran the tool is gone: {why}"),
        "call it again: a new one is started; if it stays so, the tool makes it happen, remove it and report it",
    )
}

fn ended(status: Option<ExitStatus>) -> String {
    match status {
        Some(status) if status.signal() == Some(FORBIDDEN_CALL) => {
            "it tried a system call that no guest needs, and was stopped (SIGSYS)".to_owned()
        }
        Some(status) => match status.signal() {
            Some(signal) => format!("ended by signal {signal}"),
            None => format!("it ended with status {}", status.code().unwrap_or_default()),
        },
        None => "it ended".to_owned(),
    }
}
