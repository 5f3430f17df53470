//! Allowed → Signed: the one place where a token is taken from the vault, and the one place where it is put: a header of
//! the service's, set by the host, exactly once.

use std::sync::Arc;

use bytes::Bytes;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use hotcell_vault::Id;
use hotcell_vault::Reason;
use hotcell_vault::Token;
use hotcell_vault::User;
use http::HeaderMap;
use http::HeaderValue;
use http::header;
use zeroize::Zeroizing;

use crate::policy::Allowed;
use crate::policy::Terms;
use crate::policy::url::Target;
use crate::service::Services;

/// A request that carries its credential. It has no `Debug`, `Clone` or `Serialize`, and only the network takes it.
pub struct Signed {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) terms: Terms,
    pub(crate) whose: Whose,
    /// Private: nothing outside this module makes one.
    _made: (),
}

/// On whose connections a request travels: nobody else's requests are on them (threats B5, C8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Whose {
    tool: Digest,
    service: Option<String>,
    user: Option<String>,
}

/// Adds what the host adds: the service's fixed headers and, where a scope says so, the credential. That of this user, if the call
/// is one's: a user without one is refused, and never gets another's.
/// `tool` is what asks. Returns the token too, if one was used: for the case that the server does not take it.
pub(crate) async fn sign(
    services: &Services,
    store: Option<&AuthStore>,
    allowed: Allowed,
    tool: Digest,
    user: Option<&User>,
) -> Result<(Signed, Option<Arc<Token>>), Refusal> {
    let Allowed { method, target, headers, body, terms, .. } = allowed;
    let mut headers = headers.into_map();
    // Answers in a form that can be scanned, whole (threats B14, E3).
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut used = None;
    if let Some(name) = &terms.service {
        let service = services.find(name).ok_or_else(|| Refusal::internal("an allowed request names no service"))?;
        for (name, value) in &service.send {
            headers.insert(name, value.clone());
        }
        if let Some(scope) = &terms.scope {
            if !target.origin.may_carry_credentials() {
                return Err(Refusal::new(
                    Code::OriginNotGranted,
                    format!("{} is not encrypted, so it gets no credential", target.origin),
                    "use an https origin",
                ));
            }
            let id = Id::from((name.as_str(), user));
            refuse_if_changed(services, store, id, scope)?;
            let (value, token) = credential(store, id, scope, &service.prefix).await?;
            headers.insert(&service.header, value);
            used = Some(token);
            if headers.get_all(&service.header).iter().count() != 1 {
                return Err(Refusal::internal("a request would carry its credential twice"));
            }
        }
    }
    let whose = Whose { tool, service: terms.service.clone(), user: user.map(|user| user.account().to_owned()) };
    Ok((Signed { method, target, headers, body, terms, whose, _made: () }, used))
}

/// A token is for the service that a person meant. Whoever changes what stands behind the name gets none (threat I9).
fn refuse_if_changed(services: &Services, store: Option<&AuthStore>, id: Id<'_>, scope: &str) -> Result<(), Refusal> {
    let bound = store.and_then(|store| store.cached_metadata(id)).and_then(|metadata| metadata.bound);
    if bound.is_none() || bound == services.fingerprint(id.service) {
        return Ok(());
    }
    Err(required(id, scope, Reason::Changed))
}

fn required(id: Id<'_>, scope: &str, reason: Reason) -> Refusal {
    Refusal::from(AuthError::AuthenticationRequired {
        service: id.service.to_owned(),
        account: None,
        user: id.user.cloned().map(Box::new),
        scope: Some(scope.to_owned()),
        reason,
    })
}

/// The header's value, marked sensitive: HTTP libraries do not log it, and no compressing header table keeps it (threats F2, G1).
async fn credential(
    store: Option<&AuthStore>,
    id: Id<'_>,
    scope: &str,
    prefix: &str,
) -> Result<(HeaderValue, Arc<Token>), Refusal> {
    let token = match store {
        Some(store) => store.get_token(id, Some(scope)).await?,
        None => return Err(required(id, scope, Reason::NotSignedIn)),
    };
    let text = Zeroizing::new([prefix, token.access().expose()].concat());
    let mut value =
        HeaderValue::from_str(&text).map_err(|_| Refusal::internal("a stored token does not fit into a header"))?;
    value.set_sensitive(true);
    Ok((value, token))
}
