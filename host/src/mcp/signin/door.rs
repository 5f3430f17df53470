//! The listener of the pages: on 127.0.0.1, at a port of the system's choice, from the first page until the server ends. A
//! sign-in starts here and only here, by a `POST` of the page's own form (threats L5, L8).

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::Method;
use axum::http::header;
use axum::response::Response;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;
use url::form_urlencoded;

use super::flow;
use super::pages::Page;
use super::pages::Pages;
use super::sheet::Sheet;
use crate::Host;

/// Where pages are.
const PATH: &str = "/sign-in/";
/// Bytes of a request's head. Browsers send the cookies of every port of this address.
const HEAD_BYTES: usize = 32 * 1024;
/// Bytes of the form.
const FORM_BYTES: usize = 512;
/// How long to wait when the system has no connection to give.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How a browser says where a request comes from (Fetch Metadata). Not all do; those that do do not lie.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The listener, and what it serves. Dropped, it closes the port and ends all sign-ins.
pub(super) struct Door {
    hall: Arc<Hall>,
    _serving: JoinSet<()>,
    stop: AbortHandle,
}

struct Hall {
    host: Arc<Host>,
    pages: Arc<Pages>,
    /// `127.0.0.1:PORT`: a page whose name was made to lead here sends another `Host` (DNS rebinding).
    authority: String,
    flows: Mutex<JoinSet<()>>,
}

impl Door {
    /// Opens the port.
    ///
    /// # Errors
    /// [`Code::Internal`] if there is none to be had.
    pub(super) async fn open(host: Arc<Host>) -> Result<Self, Refusal> {
        let none = |_| Refusal::new(Code::Internal, "there is no port for the page of a sign-in", "");
        // The literal address, never the name `localhost`, and never all interfaces (RFC 8252 §8.3).
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(none)?;
        let authority = listener.local_addr().map_err(none)?.to_string();
        let hall = Arc::new(Hall { host, pages: Arc::default(), authority, flows: Mutex::default() });
        let mut serving = JoinSet::new();
        let stop = serving.spawn(serve(listener, Arc::clone(&hall)));
        Ok(Self { hall, _serving: serving, stop })
    }

    pub(super) fn pages(&self) -> &Pages {
        &self.hall.pages
    }

    /// Closes the port, and ends all pages and sign-ins; who waits for one goes on.
    pub(super) fn close(&self) {
        self.stop.abort();
        self.hall.flows.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.hall.pages.close();
    }

    /// The address of a page.
    pub(super) fn address(&self, page: &Page) -> String {
        format!("http://{}{PATH}{}", self.hall.authority, page.nonce())
    }
}

impl Hall {
    /// Runs a sign-in beside the connection that started it.
    fn begin(&self, flow: impl Future<Output = ()> + Send + 'static) {
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        // What has ended is let go of.
        while flows.try_join_next().is_some() {}
        flows.spawn(flow);
    }
}

async fn serve(listener: TcpListener, hall: Arc<Hall>) {
    let app = Router::new().fallback(answer).with_state(hall);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits::MCP_HEAD_TIMEOUT).max_buf_size(HEAD_BYTES);
    http.keep_alive(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < limits::MCP_SIGN_IN_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
                    connections.spawn(timeout(limits::MCP_SIGN_IN_CONNECTION, connection));
                }
                Err(_) => sleep(ACCEPT_AGAIN).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !is_one(&head.headers, &header::HOST, &hall.authority) {
        return Sheet::Foreign.response();
    }
    let nonce = head.uri.path().strip_prefix(PATH).filter(|_| head.uri.query().is_none());
    let Some(page) = nonce.and_then(|nonce| hall.pages.at(nonce)) else { return Sheet::Nothing.response() };
    match head.method {
        Method::GET if page.has_started() => Sheet::Started.response(),
        Method::GET => Sheet::Question(&page).response(),
        Method::POST if is_own_form(&head.headers, &hall.authority, &page, body).await => click(&hall, page).await,
        Method::POST => Sheet::Foreign.response(),
        _ => Sheet::Method.response(),
    }
}

/// A person's click: the one thing that starts a sign-in.
async fn click(hall: &Hall, page: Arc<Page>) -> Response {
    let granted = &page.purpose.granted;
    if hall.host.catalog().find(&granted.name).ok().as_ref() != Some(&**granted) {
        hall.pages.end(&page);
        return Sheet::Changed.response();
    }
    if !page.start() {
        return Sheet::Started.response();
    }
    let (way, shown) = oneshot::channel();
    let (host, pages, flow_page) = (Arc::clone(&hall.host), Arc::clone(&hall.pages), Arc::clone(&page));
    hall.begin(async move { flow::run(&host, &pages, &flow_page, way).await });
    match timeout(limits::MCP_SIGN_IN_START, shown).await {
        Ok(Ok(url)) => Sheet::On(&page, &url).response(),
        Ok(Err(_)) | Err(_) => Sheet::Failed.response(),
    }
}

/// Whether a `POST` is that of the page's own form: by its origin, as the browser says it, and by the form's token.
async fn is_own_form(headers: &HeaderMap, authority: &str, page: &Page, body: Body) -> bool {
    let own = is_one(headers, &header::ORIGIN, &format!("http://{authority}"))
        && (!headers.contains_key(SITE) || is_one(headers, &SITE, "same-origin"))
        && is_one(headers, &header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if !own {
        return false;
    }
    let Ok(form) = axum::body::to_bytes(body, FORM_BYTES).await else { return false };
    let mut fields = form_urlencoded::parse(&form);
    let token = fields.next().filter(|(name, _)| name == "token");
    token.is_some_and(|(_, token)| page.is_token(&token)) && fields.next().is_none()
}

/// Whether a header field is there once and is just this.
fn is_one(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|value| value == wanted) && values.next().is_none()
}
