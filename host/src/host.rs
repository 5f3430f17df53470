//! The host: folders, configuration, catalog, sandbox, gate and record, opened once and used by every call.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use cap_std::fs::Dir;
use hotcell_gate::Gate;
use hotcell_gate::Grant;
use hotcell_gate::IssuerNetwork;
use hotcell_gate::Services;
use hotcell_protocol::Action;
use hotcell_protocol::Code;
use hotcell_protocol::Description;
use hotcell_protocol::Digest;
use hotcell_protocol::Imports;
use hotcell_protocol::Limits;
use hotcell_protocol::Refusal;
use hotcell_sandbox::CodeCache;
use hotcell_sandbox::Compiled;
use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use hotcell_vault::Id;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use hotcell_vault::oauth::OAuthIssuer;
use zeroize::Zeroizing;

use crate::Catalog;
use crate::Config;
use crate::Granted;
use crate::Package;
use crate::Places;
use crate::compiler::Compiler;
use crate::config::Serve;
use crate::folders;
use crate::guests::Loaded;
use crate::guests::Room;
use crate::keys::Keys;
use crate::record::Record;
use crate::strikes::Strikes;

/// A host. What costs time or asks a person (engine, gate, credential store) is opened at its first use.
pub struct Host {
    services: Arc<Services>,
    limits: Limits,
    extra_roots: Option<Vec<u8>>,
    serve: Serve,
    state: Dir,
    catalog: Arc<Catalog>,
    record: Record,
    strikes: Arc<Strikes>,
    pub(crate) keys: Box<dyn Keys>,
    pub(crate) room: Room,
    issuers: OnceLock<Arc<IssuerNetwork>>,
    store: Mutex<Option<Arc<AuthStore>>>,
    gates: Mutex<Gates>,
    config_path: PathBuf,
    code: CodeCache,
    compiler: Compiler,
    tools: Mutex<HashMap<Digest, Arc<Loaded>>>,
}

/// The gate, with the store or without: an action that reaches nothing outside needs no keychain to be opened.
#[derive(Default)]
struct Gates {
    closed: Option<Arc<Gate>>,
    open: Option<Arc<Gate>>,
}

/// The file in the state folder that holds the key of kept code. Not beside the code: who can write there has not yet the key.
const CODE_KEY: &str = "code.key";

fn code_cache(cache: &Dir, key: &[u8; 32]) -> Result<CodeCache, Refusal> {
    Ok(CodeCache::new(folders::own_subfolder(cache, "code")?, *key))
}

/// The sub-folder of the state folder that holds the credential store.
const AUTH: &str = "auth";

impl Host {
    /// Opens the host's folders and reads the configuration.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] for folders, [`Code::BadConfig`] for a mistake in `config.toml`.
    pub fn open(places: &Places, keys: Box<dyn Keys>) -> Result<Self, Refusal> {
        let config = Config::load(&folders::own_folder(&places.config)?)?;
        let state = folders::own_folder(&places.state)?;
        let state_key = folders::own_key(&state, CODE_KEY)?;
        Ok(Self {
            services: Arc::new(config.services),
            limits: config.limits,
            extra_roots: config.extra_roots,
            serve: config.serve,
            catalog: Arc::new(Catalog::open(&state)?),
            record: Record::open(&state)?,
            strikes: Arc::new(Strikes::open(&state)?),
            state,
            keys,
            room: Room::new(config.isolation),
            issuers: OnceLock::new(),
            store: Mutex::default(),
            gates: Mutex::default(),
            config_path: places.config.join(crate::config::FILE),
            code: code_cache(&folders::cache_folder(&places.cache)?, &state_key)?,
            compiler: Compiler::default(),
            tools: Mutex::default(),
        })
    }

    /// Sets how components are compiled. In this process, unless this is called.
    #[must_use]
    pub fn with_compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// The installed tools.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn shared_catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// The operator's services.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The limits of a call.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How agents are served.
    pub(crate) fn serve(&self) -> &Serve {
        &self.serve
    }

    /// The state folder.
    pub(crate) fn state(&self) -> &Dir {
        &self.state
    }

    /// Which tools are suspended because answers to them held a credential.
    #[must_use]
    pub fn strikes(&self) -> &Strikes {
        &self.strikes
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Where the operator's configuration is.
    #[must_use]
    pub fn config_path(&self) -> &std::path::Path {
        &self.config_path
    }

    /// The credential store, opened at its first use; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] if it cannot be opened: never a new one in its place.
    pub fn store(&self) -> Result<Option<Arc<AuthStore>>, Refusal> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*store {
            return Ok(Some(Arc::clone(store)));
        }
        let dir = folders::own_subfolder(&self.state, AUTH)?;
        let Some(recorded) = AuthStore::recorded(&dir)? else { return Ok(None) };
        let opened = self.refreshing(AuthStore::open(dir, &self.keys.key(&recorded)?)?)?;
        *store = Some(Arc::clone(&opened));
        Ok(Some(opened))
    }

