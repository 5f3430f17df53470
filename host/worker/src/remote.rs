//! The worker's side of a call: what the guest asks of the world is asked of the broker.

use std::sync::Arc;
use std::sync::Mutex;
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
    waits: Mutex<Option<oneshot::Sender<Result<Answer>>>>,
}

impl Remote {
    pub(crate) fn new(call: u64, outbox: Arc<Outbox>, origins: Vec<(String, String)>) -> Self {
        Self { call, outbox, origins, waits: Mutex::default() }
    }

    /// Hands over the broker's answer.
    pub(crate) fn answer(&self, answer: Result<Answer>) {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A guest that was stopped meanwhile waits no more.
        drop(waits.map(|waits| waits.send(answer)));
    }

    fn report(&self, report: &Report) {
        self.outbox.tell(report, Vec::new());
    }
}

impl Outside for Remote {
    fn send(&self, asked: Asked) -> Waiting<'_, Result<Answer>> {
        Box::pin(async move {
            let (told, waits) = oneshot::channel();
            *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
            let Asked { method, url, headers, body } = asked;
            let report = Report::Send { call: self.call, method, url, headers, body: body.is_some() };
            if !self.outbox.tell(&report, body.unwrap_or_default()) {
                return Err(GuestError::TooLarge);
            }
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
