//! Approvals: a call that may change something waits for a person's yes, given through the client. The yes is for this
//! tool by digest, this action and these arguments, and it counts once (threat J4).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text;
use hotcell_vault::User;
use rmcp::RoleServer;
use rmcp::model::CallToolRequestParams;
use rmcp::model::ElicitRequest;
use rmcp::model::ElicitRequestParams;
use rmcp::model::ElicitResult;
use rmcp::model::ElicitationAction;
use rmcp::model::ElicitationSchema;
use rmcp::model::InputRequest;
use rmcp::model::InputRequiredResult;
use rmcp::model::ProtocolVersion;
use rmcp::model::RequestStateCodec;
use rmcp::model::SealOptions;
use rmcp::service::RequestContext;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::answer::shown;
use super::menu::Dish;
use crate::config::Writes;
use crate::random;

/// The one question of a call.
const QUESTION: &str = "approval";
/// The one field of its form.
const FIELD: &str = "approve";
/// Bytes of arguments that a person is shown; what is longer is not read anyway, and its digest stands for it.
const SHOWN_BYTES: usize = 4_000;

/// What is to be done with a call.
pub(super) enum Approval {
    /// It may run.
    Given,
    /// The client must ask first, and call again with the answer (2026-07-28).
    Ask(Box<InputRequiredResult>),
}

/// States that came back, and when.
type Used = HashMap<Vec<u8>, Instant>;

/// Makes and checks approvals. The key lives as long as the process: no approval outlives a restart.
pub(super) struct Approvals {
    codec: RequestStateCodec,
    /// The random part of each state that came back, for as long as it would open.
    /// Of each user by themselves: one who gives many takes no other's place.
    used: Mutex<HashMap<Option<Arc<User>>, Used>>,
}

impl Approvals {
    /// With a new key.
    ///
    /// # Errors
    /// [`Code::Internal`] without random numbers.
    pub(super) fn new() -> Result<Self, Refusal> {
        let codec =
            RequestStateCodec::try_new(*random::bytes::<32>()?).map_err(|_| Refusal::internal("a key is too short"))?;
        Ok(Self { codec, used: Mutex::default() })
    }

    /// Decides one call. Waits for the person where the client's revision can ask in the middle of a call.
    ///
    /// # Errors
    /// [`Code::NotApproved`] for a no, for a client that cannot ask, and for an answer to another question.
    pub(super) async fn decide(
        &self,
        policy: Writes,
        dish: &Dish,
        user: Option<&Arc<User>>,
        asked: &CallToolRequestParams,
        arguments: &Value,
        context: &RequestContext<RoleServer>,
    ) -> Result<Approval, Refusal> {
        match policy {
            _ if !dish.writes => return Ok(Approval::Given),
            Writes::Allow => return Ok(Approval::Given),
            Writes::Deny => return Err(denied()),
            Writes::Ask if !can_ask(context) => return Err(cannot_ask(dish, user.is_some())),
            Writes::Ask => {}
        }
        if !is_stateless(context) {
            let question = question(dish, arguments)?;
            let answer = context.peer.create_elicitation_with_timeout(question, Some(limits::MCP_APPROVAL)).await;
            return read(&answer.map_err(|_| said_no())?);
        }
        let bound = bound(dish, user, arguments);
        let Some(state) = &asked.request_state else { return self.ask(dish, arguments, &bound) };
        self.once(state, user, &bound)?;
        let answer = asked.input_responses.as_ref().and_then(|answers| answers.get(QUESTION)).cloned();
        read(&serde_json::from_value(answer.unwrap_or_default()).map_err(|_| said_no())?)
    }

    fn ask(&self, dish: &Dish, arguments: &Value, bound: &[u8]) -> Result<Approval, Refusal> {
        let question = InputRequest::Elicitation(ElicitRequest::new(question(dish, arguments)?));
        let options = SealOptions::new().associated_data(bound).ttl(limits::MCP_APPROVAL);
        let state = self.codec.seal_with(&*random::bytes::<32>()?, &options);
        let questions = [(QUESTION.to_owned(), question)].into();
        Ok(Approval::Ask(Box::new(InputRequiredResult::new(Some(questions), Some(state)))))
    }

    /// Lets a state through that is ours, for just this call, not too old, and not seen before.
    fn once(&self, state: &str, user: Option<&Arc<User>>, bound: &[u8]) -> Result<(), Refusal> {
        // Not the text: the same state could be spelled in two ways.
        let nonce = self.codec.open_with(state, bound).map_err(|_| not_this_call())?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, own| {
            own.retain(|_, at| at.elapsed() < limits::MCP_APPROVAL * 2);
            !own.is_empty()
        });
        let own = used.entry(user.cloned()).or_default();
        if own.len() >= limits::MCP_APPROVALS && !own.contains_key(&nonce) {
            let hint = "wait some minutes, then call again";
            return Err(Refusal::new(Code::TooManyRequests, "too many approvals were given in a short time", hint));
        }
        match own.insert(nonce, Instant::now()) {
            None => Ok(()),
            Some(_) => Err(not_this_call()),
        }
    }
}

