//! One call: arguments in, a fresh store and instance, the limits, the result out. A store never outlives its call.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hotcell_protocol::Action;
use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Code;
use hotcell_protocol::Cost;
use hotcell_protocol::Limits;
use hotcell_protocol::Outside;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use serde_json::Value;
use tokio::time::timeout_at;
use wasmtime::Store;
use wasmtime::UpdateDeadline;
use wasmtime::component::ComponentExportIndex;
use wasmtime::component::Val;

use crate::Sandbox;
use crate::Tool;
use crate::engine::ticks;
use crate::state::State;
use crate::trap;
use crate::trap::Stopped;
use crate::values;

impl Sandbox {
    /// Calls one action. Whatever the guest does, this returns within the deadline and some ticks, and the sandbox is as before.
    ///
    /// Dropping the future stops the guest.
    pub async fn call(&self, tool: &Tool, request: CallRequest, outside: Arc<dyn Outside>) -> CallOutcome {
        let started = Instant::now();
        let mut cost = Cost::default();
        let verdict = match self.run(tool, request, outside, started, &mut cost).await {
            Ok(verdict) => verdict,
            Err(refusal) => Verdict::Refused(refusal),
        };
        cost.wall = started.elapsed();
        CallOutcome { verdict, cost }
    }

    async fn run(
        &self,
        tool: &Tool,
        request: CallRequest,
        outside: Arc<dyn Outside>,
        started: Instant,
        cost: &mut Cost,
    ) -> Result<Verdict, Refusal> {
        let CallRequest { action, arguments, limits } = request;
        let (action, export) = tool.find(&action)?;
        let arguments = values::arguments(action, &arguments)?;

        // The deadline covers the wait for a place, instantiation, host calls, and the reading of the result.
        let deadline = started + limits.deadline;
        let mut store = store(&self.engine, outside, &limits, deadline);
        let work = async {
            let _place = self.places.acquire().await.map_err(|_| Refusal::internal("the sandbox is closed"))?;
            let results = guest(tool, export, action, &arguments, &mut store)
                .await
                .map_err(|error| trap::refusal(&error, store.data(), &limits))?;
            verdict(action, &results, &limits)
        };
        let ended = timeout_at(deadline.into(), caught(work)).await;
        let state = store.data();
        state.finish_output();
        cost.memory_bytes = state.limiter.peak();
        cost.log_lines = state.log.count().kept;
        cost.log_dropped = state.log.count().dropped;
        ended.unwrap_or_else(|_| Err(trap::deadline(&limits)))
    }
}

/// A store with every limit set.
fn store(engine: &wasmtime::Engine, outside: Arc<dyn Outside>, limits: &Limits, deadline: Instant) -> Store<State> {
    let mut store = Store::new(engine, State::new(outside, limits.memory_bytes));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits::HOSTCALL_FUEL);
    store.set_max_component_handles(limits::COMPONENT_HANDLES);
    store.set_epoch_deadline(1);
    let mut left = ticks(limits.cpu_time);
    // Runs at each tick in which guest code runs, `start` functions, `realloc` and `post-return` included: counts
    // processor time, sees the deadline, and lets other tasks of the thread go on.
    store.epoch_deadline_callback(move |_| {
        if Instant::now() >= deadline {
            return Err(Stopped::Deadline.into());
        }
        left = left.checked_sub(1).ok_or(Stopped::Processor)?;
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// Instantiates the component and calls the function.
async fn guest(
    tool: &Tool,
    export: &ComponentExportIndex,
    action: &Action,
    arguments: &[Val],
    store: &mut Store<State>,
) -> wasmtime::Result<Vec<Val>> {
    let instance = tool.instance.instantiate_async(&mut *store).await?;
    let function =
        instance.get_func(&mut *store, export).ok_or_else(|| wasmtime::Error::msg("the export is no function"))?;
    let mut results = vec![Val::Bool(false); usize::from(action.result.is_some())];
    function.call_async(&mut *store, arguments, &mut results).await?;
    Ok(results)
}

/// The result as JSON. A `result` as the whole return value is the call's verdict.
fn verdict(action: &Action, results: &[Val], limits: &Limits) -> Result<Verdict, Refusal> {
    let mut budget = values::Budget::new(limits.result_bytes);
    let mut json = |value: Option<&Val>, kind: Option<&Type>| match (value, kind) {
        (Some(value), Some(kind)) => values::to_json(value, kind, &mut budget),
        _ => Ok(Value::Null),
    };
    match (&action.result, results.first()) {
        (Some(Type::Result { ok, .. }), Some(Val::Result(Ok(value)))) => {
            json(value.as_deref(), ok.as_deref()).map(Verdict::Returned)
        }
        (Some(Type::Result { err, .. }), Some(Val::Result(Err(value)))) => {
            json(value.as_deref(), err.as_deref()).map(Verdict::Failed)
        }
        (kind, value) => json(value, kind.as_ref()).map(Verdict::Returned),
    }
}

/// Turns a panic of host code into a refusal: one call fails, the host lives on.
async fn caught<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let mut work = pin!(work);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))).unwrap_or_else(|_| {
            let refusal = Refusal::new(Code::Internal, "the host failed in the middle of the call", "please report it");
            std::task::Poll::Ready(Err(refusal))
        })
    })
    .await
}
