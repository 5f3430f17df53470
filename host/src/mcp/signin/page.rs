//! One page that a person may open, and how far the one sign-in that it may start has come.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use rmcp::RoleServer;
use rmcp::service::Peer;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use url::Url;

use super::purpose::Purpose;
use crate::random;

/// Clients that are told of one page's end.
const TOLD: usize = 8;
/// Browsers that watch one page's code at one time.
const WATCHING: usize = 2;

/// A page that a person may open.
pub(super) struct Page {
    /// Its name for clients. Opens nothing.
    pub(super) id: String,
    /// What it is for.
    pub(super) purpose: Purpose,
    /// A place for each browser that shows its code.
    pub(super) watching: Arc<Semaphore>,
    /// The path that no one guesses.
    nonce: String,
    /// What only the page's own form knows.
    token: String,
    /// When it is over, unless its sign-in is under way.
    until: Mutex<Instant>,
    stage: watch::Sender<Stage>,
    told: Mutex<Vec<Peer<RoleServer>>>,
}

/// How far its sign-in has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing has been started.
    Open,
    /// It was started, and nothing is to be shown yet.
    Started,
    /// The browser goes on to the authorisation server.
    Elsewhere(Url),
    /// The person enters a code somewhere.
    Code(Code),
    /// It is over.
    Over(Outcome),
}

/// A device flow's code, as the page shows it (RFC 8628 §3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// The code.
    pub(super) code: String,
    /// Where it is entered.
    pub(super) address: Url,
    /// How long it is good.
    pub(super) good_for: Duration,
}

/// How a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Without a sign-in: too old, a no, or the server's end.
    Closed,
    /// With one that brought no token, and why.
    Failed(Refusal),
    /// With a token, without these scopes.
    SignedIn(BTreeSet<String>),
}

impl Page {
    pub(super) fn new(purpose: Purpose) -> Result<Self, Refusal> {
        Ok(Self {
            id: secret()?,
            purpose,
            watching: Arc::new(Semaphore::new(WATCHING)),
            nonce: secret()?,
            token: secret()?,
            until: Mutex::new(Instant::now() + limits::MCP_SIGN_IN),
            stage: watch::Sender::new(Stage::Open),
            told: Mutex::default(),
        })
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether this is the token of the page's form. Digests are compared: how long it takes says nothing of the token.
    pub(super) fn is_token(&self, text: &str) -> bool {
        Digest::of(text.as_bytes()) == Digest::of(self.token.as_bytes())
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.borrow().clone()
    }

    pub(super) fn is_open(&self) -> bool {
        *self.stage.borrow() == Stage::Open
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Over(_))
    }

    /// Whether this is the one time that it starts.
    pub(super) fn start(&self) -> bool {
        self.stage.send_if_modified(|stage| {
            let opens = *stage == Stage::Open;
            if opens {
                *stage = Stage::Started;
            }
            opens
        })
    }

    /// Its sign-in has something to show.
    pub(super) fn show(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let goes_on = *now == Stage::Started;
            if goes_on {
                *now = stage;
            }
            goes_on
        });
    }

    /// It is over; what became of it is shown for a while.
    pub(super) fn end(&self, outcome: Outcome) {
        *lock(&self.until) = Instant::now() + limits::MCP_SIGN_IN_RESULT;
        self.stage.send_if_modified(|stage| {
            let goes_on = !matches!(stage, Stage::Over(_));
            if goes_on {
                *stage = Stage::Over(outcome);
            }
            goes_on
        });
    }

    /// Waits until its sign-in has something to show, or is over.
    pub(super) async fn shown(&self) -> Stage {
        self.reaches(|stage| !matches!(stage, Stage::Open | Stage::Started)).await
    }

    /// Waits until it is over.
    pub(super) async fn ended(&self) -> Stage {
        self.reaches(|stage| matches!(stage, Stage::Over(_))).await
    }

    async fn reaches(&self, wanted: impl FnMut(&Stage) -> bool) -> Stage {
        let mut stage = self.stage.subscribe();
        // The sender lives as long as this does.
        stage.wait_for(wanted).await.map_or(Stage::Over(Outcome::Closed), |stage| stage.clone())
    }

    /// Tells this client too when it has ended.
    pub(super) fn tell(&self, peer: Peer<RoleServer>) {
        let mut told = lock(&self.told);
        if told.len() < TOLD {
            told.push(peer);
        }
    }

    /// The clients that are to be told.
    pub(super) fn to_tell(&self) -> Vec<Peer<RoleServer>> {
        std::mem::take(&mut lock(&self.told))
    }

    /// Whether its time is over. A sign-in that is under way has a limit of its own.
    pub(super) fn is_old(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Open | Stage::Over(_)) && Instant::now() >= *lock(&self.until)
    }

    #[cfg(test)]
    pub(super) fn age(&self) {
        *lock(&self.until) = Instant::now();
    }

    #[cfg(test)]
    pub(super) fn left(&self) -> Duration {
        lock(&self.until).saturating_duration_since(Instant::now())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 256 random bits, for an address.
fn secret() -> Result<String, Refusal> {
    Ok(URL_SAFE_NO_PAD.encode(*random::bytes::<32>()?))
}
