//! The three imports of `hotcell:tool`, handed on to [`hotcell_protocol::Outside`]. Nothing is decided here.

use std::sync::Arc;
use std::time::Instant;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::GuestError;
use hotcell_protocol::Header;
use hotcell_protocol::LogLevel;
use hotcell_protocol::Method;
use hotcell_protocol::Outside;
use hotcell_protocol::Progress;
use hotcell_protocol::limits;
use tokio::sync::Semaphore;
use wasmtime::component::HasData;

use crate::bindings::hotcell::tool::http;
use crate::bindings::hotcell::tool::log;
use crate::bindings::hotcell::tool::progress;
use crate::state::State;

/// The one way out, whichever interface a request comes by. No more are under way at once than a call may have.
#[derive(Clone)]
pub(crate) struct Exit {
    outside: Arc<dyn Outside>,
    places: Arc<Semaphore>,
}

impl Exit {
    pub(crate) fn new(outside: Arc<dyn Outside>) -> Self {
        Self { outside, places: Arc::new(Semaphore::new(limits::REQUESTS_AT_ONCE_OF_A_CALL)) }
    }

    /// Sends a request. Dropping the future gives it up.
    pub(crate) async fn send(&self, asked: Asked) -> Result<Answer, GuestError> {
        let _place = self.places.acquire().await.map_err(|_| GuestError::Broken)?;
        self.outside.send(asked).await
    }

    /// Waits until nothing is under way any more: what was given up has been let go. A matter of microseconds.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(limits::REQUESTS_AT_ONCE_OF_A_CALL).unwrap_or(u32::MAX);
        drop(tokio::time::timeout(limits::EPOCH_TICK * 10, self.places.acquire_many(all)).await);
    }

    /// The origin of a service that the action was granted.
    pub(crate) fn origin(&self, service: &str) -> Result<String, GuestError> {
        self.outside.origin(service)
    }

    fn progress(&self, progress: Progress) {
        self.outside.progress(progress);
    }

    /// How many more requests may be under way now.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.places.available_permits()
    }
}

impl HasData for State {
    type Data<'a> = &'a mut Self;
}

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, http::Error> {
        self.exit.send(asked(request)).await.map(response).map_err(error)
    }

    fn origin(&mut self, service: String) -> Result<String, http::Error> {
        self.exit.origin(&service).map_err(error)
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.log.write(level, &message);
    }
}

impl progress::Host for State {
    fn report(&mut self, done: u64, total: Option<u64>, note: Option<String>) {
        if self.progress.passes(total == Some(done), Instant::now()) {
            self.exit.progress(Progress::of(done, total, note.as_deref()));
        }
    }
}

/// Which progress reports are passed on: no more than the limit allows, whatever the guest reports.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    before: Option<Instant>,
    finished: bool,
}

impl Reports {
    /// Whether a report at this time is passed on. The first one that says that all is done always is, so that a bar
    /// ends full; only the first, or a guest could flood its reader with endings.
    fn passes(&mut self, done: bool, now: Instant) -> bool {
        let early = self.before.is_some_and(|before| now - before < limits::PROGRESS_EVERY);
        let first_end = done && !self.finished;
        self.finished |= done;
        if early && !first_end {
            return false;
        }
        self.before = Some(now);
        true
    }
}

fn asked(request: http::Request) -> Asked {
    let method = match request.method {
        http::Method::Delete => Method::Delete,
        http::Method::Get => Method::Get,
        http::Method::Head => Method::Head,
        http::Method::Patch => Method::Patch,
        http::Method::Post => Method::Post,
        http::Method::Put => Method::Put,
    };
    let headers = request.headers.into_iter().map(|header| Header { name: header.name, value: header.value }).collect();
    Asked { method, url: request.url, headers, body: request.body }
}

fn response(answer: Answer) -> http::Response {
    let headers =
        answer.headers.into_iter().map(|header| http::Header { name: header.name, value: header.value }).collect();
    http::Response { status: answer.status, headers, body: answer.body }
}

fn error(error: GuestError) -> http::Error {
    match error {
        GuestError::BadRequest => http::Error::BadRequest,
        GuestError::Broken => http::Error::Broken,
        GuestError::Denied => http::Error::Denied,
        GuestError::NeedsSignIn => http::Error::NeedsSignIn,
        GuestError::TooLarge => http::Error::TooLarge,
        GuestError::TooMany => http::Error::TooMany,
        GuestError::TimedOut => http::Error::TimedOut,
        GuestError::Unreachable => http::Error::Unreachable,
        GuestError::Withheld => http::Error::Withheld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_passed_on_ten_times_a_second_and_once_at_the_end() {
        let (mut reports, start) = (Reports::default(), Instant::now());
        let at = |fraction| start + limits::PROGRESS_EVERY.mul_f64(fraction);
        assert!(reports.passes(false, at(0.0)));
        assert!(!reports.passes(false, at(0.5)));
        assert!(reports.passes(false, at(1.0)));
        assert!(reports.passes(true, at(1.1)));
        assert!(!(0..1_000).any(|_| reports.passes(true, at(1.2))));
        assert!(reports.passes(true, at(2.2)));
    }
}
