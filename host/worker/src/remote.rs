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
use hotcell_protocol::limits;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
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
    /// For as many requests as the broker takes in hand: each has its place until the broker has answered, even if it was given up.
    places: Arc<Semaphore>,
}

/// The requests of a call.
#[derive(Default)]
struct Asks {
    /// How many there were: the next one's number.
    asked: u64,
    /// Those that the broker has in hand.
    waits: HashMap<u64, Waits>,
    /// The call is over.
    closed: bool,
}

/// Who waits for an answer, if somebody still does.
struct Waits {
    told: Option<oneshot::Sender<Result<Answer>>>,
    _place: OwnedSemaphorePermit,
}

impl Remote {
    pub(crate) fn new(call: u64, outbox: Arc<Outbox>, origins: Vec<(String, String)>) -> Self {
        let places = Arc::new(Semaphore::new(limits::REQUESTS_AT_ONCE_OF_A_CALL));
        Self { call, outbox, origins, asks: Mutex::default(), places }
    }

    /// Hands over the broker's answer.
    pub(crate) fn answer(&self, ask: u64, answer: Result<Answer>) {
        let told = self.asks().waits.remove(&ask).and_then(|waits| waits.told);
        // A guest that was stopped meanwhile, or gave the request up, waits no more.
        drop(told.map(|told| told.send(answer)));
    }

    /// The call is over: nothing more is said of its requests, which the broker lets go by itself.
    pub(crate) fn close(&self) {
        self.asks().closed = true;
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
        // Told before anybody can say that the call is over.
        let mut asks = self.remote.asks();
        let given_up = asks.waits.get_mut(&self.ask).is_some_and(|waits| waits.told.take().is_some());
        if given_up && !asks.closed {
            self.remote.report(&Report::GiveUp { call: self.remote.call, ask: self.ask });
        }
    }
}

impl Outside for Remote {
    fn send(&self, asked: Asked) -> Waiting<'_, Result<Answer>> {
        Box::pin(async move {
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| GuestError::Broken)?;
            let (told, waits) = oneshot::channel();
            let Asked { method, url, headers, body } = asked;
            let (call, has_body) = (self.call, body.is_some());
            let ask = {
                // Told in the order of their numbers: nobody asks in between.
                let mut asks = self.asks();
                if asks.closed {
                    return Err(GuestError::Broken);
                }
                let ask = asks.asked;
                let report = Report::Send { call, ask, method, url, headers, body: has_body };
                if !self.outbox.tell(&report, body.unwrap_or_default()) {
                    return Err(GuestError::TooLarge);
                }
                asks.asked += 1;
                asks.waits.insert(ask, Waits { told: Some(told), _place: place });
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
