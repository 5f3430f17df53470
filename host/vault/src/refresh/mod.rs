//! Refreshing: when it is begun, who waits for it, and what they get.
//!
//! ```text
//!  get_token ─ past its soft end ─┐            one flight for a record in this process ── flights
//!              past its hard end ─┴► start ──► one refresh of a record on this machine ── lock
//!                                              └ read again, write the intent, ask, save, publish ── flight, steps
//! ```

mod backoff;
mod flight;
mod flights;
mod steps;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch::Receiver;

use crate::error::AuthError;
use crate::error::Reason;
use crate::error::required;
use crate::id::Id;
use crate::id::Who;
use crate::issuer::RefreshError;
use crate::lifetime::Stage;
use crate::record::Record;
use crate::store::AuthStore;
use crate::store::Glance;
use crate::token::Token;

pub(crate) use flight::revoke;
use flights::Boarded;
pub(crate) use flights::Flights;
use flights::Status;

/// A token that is to be replaced.
pub(crate) struct Due {
    who: Who,
    /// The epoch of the token: if it is another one when the lock is had, somebody else replaced it.
    token_epoch: u64,
    /// Whether it is replaced although it has not aged: its service does not take it.
    forced: bool,
}

impl Due {
    pub(crate) fn of(record: &Record) -> Self {
        Self { who: record.who(), token_epoch: record.meta.token_epoch, forced: false }
    }
}

/// Begins a refresh, or finds the one that is under way.
pub(crate) fn start(store: &AuthStore, due: Due) -> Result<Receiver<Status>, AuthError> {
    let runtime = Handle::try_current().map_err(|_| no_token(&due.who.service))?;
    match store.shared.flights.board(&due, store.shared.clock.boot())? {
        Boarded::Found(status) => Ok(status),
        Boarded::New(status, seat) => {
            drop(runtime.spawn(flight::fly(store.clone(), due, seat)));
            Ok(status)
        }
    }
}

/// The token after a refresh.
pub(crate) async fn renewed(
    store: &AuthStore,
    id: Id<'_>,
    scope: Option<&str>,
    due: Due,
) -> Result<Arc<Token>, AuthError> {
    let service = due.who.service.clone();
    let landed = landed(start(store, due)?, &service).await;
    // What is stored now decides: another process may have been luckier, or a person may have signed out.
    match store.glance(id, scope)? {
        Glance { stage: Stage::Expired, .. } => Err(landed.err().unwrap_or_else(|| no_token(&service))),
        Glance { token, .. } => Ok(token),
    }
}

/// Another token than the one that was refused.
pub(crate) async fn forced(store: &AuthStore, id: Id<'_>, used: &Arc<Token>) -> Result<Arc<Token>, AuthError> {
    let mut failed = None;
    // Twice: the refresh that is under way may be one that found nothing to do.
    for _ in 0..2 {
        let Glance { token, stage, .. } = store.glance(id, None)?;
        if token.access().expose() != used.access().expose() {
            return if stage == Stage::Expired { store.get_token(id, None).await } else { Ok(token) };
        }
        if let Some(failed) = failed {
            return Err(failed);
        }
        let due = store.shared.with_snapshot(|snapshot| {
            let record = snapshot.find(id).filter(|record| store.shared.can_refresh(record))?;
            Some(Due { forced: true, ..Due::of(record) })
        });
        let due = due.ok_or_else(|| required(id, None, Reason::Refused))?;
        failed = landed(start(store, due)?, id.service).await.err();
    }
    let token = store.get_token(id, None).await?;
    if token.access().expose() == used.access().expose() { Err(no_token(id.service)) } else { Ok(token) }
}

/// What became of a refresh. One whose new token cannot be saved is not waited for: it may take until the disk has room.
async fn landed(mut status: Receiver<Status>, service: &str) -> Result<(), AuthError> {
    match status.wait_for(|status| !matches!(status, Status::Flying)).await.as_deref() {
        Ok(Status::Landed(outcome)) => outcome.clone(),
        Ok(Status::Unsaved(error)) => Err(error.clone().into()),
        // Its task is gone, with the runtime or by a mistake of ours.
        Ok(Status::Flying) | Err(_) => Err(no_token(service)),
    }
}

fn no_token(service: &str) -> AuthError {
    AuthError::Refresh { service: service.to_owned(), kind: RefreshError::Transient { retry_after: None } }
}
