//! What a worker may say now. The broker takes it for hostile: a guest that escaped has its tongue. Whatever does not fit what
//! is under way breaks the connection, and the worker with it.

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use hotcell_protocol::Asked;
use hotcell_protocol::Cost;
use hotcell_protocol::LogLine;
use hotcell_protocol::Progress;
use hotcell_protocol::limits;
use tokio::sync::mpsc;

use crate::wire::End;
use crate::wire::Report;
use crate::wire::broken;

/// What happens to a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// The guest asks for a request.
    Asked(u64, Asked),
    /// It waits for this one no more.
    GaveUp(u64),
    Log(LogLine),
    Progress(Progress),
    /// It is over; the value is JSON, not read yet.
    Ended(End, Vec<u8>, Cost),
    /// The worker is gone, and why.
    Lost(String),
}

/// The calls of one worker.
#[derive(Default)]
pub(crate) struct Table {
    calls: HashMap<u64, Entry>,
    next: u64,
    lost: Option<String>,
}

struct Entry {
    events: mpsc::UnboundedSender<Event>,
    /// The requests that the broker has in hand, and whether the guest gave them up: no more than a guest may have. One that was
    /// given up counts until the broker has let it go, so that nobody fills its memory by asking and giving up.
    asking: Vec<(u64, bool)>,
    /// How many there were.
    asked: u64,
    /// How many of them were given up.
    given_up: u64,
    /// Since when nobody waits for it.
    abandoned: Option<Instant>,
    lines: usize,
    reports: usize,
}

impl Table {
    /// A new call, and where its events come; or why there can be none.
    pub(crate) fn open(&mut self) -> Result<(u64, mpsc::UnboundedReceiver<Event>), String> {
        if let Some(why) = &self.lost {
            return Err(why.clone());
        }
        let (events, received) = mpsc::unbounded_channel();
        let call = self.next;
        self.next += 1;
        self.calls.insert(
            call,
            Entry { events, asking: Vec::new(), asked: 0, given_up: 0, abandoned: None, lines: 0, reports: 0 },
        );
        Ok((call, received))
    }

    /// A request of this call was answered, or let go.
    pub(crate) fn answered(&mut self, call: u64, ask: u64) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.asking.retain(|(under_way, _)| *under_way != ask);
        }
    }

    /// Whether the worker is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Nobody waits for this call any more; whether it is not over.
    pub(crate) fn abandon(&mut self, call: u64) -> bool {
        self.calls.get_mut(&call).is_some_and(|entry| entry.abandoned.replace(Instant::now()).is_none())
    }

    /// Whether a call goes on that should have been stopped some ticks ago.
    pub(crate) fn has_stragglers(&self) -> bool {
        let late = |since: Instant| since.elapsed() > limits::EPOCH_TICK * 10;
        self.calls.values().any(|entry| entry.abandoned.is_some_and(late))
    }

    /// Whether the call is not over.
    pub(crate) fn is_open(&self, call: u64) -> bool {
        self.calls.contains_key(&call)
    }

    /// All calls end: the worker is gone.
    pub(crate) fn lose(&mut self, why: &str) {
        for (_, entry) in self.calls.drain() {
            drop(entry.events.send(Event::Lost(why.to_owned())));
        }
        self.lost = Some(why.to_owned());
    }

    /// Takes what the worker said.
    ///
    /// # Errors
    /// For what it may not say now.
    pub(crate) fn take(&mut self, report: Report, mut tail: Vec<u8>) -> io::Result<()> {
        let has_tail = matches!(report, Report::Ended { .. } | Report::Send { body: true, .. });
        if !tail.is_empty() && !has_tail {
            return Err(broken("bytes that mean nothing"));
        }
        match report {
            Report::Ready { .. } => Err(broken("it was ready before")),
            Report::Send { call, ask, method, url, mut headers, body } => {
                let entry = self.entry(call)?;
                if ask != entry.asked || entry.asking.len() >= limits::REQUESTS_AT_ONCE_OF_A_CALL {
                    return Err(broken("more requests of one guest at once than it may have"));
                }
                entry.asked += 1;
                entry.asking.push((ask, false));
                if tail.len() > limits::REQUEST_BODY_BYTES {
                    // Too long as it is: the gate will say so, and needs no more of it.
                    tail.truncate(limits::REQUEST_BODY_BYTES + 1);
                    tail.shrink_to_fit();
                }
                headers.truncate(limits::REQUEST_HEADERS + 1);
                headers.shrink_to_fit();
                let body = body.then_some(tail);
                entry.tell(Event::Asked(ask, Asked { method, url, headers, body }));
                Ok(())
            }
            Report::GiveUp { call, ask } => {
                let entry = self.entry(call)?;
                if ask >= entry.asked {
                    return Err(broken("no such request"));
                }
                entry.given_up += 1;
                if entry.given_up > entry.asked {
                    return Err(broken("more requests given up than there were"));
                }
                // Where it is not in hand, it was answered meanwhile: the two messages met on their way.
                let Some((_, given_up)) = entry.asking.iter_mut().find(|(under_way, _)| *under_way == ask) else {
                    return Ok(());
                };
                if std::mem::replace(given_up, true) {
                    return Err(broken("a request given up twice"));
                }
                entry.tell(Event::GaveUp(ask));
                Ok(())
            }
            Report::Log { call, line } => {
                let entry = self.entry(call)?;
                entry.lines += 1;
                if entry.lines > limits::LOG_LINES {
                    return Err(broken("more log than a call may write"));
                }
                entry.tell(Event::Log(LogLine::of(line.level, &line.text)));
                Ok(())
            }
            Report::Progress { call, progress } => {
                let entry = self.entry(call)?;
                entry.reports += 1;
                if entry.reports > limits::PROGRESS_REPORTS {
                    return Err(broken("more progress than a call can make"));
                }
                let Progress { done, total, note } = progress;
                entry.tell(Event::Progress(Progress::of(done, total, note.as_deref())));
                Ok(())
            }
            Report::Ended { call, end, cost } => {
                let entry = self.calls.remove(&call).ok_or_else(|| broken("no such call"))?;
                entry.tell(Event::Ended(end, tail, cost));
                Ok(())
            }
        }
    }

    fn entry(&mut self, call: u64) -> io::Result<&mut Entry> {
        self.calls.get_mut(&call).ok_or_else(|| broken("no such call"))
    }
}

impl Entry {
    /// A call that nobody waits for any more hears nothing.
    fn tell(&self, event: Event) {
        drop(self.events.send(event));
    }
}
