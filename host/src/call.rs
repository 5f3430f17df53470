//! One tool call, top to bottom. Whoever has read this function and the gate's `send` has read the product.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hotcell_gate::Gate;
use hotcell_gate::Grant;
use hotcell_gate::PublicRule;
use hotcell_gate::RequestRecord;
use hotcell_gate::Session;
pub use hotcell_gate::Watcher;
use hotcell_gate::Way;
use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Code;
use hotcell_protocol::Cost;
use hotcell_protocol::Digest;
use hotcell_protocol::Limits;
use hotcell_protocol::LogLine;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use hotcell_vault::User;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::Granted;
use crate::Host;
use crate::guests::Guests;
use crate::random;
use crate::ready::Ready;
use crate::record::Line;

/// A call, as an agent or a person asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Name of an installed tool.
    pub tool: String,
    /// Name of one of its actions.
    pub action: String,
    /// Arguments: one JSON object.
    pub arguments: Value,
    /// Wall time; `None` for the host's own limit.
    pub deadline: Option<Duration>,
}

/// A call that ran, or was stopped while it ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Called {
    /// The call's id, as it stands in the audit record.
    pub id: String,
    /// How it ended, and what it cost.
    pub outcome: CallOutcome,
    /// What it asked of the network.
    pub requests: Vec<RequestRecord>,
    /// What the gate refused to it.
    pub refusals: Vec<Refusal>,
}

/// Watches nothing.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn log(&self, _: &LogLine) {}

    fn progress(&self, _: &Progress) {}
}

/// Calls one action of an installed tool.
///
/// # Errors
/// A refusal where nothing ran: unknown tool or action, a tool that is not what was granted, a store that cannot be opened,
/// an argument that holds a credential. What ends a call that runs is in [`Called::outcome`].
pub async fn call(host: &Host, request: Request, watcher: Arc<dyn Watcher>) -> Result<Called, Refusal> {
    let granted = host.catalog().find(&request.tool)?;
    call_granted(host, &granted, None, request, watcher).await
}

/// Calls one action under a grant that was looked up before: what runs is what that grant names, whatever is installed
/// meanwhile. For a user: with the tokens of this user and no others.
///
/// # Errors
/// As [`call`].
pub(crate) async fn call_granted(
    host: &Host,
    granted: &Granted,
    user: Option<&Arc<User>>,
    request: Request,
    watcher: Arc<dyn Watcher>,
) -> Result<Called, Refusal> {
    let action = request.action.clone();
    let mut line = Recorded { host, granted, user, action, id: new_id()?, session: None };
    match run(&mut line, request, watcher).await {
        Ok(called) => {
            line.close();
            record(&line, &called)?;
            Ok(called)
        }
        Err(refusal) => {
            line.close();
            record_refused(host, granted, user, &line.action, &refusal)?;
            Err(refusal)
        }
    }
}

/// The call itself. A refusal from here means that nothing ran.
async fn run(line: &mut Recorded<'_>, request: Request, watcher: Arc<dyn Watcher>) -> Result<Called, Refusal> {
    let (host, granted) = (line.host, line.granted);
    let Request { action, arguments, deadline, .. } = request;
    let loaded = host.tool(granted)?;
    hotcell_sandbox::find_action(loaded.description(), &action)?;
    let grant = grant_of(granted, &action)?;
    let gate = host.gate(&grant)?;
    // What the operator set for a tool without code goes into the request by way of the guest.
    let variables = loaded.variables(host.variables(&granted.name), &granted.name, &action)?;
    let mut own = host.limits();
    own.deadline = deadline.unwrap_or(own.deadline).min(own.deadline);
    let still = host.shared_catalog().still(granted);
    let guests = host.room.guests()?;
    let scene = Scene { gate, grant, loaded: &loaded, variables, guests, limits: own, user: line.user, still };
    let session = &mut line.session;
    let played = scene.play(action, arguments, watcher, |started| *session = Some(Arc::clone(started))).await?;
    let Played { outcome, requests, refusals } = played;
    Ok(Called { id: line.id.clone(), outcome, requests, refusals })
}

/// All that one run of an action needs, whatever stands behind the gate.
pub(crate) struct Scene<'a, W: Way> {
    pub(crate) gate: Arc<Gate<W>>,
    pub(crate) grant: Grant,
    pub(crate) loaded: &'a Ready,
    /// What the operator set for the action of a tool without code.
    pub(crate) variables: Map<String, Value>,
    pub(crate) guests: &'a Guests,
    pub(crate) limits: Limits,
    pub(crate) user: Option<&'a Arc<User>>,
    /// Whether the grant is still as it was when the call began.
    pub(crate) still: Box<dyn Fn() -> bool + Send + Sync>,
}

