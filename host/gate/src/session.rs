//! One call's view of the gate: its grant, its deadline, its count of requests, and what it did, for the record.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::GuestError;
use hotcell_protocol::LogLine;
use hotcell_protocol::Method;
use hotcell_protocol::Outside;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::Waiting;
use hotcell_protocol::limits;
use hotcell_vault::Token;
use hotcell_vault::User;
use serde::Serialize;
use tokio::sync::Notify;

use crate::gate::Gate;
use crate::network::Network;
use crate::network::Received;
use crate::network::Way;
use crate::policy::Allowed;
use crate::policy::Grant;
use crate::policy::url;

/// Refusals of one call that are kept for the person who runs it. A tool can ask for many; the first ones say enough.
const REFUSALS: usize = 8;
/// Requests of one call that are recorded one by one; a tool that goes on asking after its last one is not worth a line each.
const RECORDS: usize = 1_000;

/// Sees a tool's log and progress as they come.
pub trait Watcher: Send + Sync {
    /// Takes one line. No live secret is in it.
    fn log(&self, line: &LogLine);

    /// Takes one report.
    fn progress(&self, progress: &Progress);

    /// Whether [`Watcher::exchanged`] is to be called. It costs a copy of each request.
    fn keeps_exchanges(&self) -> bool {
        false
    }

    /// Takes one request as the tool wrote it, before anything of the host's was added, and what came of it: the answer as the
    /// tool got it, or why it got none. No request that held a live secret comes here, and no answer that did.
    fn exchanged(&self, _asked: &Asked, _came: Result<&Answer, &Refusal>) {}
}

/// What one request was, for the audit record. Never a query, a header's value, a path or a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// The service, if the request was one of a service's.
    pub service: Option<String>,
    /// The scope whose token it carried, if any.
    pub scope: Option<String>,
    /// The origin, if the URL could be read.
    pub origin: Option<String>,
    /// The rule that allowed it, as the operator wrote it.
    pub rule: Option<String>,
    /// The method.
    pub method: Method,
    /// The response's status, if there was one.
    pub status: Option<u16>,
    /// The refusal, if there was one.
    pub refused: Option<Code>,
    /// How often it was sent: twice, where the service did not take the first token; not at all, where it was refused.
    pub attempts: u32,
    /// Whether it was given up before it had ended: the call was stopped.
    pub given_up: bool,
    /// Bytes of the request's body.
    pub bytes_out: usize,
    /// Bytes of the response's body.
    pub bytes_in: usize,
    /// Milliseconds from start to end.
    pub ms: u64,
}

/// Fills a [`RequestRecord`] while a request goes through the gate, and hands it in at the end, whatever the end is: what was
/// sent is on record even if the call is dropped while the server answers.
pub(crate) struct Trace<'a, W: Way> {
    session: &'a Session<W>,
    record: RequestRecord,
    started: Instant,
    caught: bool,
    holds_secret: bool,
    /// The request as the tool wrote it, where the watcher keeps such.
    kept: Option<Asked>,
}

impl<W: Way> Trace<'_, W> {
    /// Whose tokens the request may carry.
    pub(crate) fn user(&self) -> Option<&User> {
        self.session.user.as_deref()
    }

    pub(crate) fn asked(&mut self, asked: &Asked, holds_secret: bool) {
        self.holds_secret = holds_secret;
        self.record.bytes_out = asked.body.as_ref().map_or(0, Vec::len);
        // A secret can stand in a host's name.
        let target = if holds_secret { None } else { url::parse(&asked.url).ok() };
        self.record.origin = target.map(|target| target.origin.to_string());
    }

    pub(crate) fn allowed(&mut self, allowed: &Allowed) {
        self.record.service.clone_from(&allowed.terms.service);
        self.record.scope.clone_from(&allowed.terms.scope);
        self.record.rule = Some(allowed.terms.rule.clone());
    }

    /// It is about to be sent, with this token.
    pub(crate) fn attempt(&mut self, used: Option<Arc<Token>>) {
        self.record.attempts += 1;
        self.session.seen().used.extend(used);
    }

    pub(crate) fn received(&mut self, received: &Received) {
        self.record.status = Some(received.status);
        self.record.bytes_in = received.body.len();
    }

    /// Tells the watcher what came of it.
    fn tell(&mut self, came: Result<&Answer, &Refusal>) {
        // Once, and nothing of a request that held a secret, or that was not yet searched for one.
        if let Some(kept) = self.kept.take().filter(|_| !self.holds_secret) {
            self.session.watcher.exchanged(&kept, came);
        }
    }

    /// It held a credential: the call ends.
    pub(crate) fn caught(&mut self) {
        self.caught = true;
    }
}

impl<W: Way> Drop for Trace<'_, W> {
    fn drop(&mut self) {
        if self.record.given_up {
            self.tell(Err(&given_up()));
        }
        self.record.ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let record = self.record.clone();
        tracing::info!(
            service = record.service.as_deref(),
            rule = record.rule.as_deref(),
            status = record.status,
            refused = record.refused.map(Code::as_str),
            ms = record.ms,
            "request"
        );
        let mut seen = self.session.seen();
        if seen.requests.len() < RECORDS {
            seen.requests.push(record);
        }
    }
}

/// What came of a request that nobody waits for any more: its call ended, or the tool's own patience did.
fn given_up() -> Refusal {
    Refusal::new(
        Code::DeadlineExceeded,
        "the request was given up before it was answered",
        "the tool may wait longer; the call may have more time",
    )
}

