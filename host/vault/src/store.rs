//! `AuthStore`: the tokens of a user.

use std::sync::Arc;
use std::time::Duration;

use cap_std::fs::Dir;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::content::Content;
use crate::envelope::StoreKey;
use crate::error::AuthError;
use crate::error::Reason;
use crate::error::StoreError;
use crate::error::required;
use crate::file;
use crate::file::Earlier;
use crate::file::Stamp;
use crate::id::Id;
use crate::issuer::Issuer;
use crate::key::Backend;
use crate::key::Key;
use crate::lifetime::Stage;
use crate::lock::lock;
use crate::meta::Condition;
use crate::meta::Meta;
use crate::meta::Metadata;
use crate::meta::State;
use crate::name::check_name;
use crate::name::check_scope;
use crate::record::Record;
use crate::record::Secrets;
use crate::refresh;
use crate::refresh::Due;
use crate::secret::Secret;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::token::NewToken;
use crate::token::Token;
use crate::user::is_users_account;

/// The tokens of a user: a handle to one store, cheap to clone.
///
/// [`AuthStore::get_token`] and what only reads answer from memory. Every 200 ms one of these calls looks whether another
/// process changed the file (one `stat`), and reads it anew if so; the others do not wait for it. [`AuthStore::open`],
/// [`AuthStore::set_token`] and [`AuthStore::set_default`] wait for the disk, for other processes, and `open` for the
/// keychain: asynchronous callers run them where blocking is allowed.
///
/// Where a method takes an [`Id`], `"github"` is the service's default account and `("github", "work")` is that account.
///
/// With an [`Issuer`], tokens are refreshed: early, while the current one is still used, and at the latest before one that has
/// expired would be sent. A refresh is a task of its own; whoever waits for it and stops waiting does not stop it. It ends
/// with the runtime, so that a program calls [`AuthStore::finish`] before it ends.
#[derive(Clone)]
pub struct AuthStore {
    pub(crate) shared: Arc<Shared>,
}

/// How long the end of a program waits for a refresh: longer than its requests may take.
const FINISH: Duration = Duration::from_secs(45);

