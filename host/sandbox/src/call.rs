//! One call: arguments in, a fresh store and instance, the limits, the result out. A store never outlives its call.

use std::sync::Arc;
use std::time::Instant;

use hotcell_protocol::Action;
use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Cost;
use hotcell_protocol::Limits;
use hotcell_protocol::Outside;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use serde_json::Value;
use tokio::time::timeout_at;
use wasmtime::Engine;
use wasmtime::Store;
use wasmtime::UpdateDeadline;
use wasmtime::component::ComponentExportIndex;
use wasmtime::component::Val;

use crate::Sandbox;
use crate::Tool;
use crate::meter::Meter;
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
        self.start_clock()?;

        // The deadline covers the wait for a place, instantiation, host calls, and the reading of the result. A span that
        // the clock cannot hold is the usual one.
        let deadline = started.checked_add(limits.deadline).unwrap_or(started + limits::DEADLINE);
        let late = |_| trap::deadline(&limits);
        // Invariant: the place is dropped after the store, whose memories and stacks lie in the pool until then.
        let place = timeout_at(deadline.into(), self.places.acquire()).await.map_err(late)?;
        let _place = place.map_err(|_| Refusal::internal("the sandbox is closed"))?;
        let meter = Arc::new(Meter::default());
        let mut store = store(&self.engine, outside, &limits, deadline, Arc::clone(&meter));
        let work = async {
            let results = guest(tool, export, action, &arguments, &mut store).await;
            let results = results.map_err(|error| trap::refusal(&error, store.data(), &limits))?;
            verdict(action, &results, &limits)
        };
        let ended = timeout_at(deadline.into(), meter.run(work)).await;

        let state = store.data();
        state.finish_output();
        cost.memory_bytes = state.limiter.peak();
        cost.log_lines = state.log.count().kept;
        cost.log_dropped = state.log.count().dropped;
        // A call's end is the end of its requests: those that the guest left under way are given up, and on record as that.
        let exit = state.exit.clone();
        drop(store);
        exit.idle().await;
        ended.map_err(late)?.unwrap_or_else(|_| Err(Refusal::internal("the host failed in the middle of the call")))
    }
}

/// A store with every limit set.
fn store(
    engine: &Engine,
    outside: Arc<dyn Outside>,
    limits: &Limits,
    deadline: Instant,
    meter: Arc<Meter>,
) -> Store<State> {
    let mut store = Store::new(engine, State::new(outside, limits.memory_bytes));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits::HOSTCALL_FUEL);
    store.set_max_component_handles(limits::COMPONENT_HANDLES);
    store.set_epoch_deadline(1);
    let cpu_time = limits.cpu_time;
    // Runs at each tick in which guest code runs, `start` functions, `realloc` and `post-return` included: sees the
    // limits of time, and lets other tasks of the thread go on.
    store.epoch_deadline_callback(move |_| {
        if Instant::now() >= deadline {
            Err(Stopped::Deadline.into())
        } else if meter.spent() > cpu_time {
            Err(Stopped::Processor.into())
        } else {
            Ok(UpdateDeadline::Yield(1))
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hotcell_protocol::Answer;
    use hotcell_protocol::Asked;
    use hotcell_protocol::GuestError;
    use hotcell_protocol::LogLine;
    use hotcell_protocol::Progress;
    use hotcell_protocol::Waiting;
    use wasmtime::ResourceLimiter;

    use super::*;
    use crate::Options;

    struct Nothing;

    impl Outside for Nothing {
        fn send(&self, _: Asked) -> Waiting<'_, Result<Answer, GuestError>> {
            Box::pin(async { Err(GuestError::Denied) })
        }

        fn origin(&self, _: &str) -> Result<String, GuestError> {
            Err(GuestError::Denied)
        }

        fn log(&self, _: LogLine) {}

        fn progress(&self, _: Progress) {}
    }

    /// The engine's own defaults are large or unlimited (wasmtime 40.0.4: "embedders must opt in").
    #[test]
    fn p6_every_limit_is_set_in_a_call_s_store() {
        let sandbox = Sandbox::new(&Options { concurrent_calls: 1 }).unwrap();
        let limits = Limits { memory_bytes: 3 * 65_536, ..Limits::default() };
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut store = store(&sandbox.engine, Arc::new(Nothing), &limits, deadline, Arc::default());
        assert_eq!(store.hostcall_fuel(), limits::HOSTCALL_FUEL);
        assert_eq!(store.max_component_handles(), limits::COMPONENT_HANDLES);
        assert_eq!(store.data().resources(), limits::RESOURCES);
        assert_eq!(store.data().exit.free(), limits::REQUESTS_AT_ONCE_OF_A_CALL);
        let mut held = store.data().holdings.nothing();
        assert!(held.grow(limits::HELD_BYTES) && !held.grow(1));
        let limiter = &mut store.data_mut().limiter;
        assert_eq!(limiter.instances(), limits::INSTANCES);
        assert_eq!(limiter.memories(), limits::MEMORIES);
        assert_eq!(limiter.tables(), limits::TABLES);
        assert!(limiter.table_growing(0, limits::TABLE_ELEMENTS, None).unwrap());
        assert!(!limiter.table_growing(0, limits::TABLE_ELEMENTS + 1, None).unwrap());
        assert!(limiter.memory_growing(0, 2 * 65_536, None).unwrap());
        assert!(limiter.memory_growing(0, 65_536, None).unwrap());
        assert!(!limiter.memory_growing(65_536, 65_537, None).unwrap());
    }
}