/// The gate as one call sees it.
pub struct Session<W: Way = Network> {
    gate: Arc<Gate<W>>,
    grant: Grant,
    /// Whose tokens it uses: a user's, or those of whoever runs the host.
    user: Option<Arc<User>>,
    deadline: Instant,
    requests_left: AtomicU32,
    bytes_left: AtomicUsize,
    watcher: Arc<dyn Watcher>,
    /// Whether the grant is still as it was when the call began.
    granted: Box<dyn Fn() -> bool + Send + Sync>,
    stopped: Notify,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<RequestRecord>,
    refusals: Vec<Refusal>,
    /// Tokens that were sent: held until the call ends, so that they are looked for until then.
    used: Vec<Arc<Token>>,
    stopped: Option<Refusal>,
}

impl<W: Way> Session<W> {
    /// A session for one call. `granted` is asked before each request: what a person takes back is gone at once (threat J10).
    #[must_use]
    pub fn new(
        gate: Arc<Gate<W>>,
        grant: Grant,
        deadline: Instant,
        requests: u32,
        watcher: Arc<dyn Watcher>,
        granted: Box<dyn Fn() -> bool + Send + Sync>,
    ) -> Self {
        let (requests_left, bytes_left) = (AtomicU32::new(requests), AtomicUsize::new(limits::RECEIVED_BYTES));
        let (stopped, seen) = (Notify::new(), Mutex::default());
        Self { gate, grant, user: None, deadline, requests_left, bytes_left, watcher, granted, stopped, seen }
    }

    /// The same for a call of a user: with that user's tokens, and with no others.
    #[must_use]
    pub fn of(self, user: Option<Arc<User>>) -> Self {
        Self { user, ..self }
    }

    /// What the call did, and what was refused to it: for the record and for the person.
    #[must_use]
    pub fn finish(&self) -> (Vec<RequestRecord>, Vec<Refusal>) {
        let mut seen = self.seen();
        (std::mem::take(&mut seen.requests), std::mem::take(&mut seen.refusals))
    }

    /// Ends when the call must end without another word to the guest, and says why.
    pub async fn stopped(&self) -> Refusal {
        loop {
            let told = self.stopped.notified();
            if let Some(refusal) = self.is_stopped() {
                return refusal;
            }
            told.await;
        }
    }

    /// Why the call must end so, if it must already.
    #[must_use]
    pub fn is_stopped(&self) -> Option<Refusal> {
        self.seen().stopped.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn counted(&self, asked: Asked, trace: &mut Trace<'_, W>) -> Result<Answer, Refusal> {
        if !(self.granted)() {
            return Err(Refusal::new(
                Code::ToolNotTrusted,
                format!("the grant of {} was changed or taken back while it ran", self.grant.tool),
                "call it again, if it is still granted",
            ));
        }
        let left = self.requests_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| {
            Refusal::new(
                Code::TooManyRequests,
                "the call has used up its requests",
                "ask for less in one call, or raise limits.requests in config.toml",
            )
        })?;
        let answer = self.gate.send(&self.grant, asked, self.deadline.into(), trace).await?;
        let bytes = answer.body.len();
        let left = self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        left.map_err(|_| {
            Refusal::new(
                Code::ResponseTooLarge,
                format!("the responses of this call have more than {} bytes together", limits::RECEIVED_BYTES),
                "the tool must ask for less in one call",
            )
        })?;
        Ok(answer)
    }
}

impl<W: Way> Outside for Session<W> {
    fn send(&self, asked: Asked) -> Waiting<'_, Result<Answer, GuestError>> {
        Box::pin(async move {
            let record = RequestRecord {
                service: None,
                scope: None,
                origin: None,
                rule: None,
                method: asked.method,
                status: None,
                refused: None,
                attempts: 0,
                given_up: true,
                bytes_out: 0,
                bytes_in: 0,
                ms: 0,
            };
            // What is told of a request must not hold what the scan would find: so it is held back until that is known.
            let kept = self.watcher.keeps_exchanges().then(|| asked.clone());
            let (started, holds_secret) = (Instant::now(), !W::MADE_UP);
            let mut trace = Trace { session: self, record, started, caught: false, holds_secret, kept };
            let result = self.counted(asked, &mut trace).await;
            trace.tell(result.as_ref());
            trace.record.given_up = false;
            trace.record.refused = result.as_ref().err().map(|refusal| refusal.code);
            let caught = trace.caught;
            drop(trace);
            let refusal = match result {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            if caught {
                // No answer at all: an error would tell the guest that its guess was right (threat E12).
                self.seen().stopped = Some(refusal);
                self.stopped.notify_waiters();
                return std::future::pending().await;
            }
            let error = refusal.code.guest_error();
            let mut seen = self.seen();
            if seen.refusals.len() < REFUSALS && !seen.refusals.contains(&refusal) {
                seen.refusals.push(refusal);
            }
            Err(error)
        })
    }

    fn origin(&self, service: &str) -> Result<String, GuestError> {
        // Not granted and not known look the same (threat F4).
        let granted = self.grant.services.contains_key(service);
        let origin = self.gate.services().find(service).and_then(|service| service.origins.first());
        origin.filter(|_| granted).map(ToString::to_string).ok_or(GuestError::Denied)
    }

    fn origins(&self) -> Vec<(String, String)> {
        let origin = |service: &String| Some((service.clone(), self.origin(service).ok()?));
        self.grant.services.keys().filter_map(origin).collect()
    }

    fn log(&self, line: LogLine) {
        if self.gate.holds_secret(line.text.as_bytes()) {
            let text = "a line of the tool's log held a credential, and was withheld".to_owned();
            self.watcher.log(&LogLine { level: line.level, text });
        } else {
            self.watcher.log(&line);
        }
    }

    fn progress(&self, progress: Progress) {
        let leaks = progress.note.as_ref().is_some_and(|note| self.gate.holds_secret(note.as_bytes()));
        self.watcher.progress(&if leaks { Progress { note: None, ..progress } } else { progress });
    }
}
