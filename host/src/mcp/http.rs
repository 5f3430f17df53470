//! MCP over streamable HTTP: one address, one bearer token or the tokens of users, limits on everything that a stranger can make us hold.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::routing::get;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::StreamableHttpService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Server;
pub(crate) use super::bearer::Bearer;
use super::guard;
use super::guard::Names;
use super::users;
use super::users::Sessions;
pub(crate) use super::users::Users;
use crate::config::Serve;
use crate::stop::stopped;

/// Where MCP is.
const PATH: &str = "/mcp";
/// Bytes of a request's head. Tokens and trace context are short.
const HEAD_BYTES: usize = 32 * 1024;
/// How long to wait when the system has no connection to give: too many open files pass.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Who is let in: one kind of authentication at a time.
#[derive(Clone)]
pub(crate) enum Authentication {
    /// Who has the one token; all calls are the operator's.
    Bearer(Bearer),
    /// Who shows a token of the operator's authorisation server; each call is its user's.
    Users(Arc<Users>),
}

/// Who is at the other end of a connection. In the extensions of each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// A bound address, not yet served.
pub(crate) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    names: Names,
}

impl Listening {
    /// Binds an address.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for an address beyond loopback of which the operator wrote nothing, and for one that cannot be had.
    pub(crate) async fn bind(address: SocketAddr, config: &Serve) -> Result<Self, Refusal> {
        if !address.ip().is_loopback() && config.hosts.is_empty() && config.authorization.is_none() {
            return Err(Refusal::new(
                Code::BadConfig,
                format!(
                    "{address} can be reached from other machines, and the operator says neither who its users are nor under \
                     which name it is reached"
                ),
                "bind 127.0.0.1; or write [serve.authorization] in config.toml, so that each caller is a user (docs/users.md), \
                 or hosts = [\"NAME\"] under [serve] for one user with the bearer token; and put a TLS proxy before it",
            ));
        }
        let taken = |error: std::io::Error| {
            Refusal::new(Code::BadConfig, format!("{address} cannot be had: {}", error.kind()), "name another port")
        };
        let listener = TcpListener::bind(address).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        Ok(Self { listener, address, names: Names::of(address, config) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process is told to stop; running calls then have some seconds to end.
    ///
    /// # Errors
    /// None today; a failed connection is its client's matter.
    pub(crate) async fn serve(self, server: Server, who: Authentication) -> Result<(), Refusal> {
        let stop = CancellationToken::new();
        let app = app(server.clone(), who, self.names, stop.clone());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits::MCP_HEAD_TIMEOUT).max_buf_size(HEAD_BYTES);
        let places = Arc::new(Semaphore::new(limits::MCP_CONNECTIONS));
        let connections = GracefulShutdown::new();
        let mut stopping = std::pin::pin!(stopped());
        loop {
            let place = Arc::clone(&places).acquire_owned();
            let accepted = tokio::select! {
                place = place => match place { Ok(place) => place, Err(_) => break },
                () = &mut stopping => break,
            };
            let stream = tokio::select! {
                stream = self.listener.accept() => stream,
                () = &mut stopping => break,
            };
            let Ok((stream, peer)) = stream else {
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            };
            let connection = http.serve_connection(
                TokioIo::new(stream),
                TowerToHyperService::new(app.clone().layer(Extension(Peer(peer)))),
            );
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                drop(connection.await);
                drop(accepted);
            });
        }
        drop(self.listener);
        server.rest().await;
        stop.cancel();
        drop(tokio::time::timeout(limits::MCP_LAST_WORDS * 10, connections.shutdown()).await);
        Ok(())
    }
}

fn app(server: Server, who: Authentication, names: Names, stop: CancellationToken) -> Router {
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(names.hosts().iter().cloned())
        .with_max_request_body_bytes(limits::MCP_MESSAGE_BYTES)
        .with_cancellation_token(stop);
    let own = server.clone();
    let mcp = StreamableHttpService::new(move || Ok(own.clone()), Arc::new(Sessions::new()), config);
    // A resource's path may have segments that an older axum took for patterns.
    let mcp = Router::new().without_v07_checks().route_service(PATH, mcp).layer(middleware::from_fn(users::own));
    let mcp = match who {
        Authentication::Bearer(bearer) => mcp.layer(middleware::from_fn_with_state(bearer, guard::with_token)),
        Authentication::Users(users) => {
            let guarded = mcp.layer(middleware::from_fn_with_state(Arc::clone(&users), users::with_user));
            users.metadata_paths(PATH).iter().fold(guarded, |app, path| {
                let metadata = users.metadata();
                app.route(path, get(async move || Json(metadata)))
            })
        }
    };
    mcp.route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(server))
        .layer(middleware::from_fn_with_state(Arc::new(names), guard::named))
}

/// Whether the grants can be read.
async fn ready(State(server): State<Server>) -> Response {
    match server.look() {
        Ok(()) => "ready\n".into_response(),
        Err(refusal) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", refusal.code)).into_response(),
    }
}
