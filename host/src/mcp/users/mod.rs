//! Users over HTTP: each caller shows a token of the operator's authorisation server, and is the user that it names, with that
//! user's own tokens of services (MCP authorization, RFC 9728). The token ends here: it is checked, taken out of the request,
//! and goes nowhere, least of all to a service (no token passthrough).
//!
//! ```text
//!  request ─► admit ─► header ─► key ─► signature, iss, aud, exp ─► User ─► session ─► call (that user's account)
//!               │                 ▲
//!               └─ 401, 403, 503  └─ keys: fetched from the issuer, kept, bounded
//! ```

mod body;
mod keys;
mod places;
mod ring;
mod sessions;
mod token;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use axum::response::Response;
use hotcell_protocol::Refusal;
use hotcell_vault::User;
use hotcell_vault::oauth::Http;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use serde_json::Value;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::config::Authorization;
use keys::Keys;
pub(super) use places::Places;
pub(super) use sessions::Sessions;
pub(super) use sessions::own;
use token::Bad;
use token::Good;

/// Where a protected resource's metadata are (RFC 9728 §3).
pub(super) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Whose request it is: a user's, or that of whoever runs the server. In the extensions of each request over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller(pub(super) Option<Arc<User>>);

/// Says who calls.
pub(crate) struct Users {
    config: Authorization,
    keys: Arc<Keys>,
    /// Places for requests of each user.
    places: Places,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    /// It shows no token.
    Missing,
    /// It shows more than one, or something else than one.
    Malformed,
    /// It shows one that is not good, or not enough.
    Bad(Bad),
    /// The user has too many requests under way.
    Busy,
}

impl Users {
    /// Users as this authorisation server names them.
    pub(crate) fn new(config: Authorization, http: Arc<dyn Http>) -> Self {
        // A program that embeds the library may have installed another one, which is as good.
        let installed = jsonwebtoken::crypto::CryptoProvider::install_default(&ring::PROVIDER);
        tracing::trace!(own = installed.is_ok(), "signatures are checked");
        Self { keys: Arc::new(Keys::new(&config, http)), config, places: Places::default() }
    }

    /// Fetches the issuer's keys, so that what is wrong with them is said at the start. Whether they are there.
    pub(crate) async fn look(&self) -> bool {
        self.keys.look().await;
        self.keys.are_there()
    }

    /// The metadata of this server (RFC 9728 §2), which say where tokens are had.
    pub(super) fn metadata(&self) -> Value {
        // None demanded is not the same as none supported: then a client is told nothing of scopes.
        let scopes = (!self.config.scopes.is_empty()).then(|| ("scopes_supported", json!(self.config.scopes)));
        let told = [
            ("resource", json!(self.config.written)),
            ("authorization_servers", json!([self.config.issuer.as_str()])),
            ("bearer_methods_supported", json!(["header"])),
            ("resource_name", json!("Hotcell")),
        ];
        told.into_iter().chain(scopes).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The paths of the metadata: with the resource's own path behind it, as clients look first, and without (RFC 9728 §3.1).
    pub(super) fn metadata_paths(&self, own: &str) -> Vec<String> {
        let mut paths = vec![WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}{own}"), self.metadata_path()];
        paths.sort();
        paths.dedup();
        paths
    }

    fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.config.resource.path().trim_end_matches('/'))
    }

    /// Who shows this.
    async fn admit(&self, headers: &HeaderMap) -> Result<(Good, OwnedSemaphorePermit), Denied> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(Denied::Missing)?;
        // RFC 6750 §2 and §3.1: one token, in one way.
        if values.next().is_some() {
            return Err(Denied::Malformed);
        }
        let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Denied::Malformed)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::Missing);
        }
        let good = token::check(token, &self.config, &self.keys).await.map_err(Denied::Bad)?;
        let place = self.places.take(&good.user).ok_or(Denied::Busy)?;
        Ok((good, place))
    }

    /// The answer to a request that is not let in (RFC 6750 §3, RFC 9728 §5.1).
    fn refuse(&self, denied: Denied) -> Response {
        let (status, error, words) = match denied {
            Denied::Missing => (StatusCode::UNAUTHORIZED, None, "an access token is needed"),
            Denied::Malformed => (
                StatusCode::BAD_REQUEST,
                Some("invalid_request"),
                "one Authorization header with one bearer token, and no more",
            ),
            Denied::Bad(Bad::Token(why)) => (StatusCode::UNAUTHORIZED, Some("invalid_token"), why),
            Denied::Bad(Bad::Scope) => (StatusCode::FORBIDDEN, Some("insufficient_scope"), "the token lacks a scope"),
            Denied::Bad(Bad::Unreachable) => {
                let words = "the authorisation server's keys cannot be had now: try again later\n";
                return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], words).into_response();
            }
            Denied::Busy => {
                return (StatusCode::TOO_MANY_REQUESTS, "too many requests of this user are under way\n")
                    .into_response();
            }
        };
        let mut challenge = "Bearer ".to_owned();
        if let Some(error) = error {
            challenge.push_str(&format!("error=\"{error}\", error_description=\"{words}\", "));
        }
        if !self.config.scopes.is_empty() {
            challenge.push_str(&format!("scope=\"{}\", ", self.config.scopes.join(" ")));
        }
        let metadata = format!("{}{}", self.config.resource.origin().ascii_serialization(), self.metadata_path());
        challenge.push_str(&format!("resource_metadata=\"{metadata}\""));
        let mut response = (status, format!("{words}\n")).into_response();
        // Nothing in it comes from a request, and the configuration has no character that a header has not.
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Lets in what carries a user's token, and says to all that comes after whose request it is.
pub(super) async fn with_user(State(users): State<Arc<Users>>, mut request: Request, next: Next) -> Response {
    let (good, place) = match users.admit(request.headers()).await {
        Ok(admitted) => admitted,
        Err(denied) => {
            tracing::debug!(?denied, "a request is not let in");
            return users.refuse(denied);
        }
    };
    // Nobody behind this has use for it: what is not there is in no log and goes to no service.
    request.headers_mut().remove(header::AUTHORIZATION);
    let until = is_endless(&request).then_some(good.until);
    request.extensions_mut().insert(Caller(Some(Arc::new(good.user))));
    let response = next.run(request).await;
    response.map(|inner| axum::body::Body::new(body::Held::new(inner, place, until)))
}

/// Whether the answer goes on until somebody ends it: then it ends with the token.
fn is_endless(request: &Request) -> bool {
    let listens = request.headers().get("mcp-method").is_some_and(|method| method == "subscriptions/listen");
    request.method() == Method::GET || listens
}

/// Whose call it is. Where users are served, a request that does not say so is nobody's, and is not taken for the operator's.
///
/// # Errors
/// [`hotcell_protocol::Code::Internal`] for such a request.
pub(super) fn user_of(context: &RequestContext<RoleServer>, users: bool) -> Result<Option<Arc<User>>, Refusal> {
    let caller = context.extensions.get::<Parts>().map(|parts| parts.extensions.get::<Caller>());
    match caller {
        None if !users => Ok(None),
        Some(Some(Caller(user))) if user.is_some() == users => Ok(user.clone()),
        _ => Err(Refusal::internal("a request does not say whose it is")),
    }
}

/// How long a token is still good.
fn left(until: SystemTime) -> std::time::Duration {
    until.duration_since(SystemTime::now()).unwrap_or_default()
}
