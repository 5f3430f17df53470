//! Sessions of clients before 2026-07-28, each its caller's own from its first moment. One that another caller names is
//! answered as one that does not exist: a session's name alone opens nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use axum::response::Response;
use futures_core::Stream;
use hotcell_protocol::limits;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::model::ServerJsonRpcMessage;
use rmcp::transport::streamable_http_server::SessionId;
use rmcp::transport::streamable_http_server::SessionManager;
use rmcp::transport::streamable_http_server::session::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManagerError;

use super::Caller;

tokio::task_local! {
    /// The request that is being answered.
    static NOW: Arc<Asking>;
}

struct Asking {
    caller: Caller,
    /// It would have opened a session too many.
    is_too_many: AtomicBool,
}

/// The SDK's sessions, and whose each is.
pub(in crate::mcp) struct Sessions {
    sessions: LocalSessionManager,
    owners: Mutex<HashMap<SessionId, Caller>>,
}

type Error = LocalSessionManagerError;

impl Sessions {
    /// None yet.
    pub(in crate::mcp) fn new() -> Self {
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(limits::MCP_SESSION_IDLE);
        Self { sessions, owners: Mutex::default() }
    }

    /// Invariant: whatever is done with a session passes here. Without a request nobody asks.
    fn own(&self, id: &SessionId) -> Result<(), Error> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = NOW.try_with(|now| owners.get(id) == Some(&now.caller)).unwrap_or(false);
        if is_own { Ok(()) } else { Err(Error::SessionNotFound(id.clone())) }
    }

    /// Whether a caller may open one more. Sessions that ended are forgotten.
    fn have_room(&self, caller: &Caller, open: &HashMap<SessionId, impl Sized>) -> bool {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|id, _| open.contains_key(id));
        let own = owners.values().filter(|owner| *owner == caller).count();
        open.len() < limits::MCP_SESSIONS && (caller.0.is_none() || own < limits::MCP_SESSIONS_OF_A_USER)
    }
}

impl SessionManager for Sessions {
    type Error = Error;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Error> {
        let nobody = |_| Error::SessionNotFound("".into());
        let now = NOW.try_with(Arc::clone).map_err(nobody)?;
        if !self.have_room(&now.caller, &*self.sessions.sessions.read().await) {
            now.is_too_many.store(true, Ordering::Release);
            return Err(Error::SessionNotFound("".into()));
        }
        let (id, transport) = self.sessions.create_session().await?;
        // Nothing waits from here on: a client that leaves now leaves no session without an owner.
        let caller = now.caller.clone();
        self.owners.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), caller);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Error> {
        self.own(id)?;
        self.sessions.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Error> {
        Ok(self.own(id).is_ok() && self.sessions.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Error> {
        // Without a request it is the session's own end.
        if NOW.try_with(|_| ()).is_ok() && self.own(id).is_err() {
            return Ok(());
        }
        self.sessions.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        self.own(id)?;
        self.sessions.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Error> {
        self.own(id)?;
        self.sessions.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        self.own(id)?;
        self.sessions.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        self.own(id)?;
        self.sessions.resume(id, last_event_id).await
    }
}

/// Lets each caller have their own sessions alone, and not too many.
pub(in crate::mcp) async fn own(request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "a request does not say whose it is\n").into_response();
    };
    let now = Arc::new(Asking { caller, is_too_many: AtomicBool::new(false) });
    let response = NOW.scope(Arc::clone(&now), next.run(request)).await;
    if now.is_too_many.load(Ordering::Acquire) {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many sessions: end some, or wait\n").into_response();
    }
    response
}