/// What came of it.
pub(crate) struct Played {
    pub(crate) outcome: CallOutcome,
    pub(crate) requests: Vec<RequestRecord>,
    pub(crate) refusals: Vec<Refusal>,
}

impl<W: Way> Scene<'_, W> {
    /// Arguments, guest, result: with the looks for credentials before and after. A refusal from here means that nothing ran.
    pub(crate) async fn play(
        self,
        action: String,
        arguments: Value,
        watcher: Arc<dyn Watcher>,
        started: impl FnOnce(&Arc<Session<W>>),
    ) -> Result<Played, Refusal> {
        let Self { gate, grant, loaded, variables, guests, limits: own, user, still } = self;
        // An agent that pastes a token into an argument would hand it to the guest (threat G13). Each hit answers a guess, so
        // they are counted as those of a guest are (threat E12).
        let pasted = holds_secret(&arguments, |bytes| gate.holds_secret(bytes));
        gate.strike(&grant, &arguments_of(user), pasted)?;
        if pasted {
            return Err(secret_argument());
        }
        gate.strike(&grant, RESULTS, false)?;
        // The same of what the operator set: no guess, so no strike.
        if !variables.is_empty() && holds_secret(&Value::Object(variables.clone()), |bytes| gate.holds_secret(bytes)) {
            return Err(secret_variable(&grant.tool));
        }
        let (action, arguments) = loaded.call(action, arguments, variables)?;

        let now = Instant::now();
        // A span that the clock cannot hold is the usual one.
        let until = now.checked_add(own.deadline).unwrap_or(now + limits::DEADLINE);
        let session = Session::new(Arc::clone(&gate), grant.clone(), until, own.requests, watcher, still);
        let session = Arc::new(session.of(user.cloned()));
        started(&session);
        let request = CallRequest { action, arguments, limits: own };
        let whose = user.map(|user| user.account());
        let mut outcome = tokio::select! {
            outcome = guests.call(loaded.loaded(), request, whose, Arc::clone(&session) as _) => outcome,
            refusal = session.stopped() => {
                CallOutcome { verdict: Verdict::Refused(refusal), cost: Cost { wall: now.elapsed(), ..Cost::default() } }
            }
        };
        // Both may have happened at once: a guest does not get out of it by ending first.
        if let Some(refusal) = session.is_stopped() {
            outcome.verdict = Verdict::Refused(refusal);
        }
        // After what the executor returned was read: the scan looks at the result as the agent would see it.
        outcome.verdict = withhold_secrets(loaded.verdict(outcome.verdict), |bytes| {
            let found = gate.holds_secret(bytes);
            // The verdict on the result is the same whether this strike was the last one.
            drop(gate.strike(&grant, RESULTS, found));
            found
        });
        let (requests, refusals) = session.finish();
        Ok(Played { outcome, requests, refusals })
    }
}

/// Under which names hits in what goes in and comes out are counted, beside the services.
const ARGUMENTS: &str = "arguments";
const RESULTS: &str = "results";

/// What a user pastes counts against that user: it must not take the tool away from the others.
fn arguments_of(user: Option<&Arc<User>>) -> String {
    user.map_or_else(|| ARGUMENTS.to_owned(), |user| format!("{ARGUMENTS} of {}", user.account()))
}

/// Sees to it that a call which is dropped while it runs is on record, with what it sent until then.
struct Recorded<'a> {
    host: &'a Host,
    granted: &'a Granted,
    user: Option<&'a Arc<User>>,
    action: String,
    id: String,
    session: Option<Arc<Session>>,
}

impl Recorded<'_> {
    fn close(&mut self) {
        self.session = None;
    }

    fn add(&self, event: Event<'_>) -> Result<(), Refusal> {
        add(self.host, self.granted, self.user, &self.action, &self.id, event)
    }
}

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let (requests, _) = session.finish();
        let call = Event::Call { verdict: "given-up", refused: None, requests: requests.len(), ms: 0, memory_bytes: 0 };
        let events = requests.iter().map(Event::Request).chain([call]);
        let written = events.into_iter().try_for_each(|event| self.add(event));
        if written.is_err() {
            tracing::error!(call = self.id, "a call that was given up cannot be recorded");
        }
    }
}

/// What the action may use, from the grant that a person gave.
pub(crate) fn grant_of(granted: &Granted, action: &str) -> Result<Grant, Refusal> {
    let action_grant = granted.actions.get(action).cloned().unwrap_or_default();
    grant(&granted.name, granted.digest, action, &action_grant.services, &action_grant.public)
}

