//! The authorisation servers for the store: refreshes and revokes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::client::Client;
use super::discovery;
use super::discovery::Endpoints;
use super::error::OAuthError;
use super::failure::Failure;
use super::http::Http;
use super::provider::Dialect;
use super::provider::Flow;
use super::provider::Provider;
use super::revoke::revoke;
use super::sign_in::SignIn;
use super::supabase::SESSION_IS_OVER;
use crate::NewToken;
use crate::Token;
use crate::issuer::Issuer;
use crate::issuer::RefreshError;
use crate::issuer::Waiting;
use crate::secret::Secret;

/// How long metadata that was found is believed. Servers move rarely, and every refresh would ask twice otherwise.
const METADATA_LIFE: Duration = Duration::from_secs(60 * 60);

/// Refreshes and revokes the tokens of all services that have a provider.
pub struct OAuthIssuer {
    providers: BTreeMap<String, Provider>,
    http: Arc<dyn Http>,
    found: Mutex<BTreeMap<String, (Instant, Endpoints)>>,
}

/// What of a token a server wants to see.
#[derive(Clone, Copy)]
pub(crate) struct Carried<'a> {
    pub(crate) access: &'a Secret,
    pub(crate) refresh: Option<&'a Secret>,
    pub(crate) client_secret: Option<&'a Secret>,
}

impl<'a> Carried<'a> {
    /// The seam to the store's token. `client_secret` joins when the store keeps one with the token.
    fn by(token: &'a Token) -> Self {
        Self { access: token.access(), refresh: token.refresh(), client_secret: token.client_secret() }
    }
}

impl OAuthIssuer {
    /// The servers of these providers, by service.
    #[must_use]
    pub fn new(providers: BTreeMap<String, Provider>, http: Arc<dyn Http>) -> Self {
        Self { providers, http, found: Mutex::default() }
    }

    pub(crate) async fn fresh(&self, service: &str, carried: Carried<'_>) -> Result<NewToken, RefreshError> {
        let provider = self.providers.get(service).ok_or(RefreshError::Config)?;
        let endpoints = self.endpoints(service, provider).await.map_err(|error| described(&error))?;
        let client = Client::new(provider, &*self.http, carried.client_secret).map_err(|error| described(&error))?;
        let token = endpoints.token().map_err(|error| described(&error))?;
        let as_client = provider.offers(Flow::ClientCredentials) && carried.client_secret.is_some();
        let resource = provider.resource().filter(|_| provider.dialect() == Dialect::Oauth);
        let reply = match carried.refresh {
            Some(refresh) => {
                // Without `scope`: as many as before (RFC 6749 §6).
                let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
                fields.extend(SignIn::extent(None, resource));
                client.token(token, &fields).await
            }
            None if as_client => {
                let scope = provider.scope_parameter(provider.known_scopes());
                let mut fields = vec![("grant_type", "client_credentials")];
                fields.extend(SignIn::extent(scope.as_deref(), resource));
                client.token(token, &fields).await.map(super::reply::Reply::without_refresh)
            }
            // There is nothing that a new token could be had for.
            None => return Err(RefreshError::Rejected),
        };
        let reply = reply.map_err(|failure| classify(&failure, provider.dialect()))?;
        Ok(reply.into_token(|word| provider.still_granted(word)))
    }

    async fn endpoints(&self, service: &str, provider: &Provider) -> Result<Endpoints, OAuthError> {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned();
        if let Some((since, endpoints)) = known
            && since.elapsed() < METADATA_LIFE
        {
            return Ok(endpoints);
        }
        let endpoints = discovery::endpoints(provider, &*self.http).await?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(service.to_owned(), (Instant::now(), endpoints.clone()));
        Ok(endpoints)
    }
}

impl Issuer for OAuthIssuer {
    fn refresh(&self, service: String, token: Arc<Token>) -> Waiting<'_, Result<NewToken, RefreshError>> {
        Box::pin(async move { self.fresh(&service, Carried::by(&token)).await })
    }

    fn revoke(&self, service: String, token: Arc<Token>) -> Waiting<'_, bool> {
        Box::pin(async move {
            let Some(provider) = self.providers.get(&service) else { return false };
            let Ok(endpoints) = self.endpoints(&service, provider).await else { return false };
            revoke(provider, &*self.http, &endpoints, Carried::by(&token)).await
        })
    }
}

/// Only the server's own word that the grant is over is final (RFC 6749 §5.2). Whatever else happens, the refresh token may
/// still be good, and is kept.
fn classify(failure: &Failure, dialect: Dialect) -> RefreshError {
    match (failure.code(), failure) {
        (Some("invalid_grant"), _) => RefreshError::Rejected,
        (Some(code), _) if dialect == Dialect::Supabase && SESSION_IS_OVER.contains(&code) => RefreshError::Rejected,
        (Some("invalid_client" | "unauthorized_client"), _) => RefreshError::Config,
        (_, Failure::Busy { retry_after }) => RefreshError::Transient { retry_after: *retry_after },
        _ => RefreshError::Transient { retry_after: None },
    }
}

/// What the operator wrote is wrong, or the server cannot be asked now.
fn described(error: &OAuthError) -> RefreshError {
    match error {
        OAuthError::Missing { .. } | OAuthError::ForeignMetadata | OAuthError::WithinReach { .. } => {
            RefreshError::Config
        }
        _ => RefreshError::Transient { retry_after: None },
    }
}
