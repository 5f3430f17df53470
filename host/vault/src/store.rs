//! `AuthStore`: the tokens of a user.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::TryLockError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cap_std::fs::Dir;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::content::Content;
use crate::envelope::StoreKey;
use crate::error::AuthError;
use crate::error::Reason;
use crate::error::StoreError;
use crate::file;
use crate::file::Earlier;
use crate::file::Stamp;
use crate::key::Backend;
use crate::key::Key;
use crate::lock::lock;
use crate::name::check_name;
use crate::name::check_scope;
use crate::record::DEFAULT_ACCOUNT;
use crate::record::Meta;
use crate::record::Metadata;
use crate::record::NewToken;
use crate::record::Token;
use crate::record::millis;
use crate::record::write_secrets;
use crate::snapshot::Record;
use crate::snapshot::Snapshot;
use crate::snapshot::seal_record;

/// How soon a change by another process is seen.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How old the last look may be while another thread is at it. After that its answer is waited for.
const LOOK_AT_LATEST: Duration = Duration::from_secs(2);
const GONE: StoreError = StoreError::Damaged("its file is gone");

/// The tokens of a user: a handle to one store, cheap to clone.
///
/// [`AuthStore::get_token`] and what only reads answer from memory. Every 200 ms one of these calls looks whether another
/// process changed the file (one `stat`), and reads it anew if so; the others do not wait for it. [`AuthStore::open`],
/// [`AuthStore::set_token`] and [`AuthStore::clear_token`] wait for the disk, for other processes, and `open` for the
/// keychain: asynchronous callers run them where blocking is allowed.
#[derive(Clone)]
pub struct AuthStore {
    shared: Arc<Shared>,
}

struct Shared {
    dir: Dir,
    key: StoreKey,
    backend: Backend,
    clock: Box<dyn Clock>,
    /// Held for the exchange of a pointer only.
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held from reading or writing the file to publishing its snapshot: what is published never goes back in time.
    publishing: Mutex<()>,
    looked: AtomicU64,
}

impl AuthStore {
    /// How the key of the store in this folder is had; `None` if there is no store yet.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read, is damaged, or is of a newer format.
    pub fn recorded(dir: &Dir) -> Result<Option<Backend>, StoreError> {
        Ok(file::read(dir)?.map(|(content, _)| content.backend))
    }

    /// Opens the store in a folder, or makes one whose key is had as `key` says. The folder must be open to its owner alone.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] or [`StoreError::OtherBackend`] if the store was made with another key: never a new store in
    /// its place, never a weaker one. Others for what cannot be read.
    pub fn open(dir: Dir, key: &Key) -> Result<Self, StoreError> {
        Self::open_with_clock(dir, key, Box::new(SystemClock::new()))
    }

