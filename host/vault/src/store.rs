//! `AuthStore`: the tokens of a user.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cap_std::fs::Dir;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::envelope::Kind;
use crate::envelope::Place;
use crate::envelope::StoreKey;
use crate::envelope::open;
use crate::envelope::record_id;
use crate::envelope::seal;
use crate::error::AuthError;
use crate::error::Reason;
use crate::error::StoreError;
use crate::file;
use crate::file::Content;
use crate::file::Stamp;
use crate::file::Stored;
use crate::key::Backend;
use crate::key::Key;
use crate::name::check_name;
use crate::name::check_scope;
use crate::record::DEFAULT_ACCOUNT;
use crate::record::Meta;
use crate::record::Metadata;
use crate::record::NewToken;
use crate::record::Plain;
use crate::record::Token;

/// A token this close to its end is not sent any more: it would expire on the way.
const MARGIN_SECONDS: u64 = 5;
/// How soon a change by another process is seen.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What the check box holds.
const CHECK_TEXT: &[u8] = b"hotcell store";
const CHECK: Place<'_> = Place { kind: Kind::Check, service: "", account: "", epoch: 0 };

/// The tokens of a user: a handle to one store. Calls are quick, but for `set_token` and `clear_token`, which wait for the disk.
pub struct AuthStore {
    dir: Dir,
    key: StoreKey,
    backend: Backend,
    clock: Box<dyn Clock>,
    snapshot: RwLock<Arc<Snapshot>>,
    looked: AtomicU64,
}

/// The store as it was last read.
struct Snapshot {
    stamp: Stamp,
    records: BTreeMap<(String, String), Record>,
}

