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
use tokio::task::AbortHandle;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;
use url::form_urlencoded;

use super::flow;
use super::page::Page;
use super::page::Stage;
use super::pages::Pages;
use super::sheet::Sheet;
use super::watch;
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
        Method::GET => shown(&page).response(),
        Method::POST => match form(&head.headers, &hall.authority, &page, body).await {
            Some(form) => click(&hall, page, form).await,
            None => Sheet::Foreign.response(),
        },
        _ => Sheet::Method.response(),
    }
}

/// What a look shows. Never a code: an agent that can look at addresses knows this one.
fn shown(page: &Page) -> Sheet<'_> {
    match page.stage() {
        Stage::Open => Sheet::Question(page),
        Stage::Code(_) => Sheet::HasCode(page),
        Stage::Started | Stage::Elsewhere(_) => Sheet::Started,
        Stage::Over(outcome) => Sheet::Over(page, outcome),
    }
}

/// A person's click: the one thing that starts a sign-in.
async fn click(hall: &Hall, page: Arc<Page>, form: Form) -> Response {
    let granted = &page.purpose.granted;
    if hall.host.catalog().find(&granted.name).ok().as_ref() != Some(&**granted) {
        hall.pages.remove(&page);
        return Sheet::Changed.response();
    }
    if let Stage::Code(code) = page.stage() {
        // The tab was closed, or loaded anew: the form's token shows the code again.
        return watch::code(&page, &code, |task| hall.begin(task));
    }
    if let Some(place) = form.key.filter(|_| page.is_open())
        && let Err(refusal) = make_store(&hall.host, place).await
    {
        return Sheet::NoStore(&refusal).response();
    }
    if !page.start() {
        return shown(&page).response();
    }
    let (host, flow_page) = (Arc::clone(&hall.host), Arc::clone(&page));
    hall.begin(async move { flow::run(&host, &flow_page).await });
    match timeout(limits::MCP_SIGN_IN_START, page.shown()).await {
        Ok(Stage::Elsewhere(url)) => Sheet::On(&page, &url).response(),
        Ok(Stage::Code(code)) => watch::code(&page, &code, |task| hall.begin(task)),
        Ok(Stage::Over(outcome)) => Sheet::Over(&page, outcome).response(),
        Ok(Stage::Open | Stage::Started) | Err(_) => Sheet::Slow.response(),
    }
}

/// Makes the store, its key where the person chose; nothing, if somebody made one meanwhile. A keychain may ask the person
/// by a window of its own, so that this is no work for a thread that serves others.
async fn make_store(host: &Arc<Host>, place: String) -> Result<(), Refusal> {
    let host = Arc::clone(host);
    let made = tokio::task::spawn_blocking(move || match host.store()? {
        Some(_) => Ok(()),
        None => host.make_store(&host.keys.new_key(&place)?),
    });
    made.await.map_err(|_| Refusal::internal("the store cannot be made"))?
}

/// What the page's form says.
struct Form {
    /// Where the store's key is to be kept; `None` where the page does not ask.
    key: Option<String>,
}

/// The form of a `POST`, if it is the page's own: by its origin, as the browser says it, and by the form's token.
async fn form(headers: &HeaderMap, authority: &str, page: &Page, body: Body) -> Option<Form> {
    let own = is_one(headers, &header::ORIGIN, &format!("http://{authority}"))
        && (!headers.contains_key(SITE) || is_one(headers, &SITE, "same-origin"))
        && is_one(headers, &header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if !own {
        return None;
    }
    let bytes = timeout(limits::MCP_SIGN_IN_FORM, axum::body::to_bytes(body, FORM_BYTES)).await.ok()?.ok()?;
    let mut fields = form_urlencoded::parse(&bytes);
    fields.next().filter(|(name, token)| name == "token" && page.is_token(token))?;
    let places = &page.purpose.keys;
    let chosen = |place: &str| places.iter().any(|known| known.name == place);
    let key = match places.is_empty() {
        true => None,
        false => Some(fields.next().filter(|(name, place)| name == "key" && chosen(place))?.1.into_owned()),
    };
    fields.next().is_none().then_some(Form { key })
}

/// Whether a header field is there once and is just this.
fn is_one(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|value| value == wanted) && values.next().is_none()
}
