//! What all handles of a store share: the file, its key, and what of it is in memory.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::TryLockError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cap_std::fs::Dir;

use crate::clock::Clock;
use crate::clock::millis;
use crate::content::Content;
use crate::crash;
use crate::envelope::StoreKey;
use crate::error::StoreError;
use crate::file;
use crate::file::Earlier;
use crate::file::Stamp;
use crate::issuer::Issuer;
use crate::key::Backend;
use crate::lifetime::Stage;
use crate::lock::lock;
use crate::meta::Condition;
use crate::meta::Metadata;
use crate::meta::State;
use crate::record::Record;
use crate::refresh::Flights;
use crate::retired::Retired;
use crate::snapshot::Draft;
use crate::snapshot::Snapshot;

/// How soon a change by another process is seen.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How old the last look may be while another thread is at it. After that its answer is waited for.
const LOOK_AT_LATEST: Duration = Duration::from_secs(2);
/// A refresh that was begun longer ago is not under way any more: whoever began it is gone.
const LONGEST_REFRESH: Duration = Duration::from_secs(60);
const GONE: StoreError = StoreError::Damaged("its file is gone");

pub(crate) struct Shared {
    pub(crate) dir: Dir,
    pub(crate) key: StoreKey,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) issuer: OnceLock<Arc<dyn Issuer>>,
    pub(crate) flights: Flights,
    pub(crate) retired: Retired,
    backend: Backend,
    /// Held for the exchange of a pointer, or for finding one record.
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held from reading or writing the file to publishing its snapshot: what is published never goes back in time.
    publishing: Mutex<()>,
    looked: AtomicU64,
}

impl Shared {
    pub(crate) fn new(dir: Dir, key: StoreKey, backend: Backend, snapshot: Snapshot, clock: Box<dyn Clock>) -> Self {
        Self {
            dir,
            key,
            looked: AtomicU64::new(millis(clock.boot())),
            clock,
            issuer: OnceLock::new(),
            flights: Flights::default(),
            retired: Retired::default(),
            backend,
            snapshot: RwLock::new(Arc::new(snapshot)),
            publishing: Mutex::default(),
        }
    }

    /// Changes the store under its lock, on top of what other processes wrote meanwhile. Durable when it returns.
    pub(crate) fn change<T, E: From<StoreError>>(
        &self,
        earlier: Earlier,
        edit: impl FnOnce(&mut Draft<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = lock(&self.dir)?;
        let _publishing = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let (content, stamp) = file::read(&self.dir)?.ok_or(GONE)?;
        let stored = self.read(&content, stamp)?;
        let mut draft = Draft { key: &self.key, stored, content, changed: false };
        let result = edit(&mut draft)?;
        let Draft { stored, content, changed, .. } = draft;
        if !changed {
            self.publish(stored);
            return Ok(result);
        }
        // Read before it is written: what could not be read again must not get in place of what can (threat M5).
        let mut next = self.read(&content, stamp)?;
        next.stamp = file::write(&self.dir, &content, earlier)?;
        crash::point("saved");
        self.publish(next);
        Ok(result)
    }

    /// Reads the store anew if another process changed it; looks at most every 200 ms. After a failure the next call looks
    /// again: what another process took out is not handed out because the file is damaged. The time on [`Clock::boot`].
    pub(crate) fn look(&self) -> Result<Duration, StoreError> {
        let boot = self.clock.boot();
        let now = millis(boot);
        let age = now.saturating_sub(self.looked.load(Ordering::Relaxed));
        if age < millis(LOOK_EVERY) {
            return Ok(boot);
        }
        let _publishing = match self.publishing.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Whoever is at it publishes what there is.
            Err(TryLockError::WouldBlock) if age < millis(LOOK_AT_LATEST) => return Ok(boot),
            Err(TryLockError::WouldBlock) => self.publishing.lock().unwrap_or_else(PoisonError::into_inner),
        };
        if file::stamp(&self.dir) != Some(self.snapshot().stamp) {
            let (content, stamp) = file::read(&self.dir)?.ok_or(GONE)?;
            self.publish(self.read(&content, stamp)?);
        }
        self.looked.store(now, Ordering::Relaxed);
        Ok(boot)
    }

    fn read(&self, content: &Content, stamp: Stamp) -> Result<Snapshot, StoreError> {
        Snapshot::read(&self.key, "key in use", content, stamp, Some(&self.snapshot()), &*self.clock)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.with_snapshot(Arc::clone)
    }

    /// Looks something up without a clone of the pointer: half the traffic between processors.
    pub(crate) fn with_snapshot<T>(&self, look_up: impl FnOnce(&Arc<Snapshot>) -> T) -> T {
        look_up(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, next: Snapshot) {
        self.retired.turn(&self.snapshot(), &next, &*self.clock);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }

    /// Whether a server can be asked for a new token.
    pub(crate) fn can_refresh(&self, record: &Record) -> bool {
        record.meta.refreshable && record.meta.state == State::Active && self.issuer.get().is_some()
    }

    pub(crate) fn metadata(&self, snapshot: &Snapshot, record: &Record) -> Metadata {
        let meta = &record.meta;
        let now = millis(self.clock.wall());
        let (state, reason) = match meta.state {
            State::ReauthRequired { reason, .. } => (Condition::SignInRequired, Some(reason)),
            _ => match &meta.intent {
                Some(intent) if now.abs_diff(intent.since) < millis(LONGEST_REFRESH) => (Condition::Refreshing, None),
                _ => (Condition::Active, None),
            },
        };
        Metadata {
            service: meta.service.clone(),
            account: meta.account.clone(),
            user: meta.user.clone(),
            is_default: snapshot.default_of(&meta.service) == meta.account,
            display_account: meta.display_account.clone(),
            bound: meta.bound.clone(),
            issuer: meta.issuer.clone(),
            state,
            reason,
            scopes: meta.scopes.clone(),
            issued_at: meta.issued / 1_000,
            expires_at: meta.expires.map(|expires| expires / 1_000),
            expired: record.stage(&*self.clock) == Stage::Expired,
            refreshable: meta.refreshable,
            refreshed_at: meta.refreshed.map(|refreshed| refreshed / 1_000),
            last_error: meta.failure.as_ref().map(|failure| failure.code),
            epoch: record.epoch,
            backend: self.backend.clone(),
        }
    }
}
