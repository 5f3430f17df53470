//! The gate: services, vault, network, strikes. One for a host; [`Gate::send`] is the whole way of a request.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::Weak;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_vault::AuthStore;
use hotcell_vault::Id;
use hotcell_vault::Token;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::fair::Fair;
use crate::network::Network;
use crate::network::Received;
use crate::network::Way;
use crate::policy;
use crate::policy::Allowed;
use crate::policy::Grant;
use crate::rehearsal::FakeStore;
use crate::rehearsal::Script;
use crate::scan;
use crate::scan::Reading;
use crate::scan::Secrets;
use crate::service::Services;
use crate::session::Trace;
use crate::sign;
use crate::strikes;
use crate::strikes::STRIKES;
use crate::strikes::StrikeBook;

/// The only way out. Shared by all calls of a host. What stands behind it is part of its type: a `Gate` has the network, and
/// the gate of a [`crate::Rehearsal`] is another type, which has none. No setting turns one into the other.
pub struct Gate<W: Way = Network> {
    services: Arc<Services>,
    store: Option<Arc<AuthStore>>,
    network: W,
    secrets: RwLock<Arc<Secrets>>,
    strikes: Arc<dyn StrikeBook>,
    fair: Fair,
    /// Tokens that were sent in calls which go on.
    in_use: Mutex<Vec<Weak<Token>>>,
}

impl Gate {
    /// A gate for these services. Without a store, every request that needs a token is refused. `extra_roots`: certificate
    /// authorities in PEM, trusted besides the bundled ones. `strikes`: where withheld answers are counted.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for broken certificates; [`Code::StoreUnavailable`] if the store's secrets cannot be read.
    pub fn new(
        services: Arc<Services>,
        store: Option<Arc<AuthStore>>,
        extra_roots: Option<&[u8]>,
        strikes: Arc<dyn StrikeBook>,
    ) -> Result<Self, Refusal> {
        Self::before_way(services, store, Network::new(extra_roots)?, strikes)
    }

    /// The same gate before a network that is none.
    #[cfg(test)]
    pub(crate) fn before(self, fake: crate::network::Fake) -> Result<Self, Refusal> {
        Ok(Self { network: Network::faked(fake)?, ..self })
    }

    /// The same gate with names that a test knows.
    #[cfg(test)]
    pub(crate) fn told(self, told: crate::network::Told) -> Self {
        Self { network: self.network.told(told), ..self }
    }
}

impl Gate<Script> {
    /// The gate of a rehearsal: the same steps, before a script instead of the network. It takes no store but one that was made
    /// for it, so that no token of anybody's can be in it.
    pub(crate) fn rehearsing(
        services: Arc<Services>,
        store: FakeStore,
        script: Script,
        strikes: Arc<dyn StrikeBook>,
    ) -> Result<Self, Refusal> {
        Self::before_way(services, Some(store.into_store()), script, strikes)
    }
}

impl<W: Way> Gate<W> {
    fn before_way(
        services: Arc<Services>,
        store: Option<Arc<AuthStore>>,
        network: W,
        strikes: Arc<dyn StrikeBook>,
    ) -> Result<Self, Refusal> {
        let secrets = RwLock::new(Arc::new(Secrets::new(Vec::new())));
        let gate = Self { services, store, network, secrets, strikes, fair: Fair::default(), in_use: Mutex::default() };
        gate.secrets()?;
        Ok(gate)
    }

