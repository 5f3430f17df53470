//! Which worker runs a call: one for each tool and user, several where the machine has cores for them, none longer than it is of use.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;
use std::time::Instant;

use hotcell_protocol::CallOutcome;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Cost;
use hotcell_protocol::Outside;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use hotcell_sandbox::Compiled;
use hotcell_sandbox::values;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::Code;
use crate::code::Blank;
use crate::process::Worker;
use crate::walls::Walls;

/// How much longer than the guest's own deadline the broker waits before it answers by itself: the worker's answer says more.
const LATE: Duration = Duration::from_millis(20);

/// Who shares a worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Calls of one tool, for one user.
    #[default]
    Tool,
    /// Nobody: each call has a process of its own, which ends with it.
    Call,
}

/// How a pool is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that becomes a worker when it is started with [`crate::COMMAND`].
    pub program: PathBuf,
    /// Who shares a worker.
    pub isolation: Isolation,
    /// Workers that stay when they have nothing to do.
    pub at_rest: usize,
    /// How long they stay.
    pub rest: Duration,
}

impl Options {
    /// Workers of this program: a worker for each core.
    #[must_use]
    pub fn of(program: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            program,
            isolation: Isolation::default(),
            at_rest: cores.min(limits::WORKERS),
            rest: limits::WORKER_REST,
        }
    }
}

/// Workers, and the calls that wait for one.
pub struct Pool {
    options: Options,
    seats: Arc<Mutex<Vec<Seat>>>,
    changed: Notify,
    /// A worker that waits for code.
    ahead: Mutex<Option<Ahead>>,
}

/// A worker without a tool, and where it looks for its code.
struct Ahead {
    worker: Arc<Worker>,
    blank: Blank,
}

/// A worker of the pool.
struct Seat {
    worker: Arc<Worker>,
    code: Arc<Code>,
    /// Whose data it sees.
    whose: Option<String>,
    calls: usize,
    used: Instant,
}

