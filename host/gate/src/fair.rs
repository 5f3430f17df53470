//! Fair use: no tool crowds out the others or a server, and a server that asks for a pause gets it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_vault::User;
use http::HeaderMap;
use http::header;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Who asks: a tool, by digest, for a user; `None` for whoever runs the host. What one user's calls do slows no other's.
type Who = (Digest, Option<User>);
/// Books of this many are looked through for what says nothing any more: users come and go.
const MANY: usize = 1_024;

/// The books of a host. They live as long as it does.
#[derive(Default)]
pub(crate) struct Fair {
    /// Places for requests at once: of each tool for each user, and of each service.
    tools: Mutex<HashMap<Who, Arc<Semaphore>>>,
    services: Mutex<HashMap<Option<String>, Arc<Semaphore>>>,
    /// Until when a service asked a user for a pause: most count by the token.
    pauses: Mutex<HashMap<(String, Option<User>), Instant>>,
    /// What is left of each tool's requests to a service in this minute; `None` for public origins.
    rates: Mutex<HashMap<(Who, Option<String>), Bucket>>,
}

/// Places that a request holds while it is under way.
pub(crate) struct Place {
    _tool: OwnedSemaphorePermit,
    _service: OwnedSemaphorePermit,
}

/// A token bucket: it holds a minute's requests at most, and fills evenly.
struct Bucket {
    left: f64,
    filled: Instant,
}

impl Fair {
    /// Waits for a place; refuses a tool that asks too often, and all tools while the service wants a pause.
    pub(crate) async fn enter(
        &self,
        digest: Digest,
        user: Option<&User>,
        service: Option<&str>,
    ) -> Result<Place, Refusal> {
        let now = Instant::now();
        self.refuse_in_pause(user, service, now)?;
        self.count((digest, user.cloned()), service, now)?;
        let tool = place(&self.tools, (digest, user.cloned()), limits::REQUESTS_AT_ONCE_OF_A_TOOL);
        let service = place(&self.services, service.map(str::to_owned), limits::REQUESTS_AT_ONCE_TO_A_SERVICE);
        let closed = |_| Refusal::internal("the gate is closed");
        Ok(Place {
            _tool: tool.acquire_owned().await.map_err(closed)?,
            _service: service.acquire_owned().await.map_err(closed)?,
        })
    }

    /// Takes note of a server that asks for a pause: 429 or 503 with `Retry-After` (RFC 9110 §10.2.3, RFC 6585 §4).
    pub(crate) fn learn(&self, user: Option<&User>, service: Option<&str>, status: u16, headers: &HeaderMap) {
        let Some(service) = service.filter(|_| matches!(status, 429 | 503)) else { return };
        let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
        if let Some(seconds) = asked {
            // A date instead of seconds is left to the tool; a pause of years is an attack on the other tools.
            let pause = Duration::from_secs(seconds).min(limits::LONGEST_PAUSE);
            let now = Instant::now();
            let mut pauses = books(&self.pauses);
            if pauses.len() >= MANY {
                pauses.retain(|_, until| *until > now);
            }
            pauses.insert((service.to_owned(), user.cloned()), now + pause);
        }
    }