    /// One request of a guest, top to bottom.
    pub(crate) async fn send(
        &self,
        grant: &Grant,
        asked: Asked,
        deadline: Instant,
        trace: &mut Trace<'_, W>,
    ) -> Result<Answer, Refusal> {
        if let Err(refusal) = policy::bounded(&asked) {
            // Not looked through, so nothing of it is shown where a secret can be somebody's.
            trace.asked(&asked, !W::MADE_UP);
            return Err(refusal);
        }
        let holds_secret = self.secret_in(&asked)?;
        trace.asked(&asked, holds_secret);
        // Policy before the verdict on secrets: what is refused anyway must not tell whether it held one (threat E12). Only a
        // refusal that would quote the secret itself, as a host's name, is worded otherwise.
        let mut allowed = policy::check(&self.services, grant, asked).map_err(|refusal| {
            let quoted = || [&refusal.message, &refusal.hint].iter().any(|text| self.holds_secret(text.as_bytes()));
            if holds_secret && quoted() { unquoted(refusal.code) } else { refusal }
        })?;
        self.choose_scope(&mut allowed, trace);
        trace.allowed(&allowed);
        let service = allowed.terms.service.clone().unwrap_or_default();
        let suspended = || strikes::check(&*self.strikes, grant.digest, &grant.tool, &service);
        suspended()?;
        if holds_secret {
            // One hit is one bit of a guess: the tool gets no second one, and the call ends here (see `Session::send`).
            (0..STRIKES).for_each(|_| self.strikes.add(grant.digest, &service));
            trace.caught();
            return Err(secret_in_request());
        }
        let of = allowed.terms.service.clone();
        let with_token = allowed.terms.scope.is_some();
        let place = timeout_at(deadline, self.fair.enter(grant.digest, trace.user(), of.as_deref())).await;
        let _place = place.map_err(|_| busy())??;
        // Others of its requests may have been caught while this one waited, and while it is under way: several at once must not
        // be more guesses than one after the other (threat E12).
        suspended()?;

        let received = self.exchange(allowed, grant.digest, deadline, trace).await?;
        trace.received(&received);
        self.fair.learn(trace.user(), of.as_deref(), received.status, &received.headers);

        let found = self.services.find(&service);
        let further = found.map_or(&[][..], |service| &service.response_headers);
        let minting = found.filter(|service| with_token && !service.new_credentials_pass).map(|_| &*service);
        let cleaned = scan::clean(received, &self.secrets()?, further, minting);
        // A long answer is no sign of a guess.
        if matches!(&cleaned, Err(refusal) if refusal.code == Code::LeakStopped) {
            self.strikes.add(grant.digest, &service);
        }
        // The one that made it three is told what it was.
        if cleaned.is_ok() {
            suspended()?;
        }
        cleaned
    }

    /// Signs and sends; once more with a newer token where the server does not take this one (RFC 6750 §3.1).
    async fn exchange(
        &self,
        allowed: Allowed,
        tool: Digest,
        deadline: Instant,
        trace: &mut Trace<'_, W>,
    ) -> Result<Received, Refusal> {
        let store = self.store.as_deref();
        let service = allowed.terms.service.clone().unwrap_or_default();
        let again = allowed.once_more();
        let user = trace.user().cloned();
        let id = Id::from((service.as_str(), user.as_ref()));
        let (signed, used) = sign::sign(&self.services, store, allowed, tool, id.user).await?;
        self.note(used.as_ref(), trace);
        let received = self.network.send(signed, Reading::new(self.secrets()?), deadline).await?;
        let (401, Some(store), Some(used)) = (received.status, store, used) else { return Ok(received) };
        if store.was_refreshed_within(id, limits::FORCED_REFRESH_EVERY) {
            return Ok(received);
        }
        // Nothing was done for a request that was not authorised (RFC 9110 §15.5.2): a POST may be sent again (threat J9).
        // The vault asks for a new token once for each old one, so that a server that says 401 for ever costs one refresh
        // (threat J8). Where there is none, the server's own answer says why.
        match timeout_at(deadline, store.force_refresh(id, &used)).await {
            Ok(Ok(newer)) if !Arc::ptr_eq(&newer, &used) => {
                let (signed, used) = sign::sign(&self.services, Some(store), again, tool, id.user).await?;
                self.note(used.as_ref(), trace);
                self.network.send(signed, Reading::new(self.secrets()?), deadline).await
            }
            _ => Ok(received),
        }
    }

