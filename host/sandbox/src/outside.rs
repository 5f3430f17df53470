//! The three imports of `hotcell:tool`, handed on to [`hotcell_protocol::Outside`]. Nothing is decided here.

use std::time::Instant;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::GuestError;
use hotcell_protocol::Header;
use hotcell_protocol::LogLevel;
use hotcell_protocol::Method;
use hotcell_protocol::Progress;
use hotcell_protocol::limits;
use wasmtime::component::HasData;

use crate::bindings::hotcell::tool::http;
use crate::bindings::hotcell::tool::log;
use crate::bindings::hotcell::tool::progress;
use crate::state::State;

impl HasData for State {
    type Data<'a> = &'a mut Self;
}

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, http::Error> {
        self.outside.send(asked(request)).await.map(response).map_err(error)
    }

    fn origin(&mut self, service: String) -> Result<String, http::Error> {
        self.outside.origin(&service).map_err(error)
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
            self.outside.progress(Progress::of(done, total, note.as_deref()));
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
