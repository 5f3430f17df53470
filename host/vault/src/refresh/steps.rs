//! The steps of a refresh that read or write the store. Each is a compare-and-swap: what is not as the step before left it
//! belongs to somebody else, and stays (threat M5).

use std::sync::Arc;
use std::time::Duration;

use super::Due;
use super::backoff::LONGEST_ASKED;
use super::backoff::pause;
use crate::clock::Clock;
use crate::clock::millis;
use crate::crash;
use crate::envelope::random;
use crate::error::AuthError;
use crate::error::Reason;
use crate::error::required;
use crate::file::Earlier;
use crate::id::Who;
use crate::issuer::RefreshError;
use crate::lifetime::Stage;
use crate::meta::Failure;
use crate::meta::Intent;
use crate::meta::Meta;
use crate::meta::State;
use crate::record::Record;
use crate::record::Secrets;
use crate::store::AuthStore;
use crate::token::NewToken;
use crate::token::Token;

/// A refresh that is written down: nobody else begins one while its lock is held.
pub(super) struct Ticket {
    who: Who,
    epoch: u64,
    meta: Meta,
    token: Arc<Token>,
}

/// What came back, as it will be stored.
pub(super) struct Reply {
    meta: Meta,
    token: Arc<Token>,
}

/// Where a new token ended.
pub(super) enum Saved {
    /// Somebody put another token in meanwhile.
    Replaced,
    /// Somebody signed out meanwhile.
    SignedOut,
    Yes,
}

impl Ticket {
    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    pub(super) fn token(&self) -> &Arc<Token> {
        &self.token
    }

    /// The reply as it will be stored. Its life begins now, not when it could be saved.
    pub(super) fn reply(&self, sent: &Token, new: &NewToken, clock: &dyn Clock) -> Reply {
        Reply { meta: self.meta.renewed(new, clock), token: Arc::new(sent.renewed(new)) }
    }

    fn is_of(&self, record: &Record) -> bool {
        record.epoch == self.epoch && record.meta.intent == self.meta.intent
    }
}

impl Reply {
    pub(super) fn token(&self) -> Arc<Token> {
        Arc::clone(&self.token)
    }
}

/// Writes down that a token is about to be refreshed; `None` if there is nothing to do any more.
pub(super) fn begin(store: &AuthStore, due: &Due) -> Result<Option<Ticket>, AuthError> {
    let shared = &*store.shared;
    let now = millis(shared.clock.wall());
    let intent: [u8; 8] = random()?;
    shared.change(Earlier::Keep, |draft| {
        crash::point("read-again");
        let Some(record) = draft.stored.find(&due.who).filter(|record| record.meta.state == State::Active) else {
            return Ok(None);
        };
        let is_due = match due.forced {
            true => record.meta.token_epoch == due.token_epoch,
            false => record.stage(&*shared.clock) != Stage::Fresh,
        };
        if !is_due {
            return Ok(None);
        }
        if let Some(left) = record.meta.failure.as_ref().and_then(|failure| left_to_wait(failure, now)) {
            return Err(transient(&due.who, left));
        }
        let token = record.token(&shared.key)?;
        let meta = Meta {
            uncertain: record.meta.uncertain || record.meta.intent.is_some(),
            intent: Some(Intent { id: format!("{:016x}", u64::from_be_bytes(intent)), since: now }),
            ..record.meta.clone()
        };
        let epoch = draft.put(meta.clone(), Secrets::Keep)?;
        Ok(Some(Ticket { who: due.who.clone(), epoch, meta, token }))
    })
}

/// Whether the record is still as [`begin`] left it.
pub(super) fn is_current(store: &AuthStore, ticket: &Ticket) -> Result<bool, AuthError> {
    store
        .shared
        .change(Earlier::Keep, |draft| Ok(draft.stored.find(&ticket.who).is_some_and(|record| ticket.is_of(record))))
}

/// Stores what came back, unless somebody was quicker.
pub(super) fn save(store: &AuthStore, ticket: &Ticket, reply: &Reply) -> Result<Saved, AuthError> {
    store.shared.change(Earlier::Keep, |draft| {
        let Some(record) = draft.stored.find(&ticket.who) else { return Ok(Saved::SignedOut) };
        if ticket.is_of(record) {
            draft.put(reply.meta.clone(), Secrets::Replace(reply.token.write()))?;
            return Ok(Saved::Yes);
        }
        if !record.holds_token() {
            return Ok(Saved::SignedOut);
        }
        let stored = record.token(draft.key)?;
        if stored.access().expose() != reply.token.access().expose() {
            return Ok(Saved::Replaced);
        }
        // Written by an attempt that failed only after that: once more, so that it is durable.
        let meta = record.meta.clone();
        draft.put(meta, Secrets::Keep)?;
        Ok(Saved::Yes)
    })
}

/// Writes down why there is no new token, and no more than that: the token stays as it is. What is to be said of it; `None`
/// if somebody changed the record meanwhile, and it is theirs to say.
pub(super) fn fail(store: &AuthStore, ticket: &Ticket, error: RefreshError) -> Result<Option<AuthError>, AuthError> {
    let now = millis(store.shared.clock.wall());
    let count = ticket.meta.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
    let mut meta = Meta { intent: None, ..ticket.meta.clone() };
    let mut retry_at = now;
    let said = match error {
        RefreshError::Rejected => {
            let reason = if meta.uncertain { Reason::Interrupted } else { Reason::Rejected };
            meta.state = State::ReauthRequired { reason, at: now };
            required((&ticket.who).into(), None, reason)
        }
        RefreshError::Transient { retry_after } => {
            // No answer may mean that the answer was lost.
            meta.uncertain = true;
            let pause = pause(count, retry_after);
            retry_at = now.saturating_add(millis(pause));
            transient(&ticket.who, pause)
        }
        RefreshError::Config => AuthError::Refresh { service: ticket.who.service.clone(), kind: error },
    };
    meta.failure = Some(Failure { code: error.into(), count, retry_at });
    let written = store.shared.change(Earlier::Keep, |draft| {
        if !draft.stored.find(&ticket.who).is_some_and(|record| ticket.is_of(record)) {
            return Ok(false);
        }
        draft.put(meta, Secrets::Keep)?;
        Ok::<_, AuthError>(true)
    });
    // What cannot be written down is said all the same.
    Ok((written != Ok(false)).then_some(said))
}

/// How long nobody asks. A time further away than any pause was written before the wall clock was set back.
fn left_to_wait(failure: &Failure, now: u64) -> Option<Duration> {
    let left = Duration::from_millis(failure.retry_at.saturating_sub(now));
    (!left.is_zero() && left <= LONGEST_ASKED).then_some(left)
}

fn transient(who: &Who, pause: Duration) -> AuthError {
    let kind = RefreshError::Transient { retry_after: Some(pause) };
    AuthError::Refresh { service: who.service.clone(), kind }
}
