//! Sign-in by URL elicitation: a call that needs a sign-in names a page of ours to the client, and the client shows it to the
//! person. There the person reads what is meant; their click starts the flow, and nothing else does (threat L8). The agent
//! sees the page's address, and never a code, a verifier, a token or the authorisation server's address.
//!
//! ```text
//!  call ─► needs-login ─► offer ─► client ─► the person's browser ─► door ─► click ─► flow ─► the store
//!    ▲                                                                                  │
//!    └──────────── the same call again (2026-07-28: back, which waits) ◄────────────────┘
//! ```

mod door;
mod flow;
mod page;
mod pages;
mod purpose;
mod sheet;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use axum::http::request::Parts;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_vault::User;
use rmcp::ErrorData;
use rmcp::RoleServer;
use rmcp::model::CallToolRequestParams;
use rmcp::model::ElicitRequest;
use rmcp::model::ElicitRequestParams;
use rmcp::model::ElicitResult;
use rmcp::model::ElicitationAction;
use rmcp::model::ErrorCode;
use rmcp::model::InputRequest;
use rmcp::model::InputRequiredResult;
use rmcp::model::ProtocolVersion;
use rmcp::model::RequestStateCodec;
use rmcp::model::SealOptions;
use rmcp::service::RequestContext;
use serde_json::Value;
use serde_json::json;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::approve::bound;
use super::approve::is_stateless;
use super::http::Peer;
use super::menu::Dish;
use crate::Called;
use crate::Host;
use crate::random;
use door::Door;
use page::Page;
use purpose::Purpose;

/// The one question of a call.
const QUESTION: &str = "sign-in";
/// `URLElicitationRequiredError` of 2025-11-25.
const URL_REQUIRED: ErrorCode = ErrorCode(-32042);

/// What a call is answered with where a person is to sign in.
pub(super) enum Offer {
    /// The client shows the page, and calls again with the answer (2026-07-28).
    Ask(Box<InputRequiredResult>),
    /// The client shows the page, and calls again when it is done (2025-11-25).
    Error(ErrorData),
}

/// Offers sign-ins. The key lives as long as the process, as the pages do.
pub(super) struct SignIns {
    host: Arc<Host>,
    codec: RequestStateCodec,
    door: OnceCell<Door>,
}

impl SignIns {
    /// With a new key, and no port yet.
    ///
    /// # Errors
    /// [`Code::Internal`] without random numbers.
    pub(super) fn new(host: Arc<Host>) -> Result<Self, Refusal> {
        let codec =
            RequestStateCodec::try_new(*random::bytes::<32>()?).map_err(|_| Refusal::internal("a key is too short"))?;
        Ok(Self { host, codec, door: OnceCell::new() })
    }

    /// What to answer instead, if a call ended because somebody must sign in, and can by a page.
    pub(super) async fn offer(
        &self,
        dish: &Dish,
        user: Option<&Arc<User>>,
        called: &Called,
        bound: &[u8],
        context: &RequestContext<RoleServer>,
    ) -> Option<Offer> {
        let (service, scope) = purpose::wanted(called)?;
        if self.door.get().is_some_and(|door| door.pages().declined(user, service, scope)) {
            // Whoever just heard the server's no is not asked the same at once: the text says what is missing.
            return None;
        }
        match self.page(dish, user, service).await {
            Ok(Some((door, page))) if is_stateless(context) => Some(Offer::Ask(self.ask(door, &page, bound))),
            Ok(Some((door, page))) => {
                page.tell(context.peer.clone());
                Some(Offer::Error(error(door, &page)))
            }
            Ok(None) => None,
            Err(refusal) => {
                tracing::warn!(service, code = refusal.code.as_str(), "no page for a sign-in: {refusal}");
                None
            }
        }
    }

    /// Takes a call that comes back with the answer to such a question: waits for the person, and lets the call run as if it came
    /// for the first time; an approval is asked for anew. `Some` asks again.
    ///
    /// # Errors
    /// [`Code::NotApproved`] for an answer to another question, [`Code::NeedsLogin`] for a no.
    pub(super) async fn back(
        &self,
        dish: &Dish,
        user: Option<&Arc<User>>,
        asked: &mut CallToolRequestParams,
        arguments: &Value,
    ) -> Result<Option<Box<InputRequiredResult>>, Refusal> {
        let answer = asked.input_responses.as_ref().and_then(|answers| answers.get(QUESTION)).cloned();
        let Some(answer) = answer else { return Ok(None) };
        asked.input_responses = None;
        let state = asked.request_state.take().ok_or_else(not_this_call)?;
        let bound = bound_to(dish, user, arguments);
        let id = opened(&self.codec, &state, &bound)?;
        let answer: Option<ElicitResult> = serde_json::from_value(answer).ok();
        let Some(door) = self.door.get() else { return Ok(None) };
        let Some(page) = door.pages().named(&id) else { return Ok(None) };
        if answer.is_none_or(|answer| answer.action != ElicitationAction::Accept) {
            if page.is_open() {
                door.pages().remove(&page);
            }
            return Err(said_no(&page.purpose));
        }
        if timeout(limits::MCP_SIGN_IN_WAIT, page.ended()).await.is_ok() {
            return Ok(None);
        }
        Ok(Some(self.ask(door, &page, &bound)))
    }