impl Pool {
    /// A pool without workers: they are started when they are needed.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, seats: Arc::default(), changed: Notify::new(), ahead: Mutex::default() }
    }

    /// Starts a worker for the tool that is loaded next, so that the process starts while its code is read. For tasks of a
    /// runtime. Where it does not start, the call will say so.
    pub fn start_ahead(&self) {
        // Where each call has a process of its own, that is started for the call.
        if self.options.isolation != Isolation::Tool {
            return;
        }
        let mut ahead = held(&self.ahead);
        // One that nobody came for, because the tool was loaded already, is there still; it ends when it was to be ready.
        if ahead.as_ref().is_some_and(|ahead| !ahead.worker.is_gone()) {
            return;
        }
        let started = Blank::new().and_then(|blank| {
            let worker = Worker::start_with(&self.options.program, blank.handle()?)?;
            Ok(Ahead { worker, blank })
        });
        *ahead = started.ok();
    }

    /// Puts a tool's code where its workers find it: the one that was started ahead, if there is one, gets it at once.
    ///
    /// # Errors
    /// As [`Code::seal`].
    pub fn load(&self, compiled: Compiled) -> Result<Arc<Code>, Refusal> {
        let ahead = held(&self.ahead).take().filter(|ahead| !ahead.worker.is_gone());
        let Some(Ahead { worker, blank }) = ahead else { return Code::seal(compiled).map(Arc::new) };
        let code = Arc::new(Code::seal_in(blank, compiled)?);
        worker.begin(&code);
        self.seat(&mut self.seats(), worker, &code, None, 0);
        Ok(code)
    }

    /// Calls one action of a tool. Whatever guest and worker do, this returns within the deadline and some ticks.
    ///
    /// `whose` are the data that the call may see: a worker sees those of one user alone, so that a guest which breaks out in
    /// one user's call finds nothing of another's. Dropping the future stops the guest.
    pub async fn call(
        &self,
        code: &Arc<Code>,
        whose: Option<&str>,
        request: CallRequest,
        outside: Arc<dyn Outside>,
    ) -> CallOutcome {
        let started = Instant::now();
        let limits = request.limits;
        // A span that the clock cannot hold is the usual one.
        let deadline = started.checked_add(limits.deadline).unwrap_or(started + limits::DEADLINE) + LATE;
        let ran = timeout_at(deadline.into(), self.run(code, whose, request, outside.as_ref())).await;
        let ran = ran.unwrap_or_else(|_| Err(hotcell_sandbox::deadline_exceeded(&limits)));
        let (verdict, cost) = ran.unwrap_or_else(|refusal| (Verdict::Refused(refusal), Cost::default()));
        CallOutcome { verdict, cost: Cost { wall: started.elapsed(), ..cost } }
    }

    async fn run(
        &self,
        code: &Arc<Code>,
        whose: Option<&str>,
        request: CallRequest,
        outside: &dyn Outside,
    ) -> Result<(Verdict, Cost), Refusal> {
        let CallRequest { action, arguments, limits } = request;
        let action = hotcell_sandbox::find_action(code.description(), &action)?;
        let json = values::hand_over(&arguments)?;
        let place = self.place(code, whose).await?;
        place.worker.call(action, json, limits, outside).await
    }

    /// Starts a worker for this tool, says which walls stand around it, and ends it.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::WorkerLost`] if it does not start.
    pub async fn walls(&self, code: &Arc<Code>) -> Result<Walls, Refusal> {
        let place = self.place(code, None).await?;
        let walls = place.worker.walls().await;
        place.worker.end();
        walls
    }

    /// Ends the workers of a tool that is no more.
    pub fn forget(&self, code: &Arc<Code>) {
        self.seats().retain(|seat| {
            let is_of = Arc::ptr_eq(&seat.code, code);
            if is_of {
                seat.worker.end();
            }
            !is_of
        });
        self.changed.notify_waiters();
    }

    /// The process ids of the workers that live.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.seats().iter().filter(|seat| !seat.worker.is_gone()).filter_map(|seat| seat.worker.pid()).collect()
    }

    /// A worker for a call; waits while too many are at work.
    async fn place(&self, code: &Arc<Code>, whose: Option<&str>) -> Result<Place<'_>, Refusal> {
        loop {
            let changed = self.changed.notified();
            if let Some(worker) = self.choose(code, whose)? {
                return Ok(Place { pool: self, worker });
            }
            changed.await;
        }
    }

    /// The least busy worker of the tool; a new one where there is none, or where a core has nothing to do.
    fn choose(&self, code: &Arc<Code>, whose: Option<&str>) -> Result<Option<Arc<Worker>>, Refusal> {
        let mut seats = self.seats();
        seats.retain(|seat| !seat.worker.is_gone());
        let is_own = |seat: &Seat| {
            self.options.isolation == Isolation::Tool
                && Arc::ptr_eq(&seat.code, code)
                && seat.whose.as_deref() == whose
                && !seat.worker.is_doubtful()
        };
        let full = seats.len() >= self.options.at_rest;
        // One user's calls leave room for another's.
        let of_user = seats.iter().filter(|seat| whose.is_some() && seat.whose.as_deref() == whose).count();
        let may_start = of_user < limits::WORKERS_OF_A_USER;
        let own = seats.iter().enumerate().filter(|(_, seat)| is_own(seat));
        let own = own.min_by_key(|(_, seat)| seat.calls).map(|(place, _)| place);
        if let Some(seat) = own.and_then(|place| seats.get_mut(place))
            && (seat.calls == 0 || full || !may_start)
        {
            let free = seat.calls < limits::WORKER_CALLS;
            seat.calls += usize::from(free);
            return Ok(free.then(|| Arc::clone(&seat.worker)));
        }
        if own.is_none() && (!may_start || (full && !make_room(&mut seats))) {
            return Ok(None);
        }
        let worker = Worker::start(&self.options.program, code)
            .map_err(|_| Refusal::internal("the system does not start a process for the tool"))?;
        self.seat(&mut seats, Arc::clone(&worker), code, whose, 1);
        Ok(Some(worker))
    }

    fn seat(&self, seats: &mut Vec<Seat>, worker: Arc<Worker>, code: &Arc<Code>, whose: Option<&str>, calls: usize) {
        tokio::spawn(retire(Arc::downgrade(&self.seats), Arc::downgrade(&worker), self.options.rest));
        let (whose, used) = (whose.map(str::to_owned), Instant::now());
        seats.push(Seat { worker, code: Arc::clone(code), whose, calls, used });
    }

    /// A call of this worker is over.
    fn give_back(&self, worker: &Arc<Worker>) {
        let mut seats = self.seats();
        let too_many = seats.len() > self.options.at_rest || self.options.isolation == Isolation::Call;
        if let Some(place) = seats.iter().position(|seat| Arc::ptr_eq(&seat.worker, worker))
            && let Some(seat) = seats.get_mut(place)
        {
            seat.calls -= 1;
            seat.used = Instant::now();
            if seat.calls == 0 && (too_many || worker.is_gone()) {
                seats.swap_remove(place).worker.end();
            }
        }
        drop(seats);
        self.changed.notify_waiters();
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Seat>> {
        held(&self.seats)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a worker that had nothing to do for so long: it holds memory, and what its tool left there.
async fn retire(seats: Weak<Mutex<Vec<Seat>>>, worker: Weak<Worker>, rest: Duration) {
    let mut wait = rest;
    loop {
        tokio::time::sleep(wait).await;
        let (Some(seats), Some(worker)) = (seats.upgrade(), worker.upgrade()) else { return };
        let mut seats = held(&seats);
        let Some(place) = seats.iter().position(|seat| Arc::ptr_eq(&seat.worker, &worker)) else { return };
        let Some(seat) = seats.get(place) else { return };
        wait = if seat.calls == 0 { rest.saturating_sub(seat.used.elapsed()) } else { rest };
        if wait.is_zero() {
            return seats.swap_remove(place).worker.end();
        }
    }
}

/// Ends the worker that was used longest ago. Where all are at work, there is room for some more at one time; whether there is
/// room.
fn make_room(seats: &mut Vec<Seat>) -> bool {
    let idle = seats.iter().enumerate().filter(|(_, seat)| seat.calls == 0);
    match idle.min_by_key(|(_, seat)| seat.used).map(|(place, _)| place) {
        Some(place) => seats.swap_remove(place).worker.end(),
        None => return seats.len() < limits::WORKERS,
    }
    true
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.seats().iter().for_each(|seat| seat.worker.end());
        if let Some(ahead) = held(&self.ahead).take() {
            ahead.worker.end();
        }
    }
}

/// A call's place at a worker.
struct Place<'a> {
    pool: &'a Pool,
    worker: Arc<Worker>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.give_back(&self.worker);
    }
}