/// A record with its secrets, which are decrypted at first use.
struct Record {
    stored: Stored,
    meta: Meta,
    read_wall: u64,
    read_boot: Duration,
    token: OnceLock<Arc<Token>>,
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
        let _lock = file::lock(&dir)?;
        let (store_key, content, stamp) = match file::read(&dir)? {
            Some((content, stamp)) => (key.fetch(&content.backend)?, content, stamp),
            None => {
                let (store_key, backend) = key.make()?;
                let check = seal(&store_key, CHECK, CHECK_TEXT)?;
                let content = Content { format: file::FORMAT, backend, check, records: Vec::new() };
                let stamp = file::write(&dir, &content)?;
                (store_key, content, stamp)
            }
        };
        open(&store_key, CHECK, &content.check).map_err(|_| StoreError::WrongKey(key.name()))?;
        let backend = content.backend.clone();
        let snapshot = Snapshot::read(&store_key, content, stamp, &*clock)?;
        let looked = AtomicU64::new(millis(clock.boot()));
        Ok(Self { dir, key: store_key, backend, clock, snapshot: RwLock::new(Arc::new(snapshot)), looked })
    }

    /// Puts a token in, in place of an earlier one. Durable when it returns.
    ///
    /// # Errors
    /// [`AuthError::Name`] for an odd name; [`AuthError::Store`] if it cannot be written, and then the earlier token stays.
    pub fn set_token(&self, service: &str, token: &NewToken) -> Result<(), AuthError> {
        check_name("service", service)?;
        token.scopes.iter().try_for_each(|scope| check_scope(scope))?;
        let meta = Meta::new(service, DEFAULT_ACCOUNT, token, self.clock.wall());
        let plain = zeroize::Zeroizing::new(
            serde_json::to_vec(&Plain::of(token)).map_err(|_| StoreError::Damaged("a record cannot be encoded"))?,
        );
        self.change(service, &meta, Some(&plain))
    }

    /// Takes a service's token out. A tombstone stays, so that a writer who was late sees it.
    ///
    /// # Errors
    /// [`AuthError::AuthenticationRequired`] if nobody is signed in; [`AuthError::Store`] if it cannot be written.
    pub fn clear_token(&self, service: &str) -> Result<(), AuthError> {
        check_name("service", service)?;
        self.look()?;
        let signed_in = self.snapshot().record(service).is_some_and(|record| record.meta.signed_in);
        if !signed_in {
            return Err(required(service, None, Reason::NotSignedIn));
        }
        self.change(service, &Meta::tombstone(service, DEFAULT_ACCOUNT, self.clock.wall()), None)
    }

    /// The token of a service, if it has this scope and has not expired.
    ///
    /// # Errors
    /// [`AuthError::AuthenticationRequired`] or [`AuthError::InsufficientScope`], which say what to run.
    pub fn get_token(&self, service: &str, scope: Option<&str>) -> Result<Arc<Token>, AuthError> {
        self.look()?;
        let snapshot = self.snapshot();
        let why = |reason| required(service, scope, reason);
        let record = snapshot.record(service).ok_or_else(|| why(Reason::NotSignedIn))?;
        if !record.meta.signed_in {
            return Err(why(Reason::SignedOut));
        }
        if let Some(scope) = scope
            && !record.meta.scopes.contains(scope)
        {
            let held = record.meta.scopes.iter().cloned().collect();
            return Err(AuthError::InsufficientScope { service: service.to_owned(), missing: scope.to_owned(), held });
        }
        if record.expired(&*self.clock) {
            return Err(why(Reason::Expired));
        }
        Ok(record.token(&self.key)?)
    }

    /// Whether there is a token that has not expired.
    #[must_use]
    pub fn is_authenticated(&self, service: &str) -> bool {
        self.cached_metadata(service).is_some_and(|metadata| !metadata.expired)
    }

    /// Everything about a service's token but its secrets, which are not decrypted for it. `None` where nobody is signed in.
    #[must_use]
    pub fn cached_metadata(&self, service: &str) -> Option<Metadata> {
        self.metadata().ok()?.into_iter().find(|metadata| metadata.service == service)
    }

    /// Everything about all tokens but their secrets.
    ///
    /// # Errors
    /// [`StoreError`] if another process changed the store and it cannot be read any more.
    pub fn metadata(&self) -> Result<Vec<Metadata>, StoreError> {
        self.look()?;
        let snapshot = self.snapshot();
        let shown = snapshot.records.values().filter(|record| record.meta.signed_in).map(|record| Metadata {
            service: record.meta.service.clone(),
            account: record.meta.account.clone(),
            scopes: record.meta.scopes.clone(),
            issued_at: record.meta.issued_at,
            expires_at: record.meta.expires_at,
            expired: record.expired(&*self.clock),
            refreshable: record.meta.refreshable,
            epoch: record.stored.epoch,
            backend: self.backend.clone(),
        });
        Ok(shown.collect())
    }

    /// All tokens of the store, expired ones too: what may not come back in a response (threat E11).
    ///
    /// # Errors
    /// [`StoreError`] if a record does not open: what cannot be scanned for must not be let through.
    pub fn live_tokens(&self) -> Result<Vec<Arc<Token>>, StoreError> {
        self.look()?;
        let snapshot = self.snapshot();
        snapshot.records.values().filter(|record| record.meta.signed_in).map(|record| record.token(&self.key)).collect()
    }

    /// Writes one record under the lock, on top of what other processes wrote meanwhile.
    fn change(&self, service: &str, meta: &Meta, secrets: Option<&[u8]>) -> Result<(), AuthError> {
        let _lock = file::lock(&self.dir)?;
        let (mut content, _) = file::read(&self.dir)?.ok_or(StoreError::Damaged("the file is gone"))?;
        open(&self.key, CHECK, &content.check).map_err(|_| StoreError::WrongKey("store"))?;
        let id = record_id(&self.key, service, DEFAULT_ACCOUNT)?;
        let before = content.records.iter().position(|stored| stored.id == id);
        let epoch = before.and_then(|at| content.records.get(at)).map_or(0, |stored| stored.epoch) + 1;
        let stored = self.seal_record(id, epoch, meta, secrets)?;
        match before.and_then(|at| content.records.get_mut(at)) {
            Some(slot) => *slot = stored,
            None => content.records.push(stored),
        }
        let stamp = file::write(&self.dir, &content)?;
        self.publish(Snapshot::read(&self.key, content, stamp, &*self.clock)?);
        Ok(())
    }

    fn seal_record(&self, id: String, epoch: u64, meta: &Meta, secrets: Option<&[u8]>) -> Result<Stored, StoreError> {
        let place = |kind| Place { kind, service: &meta.service, account: &meta.account, epoch };
        let encoded = serde_json::to_vec(meta).map_err(|_| StoreError::Damaged("a record cannot be encoded"))?;
        Ok(Stored {
            epoch,
            // Whose record it is must be known before the other boxes can be opened: their places name it.
            service: seal(&self.key, name_place(&id, epoch), format!("{} {}", meta.service, meta.account).as_bytes())?,
            meta: seal(&self.key, place(Kind::Meta), &encoded)?,
            secrets: secrets.map(|secrets| seal(&self.key, place(Kind::Secrets), secrets)).transpose()?,
            id,
        })
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// Reads the store anew if another process changed it; looks at most every 200 ms.
    fn look(&self) -> Result<(), StoreError> {
        let now = millis(self.clock.boot());
        let last = self.looked.load(Ordering::Relaxed);
        if now.saturating_sub(last) < millis(LOOK_EVERY) {
            return Ok(());
        }
        self.looked.store(now, Ordering::Relaxed);
        if file::stamp(&self.dir) == Some(self.snapshot().stamp) {
            return Ok(());
        }
        let (content, stamp) = file::read(&self.dir)?.ok_or(StoreError::Damaged("the file is gone"))?;
        self.publish(Snapshot::read(&self.key, content, stamp, &*self.clock)?);
        Ok(())
    }
}

