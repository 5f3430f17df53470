//! One refresh, top to bottom. It runs in a task of its own: nobody who waits for it can stop it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio::time::timeout;

use super::Due;
use super::flights::Seat;
use super::no_token;
use super::steps;
use super::steps::Saved;
use super::steps::Ticket;
use crate::crash;
use crate::error::AuthError;
use crate::error::StoreError;
use crate::id::Who;
use crate::issuer::RefreshError;
use crate::lifetime::Stage;
use crate::lock::RefreshLock;
use crate::record;
use crate::store::AuthStore;
use crate::token::NewToken;
use crate::token::Token;

/// How long a request may take: two of them take less than others wait for the lock.
const REQUEST: Duration = Duration::from_secs(20);
/// How long a revocation may take: somebody waits to be signed out.
const REVOCATION: Duration = Duration::from_secs(5);
/// How soon a new token is tried to be saved again, at first and at last.
const SAVE_AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(30)];
/// How soon a server is asked again whose token was over before anybody could use it (threat L18).
const STILLBORN: Duration = Duration::from_secs(5);

pub(super) async fn fly(store: AuthStore, due: Due, seat: Seat) {
    let outcome = refresh(&store, due, &seat).await;
    seat.land(outcome, store.shared.clock.boot());
}

async fn refresh(store: &AuthStore, due: Due, seat: &Seat) -> Result<(), AuthError> {
    let service = due.who.service.clone();
    crash::point("before-lock");
    // Held to the end: until the new token is saved, no other process sends the old one.
    let _lock = lock(store, &due).await?;
    crash::point("lock-held");
    let Some(ticket) = blocking(store, &service, move |store| steps::begin(store, &due)).await? else { return Ok(()) };
    crash::point("intent-written");
    let ticket = Arc::new(ticket);
    let (sent, reply) = exchange(store, &ticket).await?;
    let new = match reply {
        Ok(new) => new,
        Err(error) => {
            let failed = blocking(store, &service, move |store| steps::fail(store, &ticket, error)).await?;
            return failed.map_or(Ok(()), Err);
        }
    };
    crash::point("reply-in-hand");
    save(store, Arc::clone(&ticket), &sent, &new, seat).await?;
    if is_over(store, ticket.who()) {
        return Err(AuthError::Refresh { service, kind: RefreshError::Transient { retry_after: Some(STILLBORN) } });
    }
    Ok(())
}

fn is_over(store: &AuthStore, who: &Who) -> bool {
    store.shared.with_snapshot(|snapshot| {
        let record = snapshot.find(who).filter(|record| record.holds_token());
        record.is_some_and(|record| record.stage(&*store.shared.clock) == Stage::Expired)
    })
}

async fn lock(store: &AuthStore, due: &Due) -> Result<RefreshLock, AuthError> {
    let tag = record::id(&store.shared.key, &due.who.service, &due.who.account)?;
    let lock = RefreshLock::open(&store.shared.dir, &tag)?;
    // Tried again and again instead of waited for: a thread that waits would outlive the runtime.
    while !lock.take()? {
        sleep(lock.pause()?).await;
    }
    Ok(lock)
}

/// Asks the server, with the refresh token before the last if it does not take the last: what was sent, and the reply.
async fn exchange(
    store: &AuthStore,
    ticket: &Arc<Ticket>,
) -> Result<(Arc<Token>, Result<NewToken, RefreshError>), AuthError> {
    let service = &ticket.who().service;
    let token = Arc::clone(ticket.token());
    let reply = ask(store, service, &token).await;
    if !matches!(reply, Err(RefreshError::Rejected)) {
        return Ok((token, reply));
    }
    let Some(previous) = token.with_previous() else { return Ok((token, reply)) };
    let read_again = Arc::clone(ticket);
    if !blocking(store, service, move |store| steps::is_current(store, &read_again)).await? {
        return Ok((token, reply));
    }
    let previous = Arc::new(previous);
    let reply = ask(store, service, &previous).await;
    Ok((previous, reply))
}

async fn ask(store: &AuthStore, service: &str, token: &Arc<Token>) -> Result<NewToken, RefreshError> {
    let failed = RefreshError::Transient { retry_after: None };
    let issuer = Arc::clone(store.shared.issuer.get().ok_or(RefreshError::Config)?);
    let (service, token) = (service.to_owned(), Arc::clone(token));
    crash::point("request-ready");
    // A task of its own: a panic in it is an answer that did not arrive, and nothing more.
    let asked = tokio::spawn(async move { timeout(REQUEST, issuer.refresh(service, token)).await });
    asked.await.map_err(|_| failed)?.map_err(|_| failed)?
}

/// Makes the new token durable, however long it takes: the old one may be used up already.
async fn save(
    store: &AuthStore,
    ticket: Arc<Ticket>,
    sent: &Token,
    new: &NewToken,
    seat: &Seat,
) -> Result<(), AuthError> {
    let service = ticket.who().service.clone();
    let reply = Arc::new(ticket.reply(sent, new, &*store.shared.clock));
    let [mut pause, longest] = SAVE_AGAIN;
    loop {
        let (ticket, reply_) = (Arc::clone(&ticket), Arc::clone(&reply));
        let saved = blocking(store, &service, move |store| steps::save(store, &ticket, &reply_)).await;
        match saved {
            Ok(Saved::Yes) => break,
            // Replaced by a person who signed in anew: not revoked, since servers may end the new sign-in along with it.
            Ok(Saved::Replaced) => break,
            Ok(Saved::SignedOut) => {
                // Nobody is to have what came too late (threat M6).
                revoke(store, service, reply.token()).await;
                break;
            }
            Err(error) => seat.unsaved(match error {
                AuthError::Store(error) => error,
                _ => StoreError::Io("file cannot be written", std::io::ErrorKind::Other),
            }),
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(longest);
    }
    crash::point("published");
    Ok(())
}

/// Tells the server that a token is not used any more. Whether it took it.
pub(crate) async fn revoke(store: &AuthStore, service: String, token: Arc<Token>) -> bool {
    let Some(issuer) = store.shared.issuer.get().map(Arc::clone) else { return false };
    let asked = tokio::spawn(async move { timeout(REVOCATION, issuer.revoke(service, token)).await });
    matches!(asked.await, Ok(Ok(true)))
}

/// Runs what waits for the disk where waiting is allowed.
async fn blocking<T: Send + 'static>(
    store: &AuthStore,
    service: &str,
    step: impl FnOnce(&AuthStore) -> Result<T, AuthError> + Send + 'static,
) -> Result<T, AuthError> {
    let store = store.clone();
    spawn_blocking(move || step(&store)).await.map_err(|_| no_token(service))?
}