    /// Ends all pages and flows, as the server does.
    pub(super) fn close(&self) {
        if let Some(door) = self.door.get() {
            door.close();
        }
    }

    async fn page(
        &self,
        dish: &Dish,
        user: Option<&Arc<User>>,
        service: &str,
    ) -> Result<Option<(&Door, Arc<Page>)>, Refusal> {
        let Some(purpose) = Purpose::of(&self.host, dish, user, service)? else { return Ok(None) };
        let door = self.door.get_or_try_init(|| Door::open(Arc::clone(&self.host))).await?;
        Ok(door.pages().of(purpose)?.map(|page| (door, page)))
    }

    fn ask(&self, door: &Door, page: &Page, bound: &[u8]) -> Box<InputRequiredResult> {
        let question = InputRequest::Elicitation(ElicitRequest::new(elicitation(door, page)));
        let state = sealed(&self.codec, page.id.as_bytes(), bound, limits::MCP_SIGN_IN);
        Box::new(InputRequiredResult::new(Some([(QUESTION.to_owned(), question)].into()), Some(state)))
    }
}

/// What binds an offer to its call; `None` where none can be made, because the client has no way to show a page to a person
/// at this machine.
pub(super) fn binding(
    dish: &Dish,
    user: Option<&Arc<User>>,
    arguments: &Value,
    context: &RequestContext<RoleServer>,
) -> Option<Vec<u8>> {
    can_show(context).then(|| bound_to(dish, user, arguments))
}

/// Whether the client shows addresses to a person whose browser can reach ours: it says so, and it asks from this machine.
fn can_show(context: &RequestContext<RoleServer>) -> bool {
    let known = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2025_11_25);
    let elicitation = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    known && elicitation.is_some_and(|modes| modes.url.is_some()) && is_here(context)
}

fn is_here(context: &RequestContext<RoleServer>) -> bool {
    let Some(parts) = context.extensions.get::<Parts>() else { return true };
    // A name alone says nothing: a proxy may put loopback's into what comes from far away, and so may who comes from there.
    let far = |Peer(peer): &Peer| !peer.ip().to_canonical().is_loopback();
    let passed_on = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    if parts.extensions.get().is_none_or(far) || passed_on.iter().any(|name| parts.headers.contains_key(*name)) {
        return false;
    }
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    matches!(name.as_str(), "127.0.0.1" | "localhost" | "[::1]")
}

fn elicitation(door: &Door, page: &Page) -> ElicitRequestParams {
    let purpose = &page.purpose;
    let what = if purpose.new.is_empty() { "a sign-in to" } else { "a further sign-in to" };
    let message = format!(
        "The tool {} needs {what} {}. The page on this machine says what for; nothing starts before you agree there.",
        purpose.granted.name, purpose.service
    );
    ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message,
        url: door.address(page),
        elicitation_id: page.id.clone(),
    }
}

fn error(door: &Door, page: &Page) -> ErrorData {
    let message = format!("a person must sign in to {}, then the same call works", page.purpose.service);
    ErrorData::new(URL_REQUIRED, message, Some(json!({"elicitations": [elicitation(door, page)]})))
}

/// What a state is for: never the same as an approval's.
fn bound_to(dish: &Dish, user: Option<&Arc<User>>, arguments: &Value) -> Vec<u8> {
    [QUESTION.as_bytes(), b"\0", &bound(dish, user, arguments)].concat()
}

fn sealed(codec: &RequestStateCodec, id: &[u8], bound: &[u8], life: Duration) -> String {
    codec.seal_with(id, &SealOptions::new().associated_data(bound).ttl(life))
}

fn opened(codec: &RequestStateCodec, state: &str, bound: &[u8]) -> Result<Vec<u8>, Refusal> {
    codec.open_with(state, bound).map_err(|_| not_this_call())
}

fn not_this_call() -> Refusal {
    Refusal::new(
        Code::NotApproved,
        "this sign-in is not for this call: it is another call's, or too old",
        "call again without requestState, so that the person is asked anew",
    )
}

fn said_no(purpose: &Purpose) -> Refusal {
    let service = &purpose.service;
    let user = purpose.user.as_ref().map(|user| format!(" {user}")).unwrap_or_default();
    Refusal::new(
        Code::NeedsLogin,
        format!("the person did not sign in to {service}"),
        format!("do not ask again by yourself; a person can sign in with: hotcell auth signin {service}{user}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l8_a_state_is_for_its_own_call_and_ends() {
        let codec = RequestStateCodec::try_new(*random::bytes::<32>().unwrap()).unwrap();
        let state = sealed(&codec, b"page", b"this", limits::MCP_SIGN_IN);
        assert_eq!(opened(&codec, &state, b"this").unwrap(), b"page");
        assert_eq!(opened(&codec, &state, b"that").unwrap_err().code, Code::NotApproved);
        let other = RequestStateCodec::try_new(*random::bytes::<32>().unwrap()).unwrap();
        assert!(opened(&other, &state, b"this").is_err(), "another process's");
        let short = sealed(&codec, b"page", b"this", Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(2_100));
        assert!(opened(&codec, &short, b"this").is_err(), "too old");
    }
}