impl Snapshot {
    fn read(key: &StoreKey, content: Content, stamp: Stamp, clock: &dyn Clock) -> Result<Self, StoreError> {
        let (read_wall, read_boot) = (clock.wall(), clock.boot());
        let mut records = BTreeMap::new();
        for stored in content.records {
            let meta = read_meta(key, &stored)?;
            let name = (meta.service.clone(), meta.account.clone());
            records.insert(name, Record { stored, meta, read_wall, read_boot, token: OnceLock::new() });
        }
        Ok(Self { stamp, records })
    }

    fn record(&self, service: &str) -> Option<&Record> {
        self.records.get(&(service.to_owned(), DEFAULT_ACCOUNT.to_owned()))
    }
}

impl Record {
    fn token(&self, key: &StoreKey) -> Result<Arc<Token>, StoreError> {
        if let Some(token) = self.token.get() {
            return Ok(Arc::clone(token));
        }
        let damaged = StoreError::Damaged("a record does not open");
        let sealed = self.stored.secrets.as_ref().ok_or(damaged.clone())?;
        let place = Place {
            kind: Kind::Secrets,
            service: &self.meta.service,
            account: &self.meta.account,
            epoch: self.stored.epoch,
        };
        let bytes = open(key, place, sealed)?;
        let plain: Plain = serde_json::from_slice(&bytes).map_err(|_| damaged.clone())?;
        let token = Arc::new(plain.token().ok_or(damaged)?);
        Ok(Arc::clone(self.token.get_or_init(|| token)))
    }

    /// Expired if either clock says so.
    fn expired(&self, clock: &dyn Clock) -> bool {
        let Some(expires_at) = self.meta.expires_at else { return false };
        let since_read = clock.boot().saturating_sub(self.read_boot).as_secs();
        let now = clock.wall().max(self.read_wall.saturating_add(since_read));
        now.saturating_add(MARGIN_SECONDS) >= expires_at
    }
}

fn name_place(id: &str, epoch: u64) -> Place<'_> {
    Place { kind: Kind::Meta, service: id, account: "", epoch }
}

fn read_meta(key: &StoreKey, stored: &Stored) -> Result<Meta, StoreError> {
    let damaged = StoreError::Damaged("a record does not open");
    let name = open(key, name_place(&stored.id, stored.epoch), &stored.service)?;
    let name = std::str::from_utf8(&name).map_err(|_| damaged.clone())?;
    let (service, account) = name.split_once(' ').ok_or(damaged.clone())?;
    if record_id(key, service, account)? != stored.id {
        return Err(damaged);
    }
    let bytes = open(key, Place { kind: Kind::Meta, service, account, epoch: stored.epoch }, &stored.meta)?;
    serde_json::from_slice(&bytes).map_err(|_| damaged)
}

fn required(service: &str, scope: Option<&str>, reason: Reason) -> AuthError {
    AuthError::AuthenticationRequired { service: service.to_owned(), scope: scope.map(str::to_owned), reason }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