    /// As [`AuthStore::open`], with a clock of the caller's: for tests.
    ///
    /// # Errors
    /// As [`AuthStore::open`].
    pub fn open_with_clock(dir: Dir, key: &Key, clock: Box<dyn Clock>) -> Result<Self, StoreError> {
        file::check_folder(&dir)?;
        // Reading needs no lock, the file is replaced in one step: nobody waits for somebody else's keychain.
        let (store_key, content, stamp) = match file::read(&dir)? {
            Some((content, stamp)) => (key.fetch(&content.backend)?, content, stamp),
            None => make(&dir, key)?,
        };
        let snapshot = Snapshot::read(&store_key, key.name(), &content, stamp, None, &*clock)?;
        let shared = Shared {
            dir,
            key: store_key,
            backend: content.backend,
            looked: AtomicU64::new(millis(clock.boot())),
            clock,
            snapshot: RwLock::new(Arc::new(snapshot)),
            publishing: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Puts a token in, in place of an earlier one. Durable when it returns.
    ///
    /// # Errors
    /// [`AuthError::Name`] for an odd name; [`AuthError::Store`] if it cannot be written, and then the earlier token stays.
    pub fn set_token(&self, service: &str, token: &NewToken) -> Result<(), AuthError> {
        check_name("service", service)?;
        token.scopes.iter().try_for_each(|scope| check_scope(scope))?;
        let meta = Meta::new(service, DEFAULT_ACCOUNT, token, &*self.shared.clock);
        let secrets = write_secrets(token);
        self.shared.change(service, Earlier::Keep, |_| Ok((meta, Some(secrets))))
    }

    /// Takes a service's token out, from the file, its backup and this memory. A tombstone stays, so that a writer who was
    /// late sees it. Other processes see it within 200 ms of their next call.
    ///
    /// # Errors
    /// [`AuthError::AuthenticationRequired`] if nobody is signed in; [`AuthError::Store`] if it cannot be written.
    pub fn clear_token(&self, service: &str) -> Result<(), AuthError> {
        check_name("service", service)?;
        let tombstone = Meta::tombstone(service, DEFAULT_ACCOUNT, &*self.shared.clock);
        self.shared.change(service, Earlier::Forget, |record| {
            if record.is_some_and(Record::is_active) {
                Ok((tombstone, None))
            } else {
                Err(required(service, None, Reason::NotSignedIn))
            }
        })
    }

    /// The token of a service, if it has this scope and has not expired: five seconds before its end it counts as expired.
    ///
    /// # Errors
    /// [`AuthError::AuthenticationRequired`] or [`AuthError::InsufficientScope`], which say what to run.
    pub fn get_token(&self, service: &str, scope: Option<&str>) -> Result<Arc<Token>, AuthError> {
        let shared = &*self.shared;
        shared.look()?;
        // The guard instead of a clone of the pointer: half the traffic between processors.
        let snapshot = shared.snapshot.read().unwrap_or_else(PoisonError::into_inner);
        let Some(record) = snapshot.find(service, DEFAULT_ACCOUNT) else {
            check_name("service", service)?;
            return Err(required(service, scope, Reason::NotSignedIn));
        };
        if !record.is_active() {
            return Err(required(service, scope, Reason::SignedOut));
        }
        if let Some(scope) = scope
            && !record.meta.scopes.contains(scope)
        {
            check_scope(scope)?;
            let held = record.meta.scopes.iter().cloned().collect();
            return Err(AuthError::InsufficientScope { service: service.to_owned(), missing: scope.to_owned(), held });
        }
        if record.is_expired(&*shared.clock) {
            return Err(required(service, scope, Reason::Expired));
        }
        Ok(record.token(&shared.key)?)
    }

    /// Whether there is a token that has not expired. False, too, where the store cannot be read any more.
    #[must_use]
    pub fn is_authenticated(&self, service: &str) -> bool {
        self.cached_metadata(service).is_some_and(|metadata| !metadata.expired)
    }

    /// Everything about a service's token but its secrets, which are not decrypted for it. `None` where nobody is signed in.
    #[must_use]
    pub fn cached_metadata(&self, service: &str) -> Option<Metadata> {
        self.shared.look().ok()?;
        let snapshot = self.shared.snapshot();
        let record = snapshot.find(service, DEFAULT_ACCOUNT).filter(|record| record.is_active())?;
        Some(self.shared.metadata(record))
    }

    /// Everything about all tokens but their secrets.
    ///
    /// # Errors
    /// [`StoreError`] if another process changed the store and it cannot be read any more.
    pub fn metadata(&self) -> Result<Vec<Metadata>, StoreError> {
        self.shared.look()?;
        Ok(self.shared.snapshot().active().map(|record| self.shared.metadata(record)).collect())
    }

    /// All tokens of the store, expired ones too: what may not come back in a response (threat E11). While the store is
    /// unchanged, each call gives the same `Arc`s.
    ///
    /// # Errors
    /// [`StoreError`] if a record does not open: what cannot be scanned for must not be let through.
    pub fn live_tokens(&self) -> Result<Vec<Arc<Token>>, StoreError> {
        self.shared.look()?;
        self.shared.snapshot().active().map(|record| record.token(&self.shared.key)).collect()
    }
}

/// Makes the store, unless another process was quicker.
fn make(dir: &Dir, key: &Key) -> Result<(StoreKey, Content, Stamp), StoreError> {
    let _lock = lock(dir)?;
    if let Some((content, stamp)) = file::read(dir)? {
        return Ok((key.fetch(&content.backend)?, content, stamp));
    }
    let (store_key, backend) = key.make()?;
    let content = Content::empty(&store_key, backend)?;
    let stamp = file::write(dir, &content, Earlier::Keep)?;
    Ok((store_key, content, stamp))
}

impl Shared {
    /// Writes one record under the lock, on top of what other processes wrote meanwhile. `decide` sees what is stored now.
    fn change(
        &self,
        service: &str,
        earlier: Earlier,
        decide: impl FnOnce(Option<&Record>) -> Result<(Meta, Option<Zeroizing<Vec<u8>>>), AuthError>,
    ) -> Result<(), AuthError> {
        let _lock = lock(&self.dir)?;
        let _publishing = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut content, stamp) = file::read(&self.dir)?.ok_or(GONE)?;
        let stored = self.read(&content, stamp)?;
        let record = stored.find(service, DEFAULT_ACCOUNT);
        let (meta, secrets) = decide(record)?;
        let epoch = record.map_or(0, |record| record.epoch).saturating_add(1);
        let sealed = seal_record(&self.key, epoch, &meta, secrets.as_ref().map(|secrets| secrets.as_slice()))?;
        content.put(&self.key, sealed)?;
        // Read before it is written: what could not be read again must not get in place of what can (threat M5).
        let mut next = self.read(&content, stamp)?;
        next.stamp = file::write(&self.dir, &content, earlier)?;
        self.publish(next);
        Ok(())
    }

    /// Reads the store anew if another process changed it; looks at most every 200 ms. After a failure the next call looks
    /// again: what another process took out is not handed out because the file is damaged.
    fn look(&self) -> Result<(), StoreError> {
        let now = millis(self.clock.boot());
        let age = now.saturating_sub(self.looked.load(Ordering::Relaxed));
        if age < millis(LOOK_EVERY) {
            return Ok(());
        }
        let _publishing = match self.publishing.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Whoever is at it publishes what there is.
            Err(TryLockError::WouldBlock) if age < millis(LOOK_AT_LATEST) => return Ok(()),
            Err(TryLockError::WouldBlock) => self.publishing.lock().unwrap_or_else(PoisonError::into_inner),
        };
        if file::stamp(&self.dir) != Some(self.snapshot().stamp) {
            let (content, stamp) = file::read(&self.dir)?.ok_or(GONE)?;
            self.publish(self.read(&content, stamp)?);
        }
        self.looked.store(now, Ordering::Relaxed);
        Ok(())
    }

    fn read(&self, content: &Content, stamp: Stamp) -> Result<Snapshot, StoreError> {
        Snapshot::read(&self.key, "key in use", content, stamp, Some(&self.snapshot()), &*self.clock)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    fn metadata(&self, record: &Record) -> Metadata {
        Metadata {
            service: record.meta.service.clone(),
            account: record.meta.account.clone(),
            scopes: record.meta.scopes.clone(),
            issued_at: record.meta.issued_at,
            expires_at: record.meta.expires_at,
            expired: record.is_expired(&*self.clock),
            refreshable: record.meta.refreshable,
            epoch: record.epoch,
            backend: self.backend.clone(),
        }
    }
}

fn required(service: &str, scope: Option<&str>, reason: Reason) -> AuthError {
    AuthError::AuthenticationRequired { service: service.to_owned(), scope: scope.map(str::to_owned), reason }
}