/// What is in memory for a caller.
pub(crate) struct Glance {
    pub(crate) token: Arc<Token>,
    pub(crate) stage: Stage,
    pub(crate) due: Option<Due>,
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
        Ok(Self { shared: Arc::new(Shared::new(dir, store_key, content.backend, snapshot, clock)) })
    }

    /// The same store, which from now on refreshes its tokens, for all its handles. The first issuer stays.
    #[must_use]
    pub fn with_issuer(self, issuer: Arc<dyn Issuer>) -> Self {
        drop(self.shared.issuer.set(issuer));
        self
    }

    /// Puts a token in, in place of an earlier one. Durable when it returns. The first account of a service becomes its
    /// default, unless it is a user's.
    ///
    /// # Errors
    /// [`AuthError::Name`] for an odd name; [`AuthError::Store`] if it cannot be written, and then the earlier token stays.
    pub fn set_token<'a>(&self, id: impl Into<Id<'a>>, token: &NewToken) -> Result<(), AuthError> {
        self.set_bound_token(id, token, None)
    }

    /// As [`AuthStore::set_token`], with a name for what the token is for: origins, header, authorisation server. It is kept
    /// with the token, for whoever uses it to compare.
    ///
    /// # Errors
    /// As [`AuthStore::set_token`].
    pub fn set_bound_token<'a>(
        &self,
        id: impl Into<Id<'a>>,
        token: &NewToken,
        bound: Option<String>,
    ) -> Result<(), AuthError> {
        let id = id.into();
        id.check()?;
        token.scopes.iter().try_for_each(|scope| check_scope(scope))?;
        let secrets = Token::first(token).write();
        self.shared.change(Earlier::Keep, |draft| {
            let who = draft.stored.who(id);
            // A user's account is never the default, and being there first makes nobody else's none.
            let counts = |account: &str| !is_users_account(account);
            let same = |record: &Record| record.meta.service == who.service && counts(&record.meta.account);
            let first = counts(&who.account) && !draft.stored.held().any(same);
            if first && draft.stored.default_of(&who.service) != who.account {
                draft.choose(&who)?;
            }
            let user = id.user.map(|user| user.subject().to_owned());
            let meta = Meta { bound, user, ..Meta::new(&who, token, &*self.shared.clock) };
            draft.put(meta, Secrets::Replace(secrets))?;
            Ok(())
        })
    }

    /// Makes an account the one that is meant where none is named. It stays that until another is chosen, signed in or not:
    /// a tool never acts as somebody else because one account was signed out.
    ///
    /// # Errors
    /// [`AuthError::AuthenticationRequired`] if nobody is signed in to this account; [`AuthError::Name`] for a user's account:
    /// whoever names none would act as that user; [`AuthError::Store`] if it cannot be written.
    pub fn set_default(&self, service: &str, account: &str) -> Result<(), AuthError> {
        let id = Id::from((service, account));
        check_name("account", account)?;
        id.check()?;
        self.shared.change(Earlier::Keep, |draft| {
            let record = draft.stored.find(id).filter(|record| record.holds_token());
            let who = record.ok_or_else(|| required(id, None, Reason::NotSignedIn))?.who();
            draft.choose(&who)
        })
    }

    /// The token of an account, if it has this scope. It lives for five seconds or more; one that is over is refreshed first.
    /// Dropping the future stops the wait, not the refresh.
    ///
    /// # Errors
    /// [`AuthError::AuthenticationRequired`] or [`AuthError::InsufficientScope`], which say what to run;
    /// [`AuthError::Refresh`] if there is no new token now.
    pub fn get_token<'a>(
        &'a self,
        id: impl Into<Id<'a>>,
        scope: Option<&'a str>,
    ) -> impl Future<Output = Result<Arc<Token>, AuthError>> + Send + 'a {
        let id = id.into();
        async move {
            match self.glance(id, scope)? {
                Glance { stage: Stage::Fresh, token, .. } => Ok(token),
                Glance { stage: Stage::Aging, token, due } => {
                    if let Some(due) = due {
                        // The current one is good: whatever comes of it is for later callers.
                        drop(refresh::start(self, due));
                    }
                    Ok(token)
                }
                Glance { stage: Stage::Expired, due: Some(due), .. } => {
                    Box::pin(refresh::renewed(self, id, scope, due)).await
                }
                Glance { stage: Stage::Expired, due: None, .. } => Err(required(id, scope, Reason::Expired)),
            }
        }
    }

    /// A newer token than this one, which its service answered with 401 (RFC 6750 §3.1). If there is one already, that;
    /// otherwise it is refreshed, once for each token and not more often than once a minute (threat J8).
    ///
    /// # Errors
    /// As [`AuthStore::get_token`]; [`Reason::Refused`] if there is nothing to refresh it with.
    pub fn force_refresh<'a>(
        &'a self,
        id: impl Into<Id<'a>>,
        used: &'a Arc<Token>,
    ) -> impl Future<Output = Result<Arc<Token>, AuthError>> + Send + 'a {
        let id = id.into();
        async move { Box::pin(refresh::forced(self, id, used)).await }
    }

    /// Whether an account's token was refreshed less than so long ago, by whatever process.
    #[must_use]
    pub fn was_refreshed_within<'a>(&self, id: impl Into<Id<'a>>, span: Duration) -> bool {
        let refreshed = self.cached_metadata(id).and_then(|metadata| metadata.refreshed_at);
        refreshed.is_some_and(|at| self.shared.clock.wall().as_secs().saturating_sub(at) < span.as_secs())
    }

    /// Waits until no refresh of this process is under way, for 45 seconds at most: a reply that arrives after the end of the
    /// program is lost, and with it, perhaps, the sign-in. To be called before a runtime is dropped. False if one is left.
    pub async fn finish(&self) -> bool {
        timeout(FINISH, self.shared.flights.finish()).await.is_ok()
    }

    /// Whether [`AuthStore::get_token`] can be expected to give one: there is one that has not expired, or can be refreshed.
    /// False, too, where the store cannot be read any more.
    #[must_use]
    pub fn is_authenticated<'a>(&self, id: impl Into<Id<'a>>) -> bool {
        let can_refresh = self.shared.issuer.get().is_some();
        self.cached_metadata(id).is_some_and(|metadata| {
            metadata.state != Condition::SignInRequired && (!metadata.expired || metadata.refreshable && can_refresh)
        })
    }

    /// Everything about a token but its secrets, which are not decrypted for it. `None` where nobody is signed in.
    #[must_use]
    pub fn cached_metadata<'a>(&self, id: impl Into<Id<'a>>) -> Option<Metadata> {
        self.shared.look().ok()?;
        let snapshot = self.shared.snapshot();
        let record = snapshot.find(id).filter(|record| record.holds_token())?;
        Some(self.shared.metadata(&snapshot, record))
    }

    /// Everything about all tokens but their secrets, in the order of service and account.
    ///
    /// # Errors
    /// [`StoreError`] if another process changed the store and it cannot be read any more.
    pub fn metadata(&self) -> Result<Vec<Metadata>, StoreError> {
        self.shared.look()?;
        let snapshot = self.shared.snapshot();
        Ok(snapshot.held().map(|record| self.shared.metadata(&snapshot, record)).collect())
    }

    /// The accounts of a service that somebody is signed in to, in the order of their names.
    ///
    /// # Errors
    /// As [`AuthStore::metadata`].
    pub fn accounts(&self, service: &str) -> Result<Vec<Metadata>, StoreError> {
        Ok(self.metadata()?.into_iter().filter(|metadata| metadata.service == service).collect())
    }

    /// All tokens of the store, expired ones too, and those that were replaced while this process runs, until their time is
    /// over: what may not come back in a response (threat E11). While they are unchanged, each call gives the same `Arc`s.
    ///
    /// # Errors
    /// [`StoreError`] if a record does not open: what cannot be scanned for must not be let through.
    pub fn live_tokens(&self) -> Result<Vec<Arc<Token>>, StoreError> {
        self.shared.look()?;
        let held: Result<Vec<_>, _> =
            self.shared.snapshot().held().map(|record| record.token(&self.shared.key)).collect();
        let mut tokens = held?;
        tokens.extend(self.shared.retired.tokens(&*self.shared.clock));
        Ok(tokens)
    }

    /// The secret of a service's client, as a sign-in to the very service that is bound so left it (see
    /// [`AuthStore::set_bound_token`]): that of the account that is meant where none is named, else of another. For the
    /// authorisation server alone.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn client_secret(&self, service: &str, bound: Option<&str>) -> Result<Option<Secret>, StoreError> {
        self.shared.look()?;
        let snapshot = self.shared.snapshot();
        let of = |record: &&Record| record.meta.service == service && record.meta.bound.as_deref() == bound;
        let mut records: Vec<_> = snapshot.held().filter(of).collect();
        records.sort_by_key(|record| record.meta.account != snapshot.default_of(service));
        for record in records {
            let token = record.token(&self.shared.key)?;
            if let Some(secret) = token.client_secret() {
                return Ok(Some(secret.copy()));
            }
        }
        Ok(None)
    }

    /// What is in memory: the token with its stage, or why there is none.
    pub(crate) fn glance(&self, id: Id<'_>, scope: Option<&str>) -> Result<Glance, AuthError> {
        let shared = &*self.shared;
        let boot = shared.look()?;
        shared.with_snapshot(|snapshot| {
            let Some(record) = snapshot.find(id) else {
                id.check()?;
                return Err(required(id, scope, Reason::NotSignedIn));
            };
            usable(record, id, scope)?;
            let stage = record.stage_at(&*shared.clock, boot);
            let due = (stage != Stage::Fresh && shared.can_refresh(record)).then(|| Due::of(record));
            Ok(Glance { token: record.token(&shared.key)?, stage, due })
        })
    }
}

fn usable(record: &Record, id: Id<'_>, scope: Option<&str>) -> Result<(), AuthError> {
    match record.meta.state {
        State::Active => {}
        State::Cleared => return Err(required(id, scope, Reason::SignedOut)),
        State::ReauthRequired { reason, .. } => return Err(required(id, scope, reason)),
    }
    if let Some(scope) = scope
        && !record.meta.scopes.contains(scope)
    {
        check_scope(scope)?;
        let held = record.meta.scopes.iter().cloned().collect();
        return Err(AuthError::InsufficientScope {
            service: id.service.to_owned(),
            user: id.user.cloned().map(Box::new),
            missing: scope.to_owned(),
            held,
        });
    }
    Ok(())
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
