//! Processor time of one call: the time in which its future is polled. Waiting for a server or a timer costs none.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

/// Counts while a call's future is polled. The epoch callback reads it in the middle of a poll.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Time>);

#[derive(Debug, Default)]
struct Time {
    spent: Duration,
    since: Option<Instant>,
}

/// Host code panicked in the middle of a call.
#[derive(Debug)]
pub(crate) struct Panicked;

impl Meter {
    /// Processor time until now.
    pub(crate) fn spent(&self) -> Duration {
        let time = self.lock();
        time.spent + time.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Runs a call's work to its end, counting. A panic of host code ends this call only (promise P7).
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, Panicked> {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.lock().since = Some(Instant::now());
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
            let mut time = self.lock();
            let polled_for = time.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            time.spent += polled_for;
            match polled {
                Ok(polled) => polled.map(Ok),
                Err(_) => Poll::Ready(Err(Panicked)),
            }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_costs_no_processor_time_and_work_does() {
        let meter = Meter::default();
        let work = async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            std::thread::sleep(Duration::from_millis(20));
            meter.spent()
        };
        let inside = meter.run(work).await.unwrap();
        assert!(inside >= Duration::from_millis(20) && inside < Duration::from_millis(60), "{inside:?}");
        assert!(meter.spent() >= inside);
    }

    #[tokio::test]
    async fn p7_a_panic_ends_the_work_and_nothing_else() {
        let meter = Meter::default();
        assert!(meter.run(async { panic!("on purpose") }).await.is_err());
        assert_eq!(meter.run(async { 7 }).await.unwrap(), 7);
    }
}