/// What an approval is for: whose call, what runs, which action, which arguments. No other user's state opens with it.
pub(super) fn bound(dish: &Dish, user: Option<&Arc<User>>, arguments: &Value) -> Vec<u8> {
    let arguments = Digest::of(canonical(arguments).to_string().as_bytes());
    let user = user.map(|user| user.account()).unwrap_or_default();
    format!("{user}\0{}\0{}\0{arguments}", dish.granted.digest, dish.action.name).into_bytes()
}

/// The same value with its fields in the order of their names: spellings that differ in order alone are one.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), canonical(value))).collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(Map::from_iter(sorted))
        }
        other => other.clone(),
    }
}

pub(super) fn is_stateless(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// Whether the client can put a form before a person. One that names neither mode means forms (2025-06-18).
fn can_ask(context: &RequestContext<RoleServer>) -> bool {
    let elicitation = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    elicitation.is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
}

fn question(dish: &Dish, arguments: &Value) -> Result<ElicitRequestParams, Refusal> {
    let written = serde_json::to_string_pretty(arguments).unwrap_or_default();
    let mut seen = text::cut(&shown(&written), SHOWN_BYTES);
    if seen.len() < written.len() {
        seen.push_str(&format!("\n({} bytes in all, SHA-256 {})", written.len(), Digest::of(written.as_bytes())));
    }
    let granted = &dish.granted;
    let message = format!(
        "The tool {} {} wants to run {}, which may change something. Arguments:\n{seen}",
        granted.name,
        text::visible(&granted.version),
        dish.action.name
    );
    let requested_schema = ElicitationSchema::builder()
        .required_bool_with(FIELD, |field| {
            field.title("Run it").description("Run this action once, with these arguments")
        })
        .build()
        .map_err(|_| Refusal::internal("the form of an approval is no form"))?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema })
}

fn read(answer: &ElicitResult) -> Result<Approval, Refusal> {
    let yes = answer.content.as_ref().and_then(|content| content.get(FIELD)) == Some(&json!(true));
    if yes && answer.action == ElicitationAction::Accept { Ok(Approval::Given) } else { Err(said_no()) }
}

fn said_no() -> Refusal {
    let hint = "do not call it again by yourself: ask the person what they want instead";
    Refusal::new(Code::NotApproved, "the person did not approve this call, so it did not run", hint)
}

fn denied() -> Refusal {
    let hint = "the operator decides this: `writes` under [serve] in config.toml";
    Refusal::new(Code::NotApproved, "this server runs no action that may change something", hint)
}

fn cannot_ask(dish: &Dish, of_a_user: bool) -> Refusal {
    let (tool, action) = (&dish.granted.name, &dish.action.name);
    Refusal::new(
        Code::NotApproved,
        format!("{action} may change something, and this client cannot ask a person (it has no form elicitation)"),
        match of_a_user {
            true => {
                "use a client that asks; or the operator sets writes = \"allow\" under [serve] in config.toml".into()
            }
            false => format!(
                "a person can run it: hotcell call {tool} {action}; or the operator sets writes = \"allow\" under [serve] in config.toml"
            ),
        },
    )
}

fn not_this_call() -> Refusal {
    Refusal::new(
        Code::NotApproved,
        "this approval is not for this call: it is another call's, used already, or too old",
        "call again without requestState, so that the person is asked anew",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j4_an_approval_counts_once_and_for_its_own_call_alone() {
        let approvals = Approvals::new().unwrap();
        let seal = |bound: &[u8]| {
            let options = SealOptions::new().associated_data(bound).ttl(limits::MCP_APPROVAL);
            approvals.codec.seal_with(&*random::bytes::<32>().unwrap(), &options)
        };
        let state = seal(b"this");
        assert_eq!(approvals.once(&state, None, b"that").unwrap_err().code, Code::NotApproved);
        approvals.once(&state, None, b"this").unwrap();
        assert_eq!(approvals.once(&state, None, b"this").unwrap_err().code, Code::NotApproved);
        let other = Approvals::new().unwrap();
        assert!(other.once(&seal(b"this"), None, b"this").is_err(), "another process's");
        assert!(approvals.once("rs1.forged.forged", None, b"this").is_err());
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        let answer = |text: &str| serde_json::from_str::<ElicitResult>(text).unwrap();
        assert!(read(&answer(r#"{"action": "accept", "content": {"approve": true}}"#)).is_ok());
        for no in [
            r#"{"action": "accept"}"#,
            r#"{"action": "accept", "content": {"approve": false}}"#,
            r#"{"action": "accept", "content": {"approve": "true"}}"#,
            r#"{"action": "decline", "content": {"approve": true}}"#,
            r#"{"action": "cancel"}"#,
        ] {
            assert!(read(&answer(no)).is_err(), "{no}");
        }
    }

    #[test]
    fn the_order_of_fields_makes_no_other_call() {
        let one: Value = serde_json::from_str(r#"{"a": [{"c": 1, "b": 2}], "d": 3}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"d": 3, "a": [{"b": 2, "c": 1}]}"#).unwrap();
        assert_eq!(canonical(&one).to_string(), canonical(&two).to_string());
        assert_ne!(canonical(&one).to_string(), canonical(&json!({"a": 1})).to_string());
    }
}
