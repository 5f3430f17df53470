//! The host: folders, configuration, catalog, sandbox, gate and record, opened once and used by every call.

use std::collections::BTreeMap;
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
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Limits;
use hotcell_protocol::Refusal;
use hotcell_sandbox::CodeCache;
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
use crate::Places;
use crate::compiler::Compiler;
use crate::config::Serve;
use crate::config::Variables;
use crate::folders;
use crate::guests::Room;
use crate::kept;
use crate::keys::Keys;
use crate::ready::Ready;
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
    pub(crate) code: CodeCache,
    pub(crate) compiler: Compiler,
    pub(crate) tools: Mutex<HashMap<Digest, Arc<Ready>>>,
    variables: BTreeMap<String, Variables>,
}

/// The gate, with the store or without: an action that reaches nothing outside needs no keychain to be opened.
#[derive(Default)]
struct Gates {
    closed: Option<Arc<Gate>>,
    open: Option<Arc<Gate>>,
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
        let code = kept::code(&state, &places.cache)?;
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
            code,
            compiler: Compiler::default(),
            tools: Mutex::default(),
            variables: config.variables,
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

    /// What the operator set for a tool without code.
    pub(crate) fn variables(&self, tool: &str) -> &Variables {
        static NONE: Variables = Variables::new();
        self.variables.get(tool).unwrap_or(&NONE)
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
}
