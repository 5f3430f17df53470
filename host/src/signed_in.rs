//! What every sign-in has in common, however a person started it: what is asked for, and where the token goes.

use std::collections::BTreeSet;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_vault::Id;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use hotcell_vault::oauth::SignedIn;

use crate::Host;

/// The scopes to ask for: what the installed tools were granted, and what is held already.
///
/// # Errors
/// [`Code::BadArguments`] if that is nothing, [`Code::BadConfig`] for scopes that the service no longer has.
pub(crate) fn scopes(host: &Host, id: Id<'_>) -> Result<BTreeSet<String>, Refusal> {
    let mut scopes = BTreeSet::new();
    for granted in host.catalog().grants()?.into_values() {
        for action in granted.actions.into_values() {
            scopes.extend(action.services.get(id.service).cloned().unwrap_or_default());
        }
    }
    if let Some(store) = host.store()? {
        scopes.extend(store.cached_metadata(id).map(|held| held.scopes).unwrap_or_default());
    }
    if scopes.is_empty() {
        let explained = host.services().explain();
        let known = explained.iter().find(|service| service.name == id.service);
        let names: Vec<_> = known.iter().flat_map(|service| &service.scopes).map(|scope| scope.name.as_str()).collect();
        return Err(Refusal::new(
            Code::BadArguments,
            format!("no installed tool needs a scope of {}, so nothing would be asked for", id.service),
            format!("install a tool first, or name scopes with --scope: {}", names.join(", ")),
        ));
    }
    let scopes: Vec<String> = scopes.into_iter().collect();
    host.refuse_unknown_scopes(id.service, &scopes)?;
    Ok(scopes.into_iter().collect())
}

/// The secret of a service's client, as an earlier sign-in at the terminal left it in the store; `None` if there is none.
///
/// # Errors
/// [`Code::StoreUnavailable`] if the store cannot be read.
pub(crate) fn client_secret(host: &Host, service: &str) -> Result<Option<Secret>, Refusal> {
    let Some(store) = host.store()? else { return Ok(None) };
    // A service of this name that leads elsewhere by now does not get it (threat I9).
    Ok(store.client_secret(service, host.services().fingerprint(service).as_deref())?)
}

/// Puts what a sign-in gave into the store; gives the scopes that the server did not grant.
///
/// # Errors
/// As [`Host::keep`].
pub(crate) fn keep(host: &Host, id: Id<'_>, signed_in: SignedIn) -> Result<BTreeSet<String>, Refusal> {
    let SignedIn { token, client_secret, issuer, account, declined } = signed_in;
    host.keep(id, &NewToken { client_secret, issuer, display_account: account, ..token })?;
    Ok(declined)
}
