//! What a page is for: which service and scopes a call lacks, who gives the token, and by which way a person can get it here.

use std::collections::BTreeSet;
use std::sync::Arc;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_vault::Id;
use hotcell_vault::User;
use hotcell_vault::oauth::Flow;
use hotcell_vault::oauth::Provider;

use crate::Called;
use crate::Granted;
use crate::Host;
use crate::KeyPlace;
use crate::mcp::menu::Dish;
use crate::signed_in;

/// What a sign-in is for. Nothing of it comes from the agent's arguments or from the tool's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purpose {
    /// Whose call wants it, and whose token it becomes; `None`: that of whoever runs the server.
    pub(super) user: Option<Arc<User>>,
    /// The tool whose call wants it, as it was granted.
    pub(super) granted: Arc<Granted>,
    /// The action.
    pub(super) action: String,
    /// The service.
    pub(super) service: String,
    /// The scopes that are asked for: what tools were granted, and what is held.
    pub(super) scopes: BTreeSet<String>,
    /// Those of them that the token of now lacks; none where there is no token.
    pub(super) new: BTreeSet<String>,
    /// Whether there is a token, which the new one replaces.
    pub(super) replaces: bool,
    /// Who gives the token: an issuer, or the server's origins.
    pub(super) server: String,
    /// How.
    pub(super) way: Way,
    /// Where the key of the store may be kept, for the person to choose; none where there is a store.
    pub(super) keys: Vec<KeyPlace>,
}

/// The ways that need no secret of a person's here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In the browser that shows the page.
    Browser,
    /// In any browser, by a code that the page shows.
    Device,
}

impl Purpose {
    /// What is to be signed in to; `None` where only a person at a terminal can.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for scopes that the service no longer has, [`Code::StoreUnavailable`] for a store that cannot be read.
    pub(super) fn of(
        host: &Host,
        dish: &Dish,
        user: Option<&Arc<User>>,
        service: &str,
    ) -> Result<Option<Self>, Refusal> {
        let Ok(provider) = host.services().sign_in(service) else { return Ok(None) };
        let Some(way) = way(provider) else { return Ok(None) };
        // A client's secret is typed at a terminal, once: never on a page, whose address an agent knows.
        if provider.has_client_secret() && signed_in::client_secret(host, service)?.is_none() {
            return Ok(None);
        }
        let store = host.store()?;
        // Where the key of the store is kept is for whoever runs the server to choose, not for one of its users.
        if store.is_none() && user.is_some() {
            return Ok(None);
        }
        let id = Id::from((service, user.map(|user| &**user)));
        let keys = if store.is_some() { Vec::new() } else { host.keys.places() };
        if store.is_none() && keys.is_empty() {
            return Ok(None);
        }
        let scopes = signed_in::scopes(host, id)?;
        let held = store.and_then(|store| store.cached_metadata(id)).map(|metadata| metadata.scopes);
        let replaces = held.is_some();
        let new = held.map(|held| scopes.difference(&held).cloned().collect()).unwrap_or_default();
        Ok(Some(Self {
            user: user.cloned(),
            granted: Arc::clone(&dish.granted),
            action: dish.action.name.clone(),
            service: service.to_owned(),
            scopes,
            new,
            replaces,
            server: server(provider),
            way,
            keys,
        }))
    }
}

/// The service that a call needs a sign-in for, and the scope, if that is why it failed: nobody is signed in, or the token
/// lacks a scope that the action was granted. One that the action was not granted is no reason: no sign-in would change that.
pub(super) fn wanted(called: &Called) -> Option<(&str, &str)> {
    if matches!(called.outcome.verdict, Verdict::Returned(_)) {
        return None;
    }
    let wanting = |refused| matches!(refused, Some(Code::NeedsLogin | Code::InsufficientScope));
    let mut requests = called.requests.iter().filter(|request| wanting(request.refused));
    requests.find_map(|request| Some((request.service.as_deref()?, request.scope.as_deref()?)))
}

/// The browser first: it is there, since it shows the page.
fn way(provider: &Provider) -> Option<Way> {
    if provider.offers(Flow::AuthorizationCode) {
        return Some(Way::Browser);
    }
    provider.offers(Flow::Device).then_some(Way::Device)
}

fn server(provider: &Provider) -> String {
    if let Some(issuer) = provider.issuer() {
        return issuer.to_owned();
    }
    let mut origins: Vec<_> =
        provider.endpoints().map(|(_, endpoint)| endpoint.url().origin().ascii_serialization()).collect();
    origins.sort();
    origins.dedup();
    origins.join(", ")
}
