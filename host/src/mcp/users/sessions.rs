//! Sessions of clients before 2026-07-28, each its caller's own. One that another caller names is answered as one that does
//! not exist: a session's name alone opens nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use axum::response::Response;
use hotcell_protocol::limits;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use super::Caller;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// A name that no session has: those of the SDK are UUIDs.
const NOBODYS: HeaderValue = HeaderValue::from_static("nobody's");

/// The sessions, and whose each is.
#[derive(Clone)]
pub(in crate::mcp) struct Sessions {
    manager: Arc<LocalSessionManager>,
    owners: Arc<Mutex<HashMap<String, Caller>>>,
}

impl Sessions {
    pub(in crate::mcp) fn new(manager: Arc<LocalSessionManager>) -> Self {
        Self { manager, owners: Arc::default() }
    }

    /// Whether this caller opens one too many.
    async fn are_too_many(&self, caller: &Caller) -> bool {
        let open = self.manager.sessions.read().await;
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|name, _| open.contains_key(name.as_str()));
        let own = owners.values().filter(|owner| *owner == caller).count();
        open.len() >= limits::MCP_SESSIONS || (caller.0.is_some() && own >= limits::MCP_SESSIONS_OF_A_USER)
    }

    fn is_of(&self, name: &HeaderValue, caller: &Caller) -> bool {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        name.to_str().is_ok_and(|name| owners.get(name) == Some(caller))
    }

    fn opened(&self, name: &HeaderValue, caller: Caller) {
        let Ok(name) = name.to_str() else { return };
        self.owners.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_insert(caller);
    }
}

/// Refuses new sessions beyond the limit, and lets each caller have their own alone.
pub(in crate::mcp) async fn own(State(sessions): State<Sessions>, mut request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "a request does not say whose it is\n").into_response();
    };
    let named: Vec<_> = request.headers().get_all(&SESSION).iter().cloned().collect();
    if named.is_empty() {
        if request.method() == Method::POST && sessions.are_too_many(&caller).await {
            return (StatusCode::SERVICE_UNAVAILABLE, "too many sessions: end some, or wait\n").into_response();
        }
    } else if named.len() > 1 || !named.iter().all(|name| sessions.is_of(name, &caller)) {
        // The SDK itself answers, so that the answer is the same as for one that does not exist.
        request.headers_mut().insert(&SESSION, NOBODYS);
    }
    let response = next.run(request).await;
    if let Some(name) = response.headers().get(&SESSION) {
        sessions.opened(name, caller);
    }
    response
}