    /// Where rules of several scopes match, the first whose scope the token has.
    fn choose_scope(&self, allowed: &mut Allowed, trace: &Trace<'_, W>) {
        let (Some(service), Some(store)) = (allowed.terms.service.clone(), &self.store) else { return };
        if allowed.terms.others.is_empty() {
            return;
        }
        let held =
            store.cached_metadata((service.as_str(), trace.user())).map(|metadata| metadata.scopes).unwrap_or_default();
        allowed.terms.choose(|scope| held.contains(scope));
    }

    /// The operator's services.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// Counts a strike that is no response's: what a call was given, or gave back, held a credential (threats E12, G13).
    ///
    /// # Errors
    /// The refusal that the tool is suspended, once it has too many.
    pub fn strike(&self, grant: &Grant, what: &str, counts: bool) -> Result<(), Refusal> {
        if counts {
            self.strikes.add(grant.digest, what);
        }
        strikes::check(&*self.strikes, grant.digest, &grant.tool, what)
    }

    /// Whether the bytes hold a live secret of the store. True if that cannot be found out: what cannot be scanned does not pass.
    #[must_use]
    pub fn holds_secret(&self, bytes: &[u8]) -> bool {
        self.secrets().map_or(true, |secrets| secrets.are_in(bytes))
    }

    /// Remembers a token that was sent: as long as a call that used it goes on, nothing may bring it back, whatever becomes of
    /// it in the store meanwhile. A person may sign out while a slow server is about to echo it (threat E1).
    fn note(&self, used: Option<&Arc<Token>>, trace: &mut Trace<'_, W>) {
        let Some(used) = used else { return trace.attempt(None) };
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.retain(|token| token.strong_count() > 0);
        if !in_use.iter().any(|token| std::ptr::eq(token.as_ptr(), Arc::as_ptr(used))) {
            in_use.push(Arc::downgrade(used));
        }
        trace.attempt(Some(Arc::clone(used)));
    }

    /// Whether a request holds a secret: a tool that got hold of one elsewhere may not send it anywhere (threat G13).
    fn secret_in(&self, asked: &Asked) -> Result<bool, Refusal> {
        let secrets = self.secrets()?;
        let texts = asked.headers.iter().flat_map(|header| [header.name.as_bytes(), header.value.as_bytes()]);
        Ok(texts.chain([asked.url.as_bytes()]).chain(asked.body.as_deref()).any(|bytes| secrets.are_in(bytes)))
    }

    /// The live secrets, built anew when the store's tokens have changed.
    fn secrets(&self) -> Result<Arc<Secrets>, Refusal> {
        let mut tokens = match &self.store {
            Some(store) => store.live_tokens()?,
            None => Vec::new(),
        };
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        for used in in_use.iter().filter_map(Weak::upgrade) {
            if !tokens.iter().any(|token| Arc::ptr_eq(token, &used)) {
                tokens.push(used);
            }
        }
        drop(in_use);
        let known = Arc::clone(&self.secrets.read().unwrap_or_else(PoisonError::into_inner));
        if known.are_of(&tokens) {
            return Ok(known);
        }
        let fresh = Arc::new(Secrets::new(tokens));
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }
}

fn secret_in_request() -> Refusal {
    Refusal::new(
        Code::LeakStopped,
        "the tool's request held a credential: the call was ended, and the tool is suspended",
        "find out where the tool got it: an argument, or a server that gives it back in an odd form (hotcell audit)",
    )
}

/// The refusal of a request that nothing allows and that holds a secret: the same code as without, so that the tool learns
/// nothing, and none of the request's words.
fn unquoted(code: Code) -> Refusal {
    Refusal::new(
        code,
        "the tool's request is not granted, and holds a credential, so that nothing of it is shown",
        "find out where the tool got it: an argument, or a server that gives it back in an odd form",
    )
}

fn busy() -> Refusal {
    Refusal::new(
        Code::DeadlineExceeded,
        "the call's time was over while its request waited for others to end",
        "try again; the tool or the service has too many requests under way",
    )
}
