//! One call of an agent: found, counted, approved, run, answered.

use std::sync::Arc;
use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::LogLine;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_sandbox::values;
use hotcell_vault::User;
use rmcp::ErrorData;
use rmcp::RoleServer;
use rmcp::model::CallToolRequestParams;
use rmcp::model::CallToolResponse;
use rmcp::model::InputRequiredResult;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use serde_json::Value;
use tokio::sync::mpsc;

use super::Shared;
use super::answer;
use super::approve::Approval;
use super::menu::Dish;
use super::signin;
use super::signin::Offer;
use super::users;
use crate::Called;
use crate::Request;
use crate::Watcher;
use crate::call;

/// The client's own deadline in milliseconds, in the request's `_meta`. The protocol has none; a client's timeout cancels.
const DEADLINE: &str = "hotcell/deadline-ms";
/// Progress reports that wait to be sent; a client that reads slowly misses some.
const WAITING_REPORTS: usize = 16;

/// Runs `tools/call`. Dropping the future stops the guest within a tick.
///
/// # Errors
/// An unknown tool is an error of the protocol; everything else is a tool's error that the agent can read.
pub(super) async fn call_tool(
    shared: &Arc<Shared>,
    mut asked: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let menu = match shared.menu().await {
        Ok(menu) => menu,
        Err(refusal) => return Ok(answer::refused(&refusal).into()),
    };
    let user = match users::user_of(&context, shared.users) {
        Ok(user) => user,
        Err(refusal) => return Ok(answer::refused(&refusal).into()),
    };
    let user = user.as_ref();
    let Some(dish) = menu.find(&asked.name) else {
        return Err(ErrorData::invalid_params("there is no tool of this name: tools/list has them all", None));
    };
    // A place is held for as long as the arguments are.
    let Ok(_place) = shared.places.try_acquire() else { return Ok(answer::refused(&busy()).into()) };
    let own = user.map(|user| shared.places_of_users.take(user));
    if matches!(own, Some(None)) {
        return Ok(answer::refused(&busy()).into());
    }
    let arguments = Value::Object(asked.arguments.take().unwrap_or_default());
    tokio::select! {
        answered = answered(shared, &dish, user, asked, arguments, &context) => answered,
        () = context.ct.cancelled() => Err(ErrorData::internal_error("the client cancelled this call", None)),
    }
}

/// Where a person must sign in and the client can show them a page, that comes in place of the answer.
async fn answered(
    shared: &Arc<Shared>,
    dish: &Dish,
    user: Option<&Arc<User>>,
    asked: CallToolRequestParams,
    arguments: Value,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let bound = signin::binding(dish, user, &arguments, context);
    let called = match approved_and_run(shared, dish, user, asked, arguments, context).await {
        Ok(Ran::Called(called)) => called,
        Ok(Ran::Ask(question)) => return Ok(CallToolResponse::InputRequired(*question)),
        Err(refusal) => return Ok(answer::refused(&refusal).into()),
    };
    let offered = match bound {
        Some(bound) => shared.sign_ins.offer(dish, user, &called, &bound, context).await,
        None => None,
    };
    match offered {
        None => Ok(answer::called(dish, &called).into()),
        Some(Offer::Ask(question)) => Ok(CallToolResponse::InputRequired(*question)),
        Some(Offer::Error(error)) => Err(error),
    }
}

/// How far a call came.
enum Ran {
    /// It ran.
    Called(Box<Called>),
    /// A person is to be asked first.
    Ask(Box<InputRequiredResult>),
}

async fn approved_and_run(
    shared: &Arc<Shared>,
    dish: &Dish,
    user: Option<&Arc<User>>,
    mut asked: CallToolRequestParams,
    arguments: Value,
    context: &RequestContext<RoleServer>,
) -> Result<Ran, Refusal> {
    let host = &shared.host;
    match shared.sign_ins.back(dish, user, &mut asked, &arguments).await {
        Ok(None) => {}
        Ok(Some(question)) => return Ok(Ran::Ask(question)),
        Err(refusal) => {
            call::record_refused(host, &dish.granted, user, &dish.action.name, &refusal)?;
            return Err(refusal);
        }
    }
    if dish.writes {
        // Nobody should be asked about a call that cannot run.
        values::arguments(&dish.action, &arguments)?;
    }
    let approval = shared.approvals.decide(host.serve().writes, dish, user, &asked, &arguments, context).await;
    match approval {
        Ok(Approval::Given) => {}
        Ok(Approval::Ask(question)) => return Ok(Ran::Ask(question)),
        Err(refusal) => {
            call::record_refused(host, &dish.granted, user, &dish.action.name, &refusal)?;
            return Err(refusal);
        }
    }
    if dish.writes {
        still_granted(shared, dish)?;
    }
    run(shared, dish, user, arguments, context).await.map(|called| Ran::Called(Box::new(called)))
}

async fn run(
    shared: &Arc<Shared>,
    dish: &Dish,
    user: Option<&Arc<User>>,
    arguments: Value,
    context: &RequestContext<RoleServer>,
) -> Result<Called, Refusal> {
    let host = &shared.host;
    shared.compiled(&dish.granted).await?;
    let wanted = context.meta.0.0.get(DEADLINE).and_then(Value::as_u64).map(Duration::from_millis);
    let deadline = wanted.map(|wanted| wanted.min(host.limits().deadline));
    let request = Request { tool: dish.granted.name.clone(), action: dish.action.name.clone(), arguments, deadline };
    let (reports, sent) = mpsc::channel(WAITING_REPORTS);
    let calling = call::call_granted(host, &dish.granted, user, request, Arc::new(Reports(reports)));
    // The sender ends with the call, so both are over together.
    let (called, ()) = tokio::join!(calling, send_reports(sent, context));
    called
}

/// Refuses a call whose tool was removed, changed or granted differently while a person was asked.
fn still_granted(shared: &Shared, dish: &Dish) -> Result<(), Refusal> {
    let now = shared.host.catalog().find(&dish.granted.name)?;
    if now == *dish.granted {
        return Ok(());
    }
    Err(Refusal::new(Code::NotApproved, "the tool changed while the person was asked", "list the tools and call again"))
}

fn busy() -> Refusal {
    Refusal::new(
        Code::TooManyRequests,
        "too many calls are running or waiting",
        "wait for some to end, then call again",
    )
}

/// Takes a tool's progress; its log goes to the operator's log.
struct Reports(mpsc::Sender<Progress>);

impl Watcher for Reports {
    fn log(&self, line: &LogLine) {
        tracing::debug!(level = ?line.level, "a tool's log: {}", line.text);
    }

    fn progress(&self, progress: &Progress) {
        // A full queue is a client that reads slowly: the next report says more than the lost one.
        drop(self.0.try_send(progress.clone()));
    }
}

/// Passes reports on where the client asked for them. Only ones that go forward: the protocol wants it so.
async fn send_reports(mut reports: mpsc::Receiver<Progress>, context: &RequestContext<RoleServer>) {
    let token = context.meta.get_progress_token();
    let mut last = None;
    while let Some(Progress { done, total, note }) = reports.recv().await {
        let Some(token) = token.clone() else { continue };
        if last.is_some_and(|last| done <= last) {
            continue;
        }
        last = Some(done);
        let mut report = ProgressNotificationParam::new(token, number(done));
        report.total = total.map(number);
        report.message = note;
        drop(context.peer.notify_progress(report).await);
    }
}

#[expect(clippy::cast_precision_loss, reason = "progress beyond 2^53 is no progress")]
fn number(value: u64) -> f64 {
    value as f64
}