    fn refuse_in_pause(&self, user: Option<&User>, service: Option<&str>, now: Instant) -> Result<(), Refusal> {
        let Some(service) = service else { return Ok(()) };
        let of = (service.to_owned(), user.cloned());
        let mut pauses = books(&self.pauses);
        match pauses.get(&of) {
            Some(until) if *until > now => {
                let seconds = (*until - now).as_secs() + 1;
                Err(Refusal::new(
                    Code::TooManyRequests,
                    format!("{service} asked for a pause, which is not over yet"),
                    format!("try again in {seconds} s"),
                ))
            }
            Some(_) => {
                pauses.remove(&of);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn count(&self, who: Who, service: Option<&str>, now: Instant) -> Result<(), Refusal> {
        let most = f64::from(limits::REQUESTS_A_MINUTE);
        let mut rates = books(&self.rates);
        if rates.len() >= MANY {
            // One that nobody used for a minute is full again, as a new one is.
            rates.retain(|_, bucket| now.saturating_duration_since(bucket.filled) < Duration::from_secs(60));
        }
        let bucket = rates.entry((who, service.map(str::to_owned))).or_insert(Bucket { left: most, filled: now });
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.left = (bucket.left + since * most / 60.0).min(most);
        bucket.filled = now;
        if bucket.left < 1.0 {
            return Err(Refusal::new(
                Code::TooManyRequests,
                format!(
                    "the tool sent more than {} requests in a minute to {}",
                    limits::REQUESTS_A_MINUTE,
                    service.unwrap_or("public origins")
                ),
                "wait a moment; a tool that needs more should ask for more in one request",
            ));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

fn place<K: std::hash::Hash + Eq>(of: &Mutex<HashMap<K, Arc<Semaphore>>>, key: K, most: usize) -> Arc<Semaphore> {
    let mut places = books(of);
    if places.len() >= MANY {
        // One that nobody holds a place of is as a new one is.
        places.retain(|_, place| Arc::strong_count(place) > 1);
    }
    Arc::clone(places.entry(key).or_insert_with(|| Arc::new(Semaphore::new(most))))
}

fn books<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn tool(number: u8) -> Digest {
        Digest::of(&[number])
    }

    fn retry_after(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap())])
    }

    #[tokio::test(start_paused = true)]
    async fn j8_a_tool_that_asks_without_end_is_slowed_to_its_share_and_the_others_are_not() {
        let fair = Fair::default();
        for _ in 0..limits::REQUESTS_A_MINUTE {
            drop(fair.enter(tool(1), None, Some("api")).await.unwrap());
        }
        let refusal = fair.enter(tool(1), None, Some("api")).await.err().unwrap();
        assert_eq!(refusal.code, Code::TooManyRequests);
        assert!(fair.enter(tool(2), None, Some("api")).await.is_ok());
        assert!(fair.enter(tool(1), None, Some("other")).await.is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        let again = limits::REQUESTS_A_MINUTE / 60;
        for _ in 0..again {
            drop(fair.enter(tool(1), None, Some("api")).await.unwrap());
        }
        assert!(fair.enter(tool(1), None, Some("api")).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn n6_what_one_user_uses_up_is_left_for_the_others() {
        let (fair, users) = (Fair::default(), ["ada", "bob"].map(|name| User::new("https://a", "sub", name).unwrap()));
        let [ada, bob] = users.each_ref().map(Some);
        let mut held = Vec::new();
        for _ in 0..limits::REQUESTS_AT_ONCE_OF_A_TOOL {
            held.push(fair.enter(tool(1), ada, Some("api")).await.unwrap());
        }
        let wait = Duration::from_millis(50);
        assert!(tokio::time::timeout(wait, fair.enter(tool(1), ada, Some("api"))).await.is_err());
        for other in [bob, None] {
            assert!(tokio::time::timeout(wait, fair.enter(tool(1), other, Some("api"))).await.is_ok());
        }
        held.clear();
        for _ in held.len()..limits::REQUESTS_A_MINUTE as usize {
            drop(fair.enter(tool(1), ada, Some("api")).await);
        }
        assert!(
            fair.enter(tool(1), ada, Some("api")).await.is_err() && fair.enter(tool(1), bob, Some("api")).await.is_ok()
        );
        fair.learn(bob, Some("api"), 429, &retry_after("60"));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(
            fair.enter(tool(1), bob, Some("api")).await.is_err() && fair.enter(tool(1), ada, Some("api")).await.is_ok()
        );

        // Users who come and go leave no books behind.
        for number in 0..3 * MANY {
            let user = User::new("https://a", "sub", &number.to_string()).unwrap();
            drop(fair.enter(tool(1), Some(&user), Some("api")).await.unwrap());
            fair.learn(Some(&user), Some("api"), 429, &retry_after("0"));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(
            books(&fair.tools).len() <= MANY && books(&fair.rates).len() <= MANY && books(&fair.pauses).len() <= MANY
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_a_pause_gets_it_and_no_longer_than_is_sane() {
        let fair = Fair::default();
        fair.learn(None, Some("api"), 429, &retry_after("7"));
        let refusal = fair.enter(tool(1), None, Some("api")).await.err().unwrap();
        assert!(refusal.code == Code::TooManyRequests && refusal.hint.contains("8 s"), "{refusal:?}");
        assert!(fair.enter(tool(1), None, Some("other")).await.is_ok());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert!(fair.enter(tool(1), None, Some("api")).await.is_ok());

        fair.learn(None, Some("api"), 503, &retry_after("1000000000"));
        tokio::time::advance(limits::LONGEST_PAUSE).await;
        assert!(fair.enter(tool(1), None, Some("api")).await.is_ok(), "one server stopped all tools for years");
        for (status, text) in
            [(200, "60"), (500, "60"), (429, "soon"), (429, "-1"), (429, "Wed, 21 Oct 2026 07:28:00 GMT")]
        {
            fair.learn(None, Some("api"), status, &retry_after(text));
            assert!(fair.enter(tool(1), None, Some("api")).await.is_ok(), "{status} {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_of_a_tool_are_under_way_than_it_has_places_and_a_dropped_one_gives_its_place_back() {
        let fair = Fair::default();
        let mut held = Vec::new();
        for _ in 0..limits::REQUESTS_AT_ONCE_OF_A_TOOL {
            held.push(fair.enter(tool(1), None, Some("api")).await.unwrap());
        }
        let wait = Duration::from_millis(50);
        assert!(tokio::time::timeout(wait, fair.enter(tool(1), None, Some("api"))).await.is_err());
        assert!(tokio::time::timeout(wait, fair.enter(tool(2), None, Some("api"))).await.is_ok());
        held.pop();
        assert!(tokio::time::timeout(wait, fair.enter(tool(1), None, Some("api"))).await.is_ok());
    }
}