    /// Makes the credential store, its key kept as a person chose.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] if it cannot be made there.
    pub fn make_store(&self, key: &Key) -> Result<(), Refusal> {
        let dir = folders::own_subfolder(&self.state, AUTH)?;
        let made = self.refreshing(AuthStore::open(dir, key)?)?;
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        *self.gates.lock().unwrap_or_else(PoisonError::into_inner) = Gates::default();
        Ok(())
    }

    /// Puts a token into the store. Reached by a person's command only, never by a tool or an agent.
    ///
    /// # Errors
    /// [`Code::BadArguments`] for a text that is no token, [`Code::StoreUnavailable`] without a store.
    pub fn sign_in(
        &self,
        service: &str,
        token: String,
        scopes: &[String],
        expires_in: Option<Duration>,
    ) -> Result<(), Refusal> {
        let access = Secret::new(Zeroizing::new(token)).map_err(AuthError::from)?;
        let scopes = scopes.iter().cloned().collect();
        self.keep(service, &NewToken { expires_in, scopes, ..NewToken::of(access) })
    }

    /// Puts a token into the store, with all that is known of it.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] without a store, or if it cannot be written.
    pub fn keep<'a>(&self, id: impl Into<Id<'a>>, token: &NewToken) -> Result<(), Refusal> {
        let store = self.store()?.ok_or_else(|| {
            Refusal::new(
                Code::StoreUnavailable,
                "there is no credential store yet",
                "make it with: hotcell auth signin SERVICE, or hotcell auth set SERVICE",
            )
        })?;
        let id = id.into();
        // What a person agreed to: a service of this name that later leads elsewhere does not get this token (threat I9).
        let bound = self.services.fingerprint(id.service);
        Ok(store.set_bound_token(id, token, bound)?)
    }

    /// The way to authorisation servers.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for broken certificates.
    pub fn issuer_network(&self) -> Result<Arc<IssuerNetwork>, Refusal> {
        if let Some(network) = self.issuers.get() {
            return Ok(Arc::clone(network));
        }
        let made = Arc::new(IssuerNetwork::new(self.extra_roots.as_deref())?);
        Ok(Arc::clone(self.issuers.get_or_init(|| made)))
    }

    /// A store that refreshes its tokens by itself.
    fn refreshing(&self, store: AuthStore) -> Result<Arc<AuthStore>, Refusal> {
        let providers = self.services.providers();
        if providers.is_empty() {
            return Ok(Arc::new(store));
        }
        Ok(Arc::new(store.with_issuer(Arc::new(OAuthIssuer::new(providers, self.issuer_network()?)))))
    }

    /// Waits for refreshes that are under way: a new token that is lost on its way may end the sign-in. To be called before the
    /// program ends.
    pub async fn finish(&self) {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(store) = store
            && !store.finish().await
        {
            tracing::warn!("a refresh was still under way at the end");
        }
    }

    /// Refuses scopes that the service does not have: a misspelt one would leave a token that nothing can use.
    ///
    /// # Errors
    /// [`Code::BadConfig`] naming the scopes that exist.
    pub fn refuse_unknown_scopes(&self, service: &str, scopes: &[String]) -> Result<(), Refusal> {
        let services = [(service.to_owned(), scopes.iter().cloned().collect())].into();
        let grant = Grant {
            tool: "hotcell".into(),
            digest: Digest::of(&[]),
            action: "auth set".into(),
            services,
            public: Vec::new(),
        };
        self.services.check(&grant)
    }

    /// The gate for a grant.
    pub(crate) fn gate(&self, grant: &Grant) -> Result<Arc<Gate>, Refusal> {
        let reaches_out = !grant.services.is_empty() || !grant.public.is_empty();
        // Where nothing outside is reached, no keychain is opened; a store that is open already is used (threat G13).
        let open = || self.store.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let store = if reaches_out { self.store()? } else { open() };
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = if store.is_some() { &mut gates.open } else { &mut gates.closed };
        if let Some(gate) = slot {
            return Ok(Arc::clone(gate));
        }
        let gate = Arc::new(Gate::new(
            Arc::clone(&self.services),
            store,
            self.extra_roots.as_deref(),
            Arc::clone(&self.strikes) as _,
        )?);
        *slot = Some(Arc::clone(&gate));
        Ok(gate)
    }

    /// An action of an installed tool. Compiles and runs nothing.
    ///
    /// # Errors
    /// [`Code::UnknownTool`] or [`Code::UnknownAction`].
    pub fn action(&self, tool: &str, action: &str) -> Result<Action, Refusal> {
        let granted = self.catalog.find(tool)?;
        let description = hotcell_sandbox::describe(&self.catalog.component(&granted)?, &granted.imports())?;
        hotcell_sandbox::find_action(&description, action).cloned()
    }

    /// Reads a package's actions and imports. Compiles and runs nothing.
    ///
    /// # Errors
    /// [`Code::BadComponent`] or [`Code::ImportNotAllowed`].
    pub fn describe(&self, package: &Package) -> Result<Description, Refusal> {
        hotcell_sandbox::describe(&package.bytes, &package.manifest.imports())
    }

    /// Checks all that must hold before a person is asked about a package: imports, actions, services, scopes, public origins.
    ///
    /// # Errors
    /// As [`Host::describe`], and [`Code::BadConfig`] for what the manifest asks for and nobody can grant.
    pub fn examine(&self, package: &Package) -> Result<Description, Refusal> {
        let description = self.describe(package)?;
        package.manifest.check_against(&description)?;
        for (action, ask) in &package.manifest.actions {
            // Unknown services and scopes are refused here, before a person is asked: a manifest cannot lead anybody
            // to sign in somewhere that the operator did not set up (threat I3).
            crate::call::grant(&package.manifest.name, package.digest, action, &ask.services, &ask.public)
                .and_then(|grant| self.services.check(&grant))?;
        }
        Ok(description)
    }

    /// Compiles a package to see that it can run, then keeps it with its grant.
    ///
    /// # Errors
    /// [`Code::BadComponent`] if it cannot be compiled, [`Code::StoreUnavailable`] if it cannot be kept.
    pub fn install(&self, package: &Package, granted: Granted) -> Result<(), Refusal> {
        let compiled = self.compiled(&package.bytes, package.digest, &granted.imports())?;
        let guests = self.room.guests()?;
        guests.check(&compiled)?;
        let tool = guests.load(compiled)?;
        let earlier = self.catalog.install(package, granted)?;
        if let Some(earlier) = earlier.filter(|earlier| earlier.digest != package.digest) {
            self.code.forget(earlier.digest);
            self.unload(earlier.digest);
        }
        self.loaded().insert(package.digest, Arc::new(tool));
        Ok(())
    }

    /// The compiled tool of a grant. Compiled once in the life of the host.
    pub(crate) fn tool(&self, granted: &Granted) -> Result<Arc<Loaded>, Refusal> {
        if let Some(tool) = self.loaded().get(&granted.digest) {
            return Ok(Arc::clone(tool));
        }
        let bytes = self.catalog.component(granted)?;
        let tool = Arc::new(self.load(&bytes, granted.digest, &granted.imports())?);
        self.loaded().insert(granted.digest, Arc::clone(&tool));
        Ok(tool)
    }

    /// Whether a tool is compiled already.
    pub(crate) fn is_loaded(&self, digest: Digest) -> bool {
        self.loaded().contains_key(&digest)
    }

    /// A tool of bytes whose digest was checked; compiled where no code of it is kept.
    pub(crate) fn load(&self, bytes: &[u8], digest: Digest, imports: &Imports) -> Result<Loaded, Refusal> {
        self.room.guests()?.load(self.compiled(bytes, digest, imports)?)
    }

    fn compiled(&self, bytes: &[u8], digest: Digest, imports: &Imports) -> Result<Compiled, Refusal> {
        self.code.compiled(bytes, digest, imports, |bytes| self.compiler.compile(bytes))
    }

    /// Removes a tool, its grant and its code.
    ///
    /// # Errors
    /// [`Code::UnknownTool`] if it is not installed.
    pub fn remove(&self, tool: &str) -> Result<Granted, Refusal> {
        let removed = self.catalog.remove(tool)?;
        self.code.forget(removed.digest);
        self.unload(removed.digest);
        Ok(removed)
    }

    /// Forgets a tool that is no more, and ends its workers.
    fn unload(&self, digest: Digest) {
        let unloaded = self.loaded().remove(&digest);
        if let (Some(tool), Ok(guests)) = (unloaded, self.room.guests()) {
            guests.forget(&tool);
        }
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Arc<Loaded>>> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
