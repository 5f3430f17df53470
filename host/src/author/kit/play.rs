//! A case on its stage: answers its requests, and keeps what the tool asked and got.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use hotcell_gate::Play;
use hotcell_gate::Played;
use hotcell_gate::Sent;
use hotcell_gate::Watcher;
use hotcell_gate::unanswered;
use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::LogLine;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;

use super::case::Case;
use super::case::Expected;
use super::case::Order;

/// The replies of a case, each given once.
pub(crate) struct Replies {
    order: Order,
    left: Mutex<Vec<Expected>>,
}

impl Replies {
    /// Those of this case.
    pub(crate) fn of(case: &Case) -> Self {
        // What only the gate answers is none of a server's.
        let left = case.requests.iter().filter(|request| request.then.reply.is_some()).cloned().collect();
        Self { order: case.order, left: Mutex::new(left) }
    }
}

impl Play for Replies {
    fn play(&self, sent: Sent<'_>) -> Result<Played, Refusal> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let is = |expected: &Expected| expected.is(sent.method, sent.url);
        let at = match self.order {
            Order::Any => left.iter().position(is),
            Order::Exact => left.first().filter(|next| is(next)).map(|_| 0),
        };
        match (at, left.first(), self.order) {
            (Some(at), ..) => left.remove(at).then.reply.ok_or_else(|| Refusal::internal("a reply is none")),
            (None, None, _) => Err(unanswered(sent, "the case has no further reply")),
            (None, Some(next), Order::Exact) => {
                Err(unanswered(sent, &format!("the case's next one is {}", next.shown())))
            }
            (None, Some(_), Order::Any) => Err(unanswered(sent, "the case has no such request")),
        }
    }
}

/// A request as the tool wrote it, and what it got.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) asked: Asked,
    pub(crate) came: Result<Answer, Refusal>,
}

/// Keeps what a call asks, gets and logs.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Seen>);

/// What was kept.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) log: Vec<LogLine>,
}

impl Kept {
    /// What was kept until now.
    pub(crate) fn take(self: &Arc<Self>) -> Seen {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watcher for Kept {
    fn log(&self, line: &LogLine) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.log.len() < limits::LOG_LINES {
            seen.log.push(line.clone());
        }
    }

    fn progress(&self, _: &Progress) {}

    fn keeps_exchanges(&self) -> bool {
        true
    }

    fn exchanged(&self, asked: &Asked, came: Result<&Answer, &Refusal>) {
        let exchange = Exchange { asked: asked.clone(), came: came.cloned().map_err(Clone::clone) };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A call has that many requests, and is told so by the gate; here it is memory.
        if seen.exchanges.len() < limits::REQUESTS as usize {
            seen.exchanges.push(exchange);
        }
    }
}