/// A grant for the gate, its public rules read.
///
/// # Errors
/// [`Code::BadConfig`] for a public rule that is none.
pub(crate) fn grant(
    tool: &str,
    digest: Digest,
    action: &str,
    services: &BTreeMap<String, BTreeSet<String>>,
    public: &BTreeSet<String>,
) -> Result<Grant, Refusal> {
    let public = public.iter().map(|rule| PublicRule::parse(rule)).collect::<Result<_, _>>()?;
    Ok(Grant { tool: tool.to_owned(), digest, action: action.to_owned(), services: services.clone(), public })
}

/// A result with a live secret in it never leaves, however the tool came by it (threats E10, E11).
fn withhold_secrets(verdict: Verdict, found: impl Fn(&[u8]) -> bool) -> Verdict {
    let leaks = match &verdict {
        Verdict::Returned(value) | Verdict::Failed(value) => holds_secret(value, found),
        Verdict::Refused(refusal) => found(refusal.message.as_bytes()) || found(refusal.hint.as_bytes()),
    };
    if !leaks {
        return verdict;
    }
    Verdict::Refused(Refusal::new(
        Code::LeakStopped,
        "the action's result held a credential, and was withheld whole",
        "find out where the tool got it: look at the audit record for what it asked of which server",
    ))
}

/// Whether a secret is in a value. The scan reads through JSON's escapes, so that one look at the whole is enough.
fn holds_secret(value: &Value, found: impl Fn(&[u8]) -> bool) -> bool {
    found(value.to_string().as_bytes())
}

fn secret_argument() -> Refusal {
    Refusal::new(
        Code::LeakStopped,
        "the arguments hold a credential of the store",
        "leave it out: the host adds credentials by itself, and no tool may have them",
    )
}

fn secret_variable(tool: &str) -> Refusal {
    Refusal::new(
        Code::LeakStopped,
        format!("a variable of `{tool}` in config.toml holds a credential of the store"),
        format!(
            "take it out of [tool.{tool}.variables]: the host adds credentials by itself, and no tool may have them"
        ),
    )
}

/// 128 random bits.
fn new_id() -> Result<String, Refusal> {
    Ok(random::bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    Call { verdict: &'static str, refused: Option<Code>, requests: usize, ms: u64, memory_bytes: usize },
    Request(&'a RequestRecord),
}

/// Writes the call and its requests into the audit record.
fn record(line: &Recorded<'_>, called: &Called) -> Result<(), Refusal> {
    let (verdict, refused) = match &called.outcome.verdict {
        Verdict::Returned(_) => ("returned", None),
        Verdict::Failed(_) => ("failed", None),
        Verdict::Refused(refusal) => ("refused", Some(refusal.code)),
    };
    let cost = called.outcome.cost;
    let ms = u64::try_from(cost.wall.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(tool = line.granted.name, action = line.action, verdict, ms, "call");
    let call = Event::Call { verdict, refused, requests: called.requests.len(), ms, memory_bytes: cost.memory_bytes };
    let events = called.requests.iter().map(Event::Request).chain([call]);
    events.into_iter().try_for_each(|event| line.add(event))
}

/// Writes a call that was refused before anything ran.
pub(crate) fn record_refused(
    host: &Host,
    granted: &Granted,
    user: Option<&Arc<User>>,
    action: &str,
    refusal: &Refusal,
) -> Result<(), Refusal> {
    tracing::info!(tool = granted.name, refused = refusal.code.as_str(), "call");
    let event = Event::Call { verdict: "refused", refused: Some(refusal.code), requests: 0, ms: 0, memory_bytes: 0 };
    // What is no action of the tool may be any text.
    let action = if refusal.code == Code::UnknownAction { "" } else { action };
    add(host, granted, user, action, &new_id()?, event)
}

fn add(
    host: &Host,
    granted: &Granted,
    user: Option<&Arc<User>>,
    action: &str,
    call: &str,
    event: Event<'_>,
) -> Result<(), Refusal> {
    let (at, user) = (jiff::Timestamp::now(), user.map(|user| &**user));
    host.record().add(&Line { at, call, user, tool: &granted.name, digest: granted.digest, action, event })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn e11_a_secret_anywhere_in_a_result_withholds_it() {
        let holds = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"secret");
        for value in [json!("secret"), json!(["a", {"b": "xsecrety"}]), json!({"secret": 1})] {
            for verdict in [Verdict::Returned(value.clone()), Verdict::Failed(value.clone())] {
                let Verdict::Refused(refusal) = withhold_secrets(verdict, holds) else { panic!("{value} got through") };
                assert_eq!(refusal.code, Code::LeakStopped);
            }
        }
        let harmless = Verdict::Returned(json!({"a": ["scret"]}));
        assert_eq!(withhold_secrets(harmless.clone(), holds), harmless);
    }
}
