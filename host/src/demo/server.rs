//! A small API server on loopback for the demonstration: GitHub's paths and JSON for issues, a bearer token demanded,
//! and three endpoints that give away what they are sent, as careless servers do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

/// A running server. It stops when dropped.
pub(crate) struct Server {
    /// Where it listens: a free port of 127.0.0.1.
    pub(crate) address: SocketAddr,
    state: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

/// The answer to a request without the token.
type Refused = (StatusCode, Json<Value>);

struct Shared {
    token: String,
    seen: Mutex<Seen>,
}

/// What the server counted.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    /// Requests with the right token.
    pub(crate) authorised: u32,
    /// Requests without it.
    pub(crate) refused: u32,
    issues: u32,
}

impl Server {
    /// Starts a server that demands this token.
    ///
    /// # Errors
    /// The system's, if no port can be had.
    pub(crate) async fn start(token: String) -> std::io::Result<Self> {
        let state = Arc::new(Shared { token, seen: Mutex::default() });
        let app = Router::new()
            .route("/repos/{owner}/{repo}/issues", get(list).post(create))
            .route("/echo", get(echo))
            .route("/debug/headers", get(echo))
            .route("/redirect", get(redirect))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            drop(axum::serve(listener, app).await);
        });
        Ok(Self { address, state, task })
    }

    /// The server's origin, as a URL.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it counted so far.
    pub(crate) fn seen(&self) -> Seen {
        *self.state.seen()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the request, and answers 401 as GitHub does where the token is missing or wrong.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let wanted = format!("Bearer {}", self.token);
        if headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes() == wanted.as_bytes()) {
            self.seen().authorised += 1;
            return Ok(());
        }
        self.seen().refused += 1;
        Err((StatusCode::UNAUTHORIZED, Json(json!({"message": "Bad credentials", "status": "401"}))))
    }

    fn issue(&self, number: u32, title: &str, owner: &str, repo: &str) -> Value {
        json!({
            "number": number,
            "title": title,
            "state": "open",
            "html_url": format!("https://example.com/{owner}/{repo}/issues/{number}"),
            "user": {"login": "ada"},
            "comments": 0,
            "labels": [{"name": "demo"}],
        })
    }
}

async fn list(
    State(state): State<Arc<Shared>>,
    Path((owner, repo)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    state.admit(&headers)?;
    let mut issues = vec![
        state.issue(2, "The window of the cell has a scratch", &owner, &repo),
        state.issue(1, "Manipulators squeak", &owner, &repo),
    ];
    let created = state.seen().issues;
    issues.extend((0..created).map(|n| state.issue(3 + n, "A new issue", &owner, &repo)));
    Ok(Json(Value::Array(issues)))
}

async fn create(
    State(state): State<Arc<Shared>>,
    Path((owner, repo)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    state.admit(&headers)?;
    let number = {
        let mut seen = state.seen();
        seen.issues += 1;
        2 + seen.issues
    };
    let title = body.get("title").and_then(Value::as_str).unwrap_or("untitled");
    Ok((StatusCode::CREATED, Json(state.issue(number, title, &owner, &repo))))
}

/// Sends every request header back, the credential too: a debug page left in production.
async fn echo(State(state): State<Arc<Shared>>, headers: HeaderMap) -> Result<Json<Value>, Refused> {
    state.admit(&headers)?;
    let shown: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    Ok(Json(json!({"headers": shown})))
}

/// Redirects to another origin with the credential in the URL: an open redirect of the worst kind.
async fn redirect(State(state): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Refused> {
    state.admit(&headers)?;
    let location = format!("https://elsewhere.example/collect?token={}", state.token);
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}
