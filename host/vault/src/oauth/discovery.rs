//! Where a server's endpoints are: written by the operator, or found in its metadata (RFC 8414, OpenID Connect Discovery).

use serde::Deserialize;

use super::client::header;
use super::client::judge;
use super::endpoint::Endpoint;
use super::error::OAuthError;
use super::error::Place;
use super::failure::Failure;
use super::http::Http;
use super::http::HttpError;
use super::http::HttpRequest;
use super::provider::Dialect;
use super::provider::Provider;
use super::text;

/// A server's endpoints, and what it says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    authorization: Option<Endpoint>,
    token: Option<Endpoint>,
    device: Option<Endpoint>,
    pub(crate) revocation: Option<Endpoint>,
    issuer: Option<String>,
    /// It says that callbacks name it (RFC 9207 §3).
    names_itself: bool,
    /// It knows S256: it says so, or the operator does by writing the endpoints.
    pub(crate) knows_s256: bool,
}

/// Metadata (RFC 8414 §2). Unknown fields are no concern of ours.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    jwks_uri: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// The endpoints of a provider. What the operator wrote beats what is found.
pub(crate) async fn endpoints(provider: &Provider, http: &dyn Http) -> Result<Endpoints, OAuthError> {
    let named =
        |field: &str| provider.endpoints().find(|(name, _)| *name == field).map(|(_, endpoint)| endpoint.clone());
    let written = Endpoints {
        authorization: named("authorization_endpoint"),
        token: named("token_endpoint"),
        device: named("device_authorization_endpoint"),
        revocation: named("revocation_endpoint"),
        issuer: provider.issuer().map(str::to_owned),
        names_itself: false,
        knows_s256: true,
    };
    if provider.dialect() == Dialect::Supabase {
        let token = provider.issuer_endpoint().map(|issuer| issuer.below("token", None));
        return Ok(Endpoints { token, ..written });
    }
    let Some(issuer) = provider.discovery_origin() else { return Ok(written) };
    let metadata = look_up(issuer, http).await?;
    let pick = |written: Option<Endpoint>, field, found: Option<String>| match (written, found) {
        (None, Some(text)) => endpoint(&text, field, issuer, provider).map(Some),
        (written, _) => Ok(written),
    };
    let methods = metadata.code_challenge_methods_supported.unwrap_or_default();
    Ok(Endpoints {
        authorization: pick(written.authorization, "authorization_endpoint", metadata.authorization_endpoint)?,
        token: pick(written.token, "token_endpoint", metadata.token_endpoint)?,
        device: pick(written.device, "device_authorization_endpoint", metadata.device_authorization_endpoint)?,
        revocation: pick(written.revocation, "revocation_endpoint", metadata.revocation_endpoint)?,
        issuer: written.issuer,
        names_itself: metadata.authorization_response_iss_parameter_supported,
        // No list means no PKCE (RFC 8414 §2).
        knows_s256: methods.iter().any(|method| method == "S256"),
    })
}

/// Where an issuer's keys are, as its metadata says: on this machine only if the issuer is (threat L7).
///
/// # Errors
/// [`OAuthError::ForeignMetadata`] for another issuer's metadata, [`OAuthError::Missing`] where they name no keys, and what the
/// network says.
pub async fn jwks_uri(issuer: &Endpoint, http: &dyn Http) -> Result<Endpoint, OAuthError> {
    let found = look_up(issuer, http).await?.jwks_uri;
    let text = found.ok_or(OAuthError::Missing { field: "jwks_uri", repair: "write it into [serve.authorization]" })?;
    near(&text, issuer)
}

/// The metadata of an issuer, of which it must be (RFC 8414 §3.3).
async fn look_up(issuer: &Endpoint, http: &dyn Http) -> Result<Metadata, OAuthError> {
    let path = issuer.url().path().trim_end_matches('/');
    // RFC 8414 §3.1 puts the well-known part before the issuer's path, OpenID Connect Discovery §4 after it.
    let first = issuer.at_path(&format!("/.well-known/oauth-authorization-server{path}"));
    let second = issuer.at_path(&format!("{path}/.well-known/openid-configuration"));
    let mut found = fetch(first, http).await;
    // Servers that do not know the first address say so in many ways: an error, a redirect, a page for people.
    if matches!(found, Err(Failure::Refused(_) | Failure::Broken(_) | Failure::Network(HttpError::Redirected))) {
        found = fetch(second, http).await;
    }
    let metadata = found.map_err(|failure| OAuthError::of(Place::Metadata, failure))?;
    if metadata.issuer != issuer.as_str() {
        return Err(OAuthError::ForeignMetadata);
    }
    Ok(metadata)
}

async fn fetch(endpoint: Endpoint, http: &dyn Http) -> Result<Metadata, Failure> {
    let request = HttpRequest { endpoint, headers: vec![header("accept", "application/json")], body: None };
    let body = judge(http.send(request).await.map_err(Failure::Network)?, Dialect::Oauth)?;
    text::object(&body).ok_or(Failure::Broken("it is not the JSON of RFC 8414"))
}

/// An endpoint that was found: checked as the operator's are, on this machine only if the issuer is (threat L7), and not
/// where tools could reach it (threat L16): what the operator writes is denied to them, what is found only now is not.
fn endpoint(text: &str, field: &'static str, issuer: &Endpoint, provider: &Provider) -> Result<Endpoint, OAuthError> {
    let endpoint = near(text, issuer)?;
    if provider.is_reached_by_tools(&endpoint) {
        return Err(OAuthError::WithinReach { field });
    }
    Ok(endpoint)
}

/// An endpoint that was found, on this machine only if the issuer is.
fn near(text: &str, issuer: &Endpoint) -> Result<Endpoint, OAuthError> {
    let endpoint = Endpoint::parse(text).ok().filter(|endpoint| issuer.is_loopback() || !endpoint.is_loopback());
    endpoint.ok_or(OAuthError::Broken {
        place: Place::Metadata,
        why: "it names an endpoint that is not encrypted, or on this machine",
    })
}

impl Endpoints {
    pub(crate) fn authorization(&self) -> Result<&Endpoint, OAuthError> {
        self.authorization.as_ref().ok_or(missing("authorization_endpoint"))
    }

    pub(crate) fn token(&self) -> Result<&Endpoint, OAuthError> {
        self.token.as_ref().ok_or(missing("token_endpoint"))
    }

    pub(crate) fn device(&self) -> Result<&Endpoint, OAuthError> {
        self.device.as_ref().ok_or(missing("device_authorization_endpoint"))
    }

    /// Whether an answer in the browser is this server's (RFC 9207 §2.4, threat L3).
    pub(crate) fn check_issuer(&self, named: Option<&str>) -> Result<(), OAuthError> {
        match (named, self.issuer.as_deref()) {
            (Some(named), Some(issuer)) if named != issuer => Err(OAuthError::ForeignAnswer),
            (None, _) if self.names_itself => Err(OAuthError::ForeignAnswer),
            _ => Ok(()),
        }
    }
}

fn missing(field: &'static str) -> OAuthError {
    OAuthError::Missing { field, repair: "write it into [service.NAME.oauth], or `issuer` and discovery = true" }
}
