//! The worker's side of a call: what the guest asks of the world is asked of the broker.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::GuestError;
use hotcell_protocol::LogLine;
use hotcell_protocol::Outside;
use hotcell_protocol::Progress;
use hotcell_protocol::Waiting;
use tokio::sync::oneshot;

use crate::outbox::Outbox;
use crate::wire::Report;

type Result<T> = std::result::Result<T, GuestError>;

/// The world as one call of a worker sees it.
pub(crate) struct Remote {
    call: u64,
    outbox: Arc<Outbox>,
    origins: Vec<(String, String)>,
    asks: Mutex<Asks>,
}

/// The requests of a call.
#[derive(Default)]
struct Asks {
    /// How many there were: the next one's number.
    asked: u64,
    /// Those under way.
    waits: HashMap<u64, oneshot::Sender<Result<Answer>>>,
}

impl Remote {
    pub(crate) fn new(call: u64, outbox: Arc<Outbox>, origins: Vec<(String, String)>) -> Self {
        Self { call, outbox, origins, asks: Mutex::default() }
    }

    /// Hands over the broker's answer.
    pub(crate) fn answer(&self, ask: u64, answer: Result<Answer>) {
        let waits = self.asks().waits.remove(&ask);
        // A guest that was stopped meanwhile, or gave the request up, waits no more.
        drop(waits.map(|waits| waits.send(answer)));
    }

    fn asks(&self) -> MutexGuard<'_, Asks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, report: &Report) {
        self.outbox.tell(report, Vec::new());
    }
}

/// A guest that drops a request waits for it no more: the broker gives it up, too.
struct GivenUp<'a> {
    remote: &'a Remote,
    ask: u64,
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let under_way = self.remote.asks().waits.remove(&self.ask).is_some();
        if under_way {
            self.remote.report(&Report::GiveUp { call: self.remote.call, ask: self.ask });
        }
    }
}

impl Outside for Remote {
    fn send(&self, asked: Asked) -> Waiting<'_, Result<Answer>> {
        Box::pin(async move {
            let (told, waits) = oneshot::channel();
            let Asked { method, url, headers, body } = asked;
            let (call, has_body) = (self.call, body.is_some());
            let ask = {
                // Told in the order of their numbers: nobody asks in between.
                let mut asks = self.asks();
                let ask = asks.asked;
                let report = Report::Send { call, ask, method, url, headers, body: has_body };
                if !self.outbox.tell(&report, body.unwrap_or_default()) {
                    return Err(GuestError::TooLarge);
                }
                asks.asked += 1;
                asks.waits.insert(ask, told);
                ask
            };
            let _given_up = GivenUp { remote: self, ask };
            waits.await.unwrap_or(Err(GuestError::Broken))
        })
    }

    fn origin(&self, service: &str) -> Result<String> {
        let found = self.origins.iter().find(|(name, _)| name == service);
        found.map(|(_, origin)| origin.clone()).ok_or(GuestError::Denied)
    }

    fn log(&self, line: LogLine) {
        self.report(&Report::Log { call: self.call, line });
    }

    fn progress(&self, progress: Progress) {
        self.report(&Report::Progress { call: self.call, progress });
    }
}
