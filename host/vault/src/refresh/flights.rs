//! The refreshes of this process: one at a time for a record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;
use tokio::sync::watch::Receiver;
use tokio::sync::watch::Sender;

use super::Due;
use crate::error::AuthError;
use crate::error::StoreError;
use crate::id::Who;
use crate::issuer::RefreshError;

/// How often a refresh may be forced. A server that answers 401 to every token, or a tool that provokes it, would otherwise
/// rotate the sign-in to death (threat J8).
const FORCED_EVERY: Duration = Duration::from_secs(60);
/// How long a failure that a person must repair is answered from memory.
const REST_AFTER_CONFIG: Duration = Duration::from_secs(60);
/// How long any other is: the disk is not hammered either.
const REST: Duration = Duration::from_secs(1);

/// How far a refresh is.
#[derive(Clone)]
pub(crate) enum Status {
    Flying,
    /// There is a new token, and no place for it: the disk is full, say. It is kept, and tried again (threat M4).
    Unsaved(StoreError),
    Landed(Result<(), AuthError>),
}

/// The refreshes of this process.
#[derive(Default, Clone)]
pub(crate) struct Flights(Arc<Mutex<BTreeMap<Who, Slot>>>);

#[derive(Default)]
struct Slot {
    running: Option<Receiver<Status>>,
    /// Until when nothing is sent, and what is said meanwhile.
    rest: Option<(Duration, AuthError)>,
    /// When one was last forced.
    forced: Option<Duration>,
}

pub(super) enum Boarded {
    Found(Receiver<Status>),
    New(Receiver<Status>, Seat),
}

impl Flights {
    /// The refresh that is under way, or the seat of the one who begins it.
    pub(super) fn board(&self, due: &Due, now: Duration) -> Result<Boarded, AuthError> {
        let mut slots = self.lock();
        let slot = slots.entry(due.who.clone()).or_default();
        if let Some(running) = &slot.running {
            return Ok(Boarded::Found(running.clone()));
        }
        if let Some((until, error)) = slot.rest.as_ref().filter(|(until, _)| *until > now) {
            return Err(with_time(error, until.saturating_sub(now)));
        }
        if due.forced {
            if let Some(again) = slot.forced.map(|at| at.saturating_add(FORCED_EVERY)).filter(|again| *again > now) {
                let kind = RefreshError::Transient { retry_after: Some(again.saturating_sub(now)) };
                return Err(AuthError::Refresh { service: due.who.service.clone(), kind });
            }
            slot.forced = Some(now);
        }
        let (status, running) = watch::channel(Status::Flying);
        slot.running = Some(running.clone());
        Ok(Boarded::New(running, Seat { flights: self.clone(), who: due.who.clone(), status }))
    }

    /// Waits until none is under way.
    pub(crate) async fn finish(&self) {
        loop {
            let running = self.lock().values().find_map(|slot| slot.running.clone());
            let Some(mut running) = running else { return };
            // An error: it ended without a word.
            drop(running.wait_for(|status| matches!(status, Status::Landed(_))).await);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Who, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of the one who refreshes. Dropped without a word, it frees the place.
pub(super) struct Seat {
    flights: Flights,
    who: Who,
    status: Sender<Status>,
}

impl Seat {
    /// Says that there is a new token which cannot be saved.
    pub(super) fn unsaved(&self, error: StoreError) {
        self.status.send_replace(Status::Unsaved(error));
    }

    /// Says what became of it.
    pub(super) fn land(self, outcome: Result<(), AuthError>, now: Duration) {
        let rest = outcome.as_ref().err().map(|error| (now.saturating_add(rest_after(error)), error.clone()));
        if let Some(slot) = self.flights.lock().get_mut(&self.who) {
            slot.rest = rest;
        }
        let status = self.status.clone();
        // The place is free before anybody hears of it: whoever hears can begin the next one.
        drop(self);
        status.send_replace(Status::Landed(outcome));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(slot) = self.flights.lock().get_mut(&self.who) {
            slot.running = None;
        }
    }
}

fn rest_after(error: &AuthError) -> Duration {
    match error {
        AuthError::Refresh { kind: RefreshError::Transient { retry_after: Some(time) }, .. } => *time,
        AuthError::Refresh { kind: RefreshError::Config, .. } => REST_AFTER_CONFIG,
        _ => REST,
    }
}

fn with_time(error: &AuthError, left: Duration) -> AuthError {
    match error {
        AuthError::Refresh { service, kind: RefreshError::Transient { .. } } => {
            let kind = RefreshError::Transient { retry_after: Some(left) };
            AuthError::Refresh { service: service.clone(), kind }
        }
        error => error.clone(),
    }
}
