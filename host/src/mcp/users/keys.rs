//! The authorisation server's keys (RFC 7517): fetched when they are needed, kept for some minutes, fetched again when a token
//! names one that is not known. A stranger can name any key: however often that happens, the server is asked once in some
//! seconds, by one request at a time that nobody who leaves can stop.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use hotcell_protocol::limits;
use hotcell_vault::oauth;
use hotcell_vault::oauth::Endpoint;
use hotcell_vault::oauth::Http;
use hotcell_vault::oauth::HttpRequest;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::jwk::KeyAlgorithm;
use jsonwebtoken::jwk::KeyOperations;
use jsonwebtoken::jwk::PublicKeyUse;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::config::Authorization;

/// Keys of one server. Servers have a handful.
const MOST_KEYS: usize = 64;

/// How long a token whose key is known, but not of late, waits for a look.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The server has no key of this name for this algorithm.
    Unknown,
    /// The server cannot be asked, and what it said last is too old.
    Unreachable,
}

/// The keys of one server.
pub(super) struct Keys {
    issuer: Endpoint,
    written: Option<Endpoint>,
    http: Arc<dyn Http>,
    state: Mutex<State>,
    /// Held by whoever fetches.
    flight: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    set: Option<(Arc<Set>, Instant)>,
    tried: Option<Instant>,
    /// The last try failed.
    failed: bool,
    /// Where the metadata said that the keys are.
    found: Option<Endpoint>,
}

/// A set of keys as it came.
struct Set(Vec<Jwk>);

impl Keys {
    pub(super) fn new(config: &Authorization, http: Arc<dyn Http>) -> Self {
        let (issuer, written) = (config.issuer.clone(), config.jwks_uri.clone());
        Self { issuer, written, http, state: Mutex::default(), flight: Arc::default() }
    }

    /// The key of this name, for this algorithm.
    pub(super) async fn find(self: &Arc<Self>, name: &str, algorithm: Algorithm) -> Result<DecodingKey, NoKey> {
        let kept = |longest| {
            let state = self.state();
            let (set, at) = state.set.as_ref().filter(|(_, at)| at.elapsed() < longest)?;
            Some((Arc::clone(set), *at))
        };
        if let Some((set, _)) = kept(limits::MCP_KEYS_FRESH)
            && let Some(key) = set.find(name, algorithm)
        {
            return Ok(key);
        }
        match kept(limits::MCP_KEYS_KEPT).and_then(|(set, _)| set.find(name, algorithm)) {
            None => self.look().await,
            // A key that would do is not worth a long wait for a server that hangs. The look goes on by itself.
            Some(_) => drop(timeout(self.patience(), self.look()).await),
        }
        let (set, _) = kept(limits::MCP_KEYS_KEPT).ok_or(NoKey::Unreachable)?;
        set.find(name, algorithm).ok_or(NoKey::Unknown)
    }

    fn patience(&self) -> Duration {
        if self.state().failed { Duration::ZERO } else { PATIENCE }
    }

    /// Fetches the keys, unless that was tried just now. Waits for whoever is at it.
    pub(super) async fn look(self: &Arc<Self>) {
        let flight = Arc::clone(&self.flight).lock_owned().await;
        {
            let mut state = self.state();
            if state.tried.is_some_and(|tried| tried.elapsed() < limits::MCP_KEYS_EVERY) {
                return;
            }
            state.tried = Some(Instant::now());
        }
        let keys = Arc::clone(self);
        // A task of its own, which has the flight: a stranger who asks and leaves would end it for those who wait.
        let fetched = tokio::spawn(async move {
            let _flight = flight;
            let fetched =
                timeout(limits::MCP_KEYS_TIME, keys.fetch()).await.unwrap_or(Err("it took too long".to_owned()));
            let mut state = keys.state();
            // Counted from its end: who waited for a slow answer must not ask for another one.
            state.tried = Some(Instant::now());
            state.failed = fetched.is_err();
            match fetched {
                Ok((set, from)) => {
                    tracing::debug!(keys = set.0.len(), "the authorisation server's keys are fetched");
                    state.set = Some((Arc::new(set), Instant::now()));
                    state.found = Some(from);
                }
                Err(why) => {
                    tracing::warn!(
                        issuer = keys.issuer.as_str(),
                        "the authorisation server's keys cannot be fetched: {why}"
                    );
                    state.found = None;
                }
            }
        });
        drop(fetched.await);
    }

    /// Whether keys are there that count.
    pub(super) fn are_there(&self) -> bool {
        self.state().set.as_ref().is_some_and(|(_, at)| at.elapsed() < limits::MCP_KEYS_KEPT)
    }

    async fn fetch(&self) -> Result<(Set, Endpoint), String> {
        let known = self.written.clone().or_else(|| self.state().found.clone());
        let from = match known {
            Some(from) => from,
            None => oauth::jwks_uri(&self.issuer, &*self.http).await.map_err(|error| error.to_string())?,
        };
        let accept = ("accept".to_owned(), Zeroizing::new("application/jwk-set+json, application/json".to_owned()));
        let request = HttpRequest { endpoint: from.clone(), headers: vec![accept], body: None };
        let reply = self.http.send(request).await.map_err(|error| format!("the server of the keys {error}"))?;
        if reply.status != 200 {
            return Err(format!("the server of the keys answers {}", reply.status));
        }
        let set = Set::read(&reply.body).ok_or_else(|| "what came is no set of keys (RFC 7517)".to_owned())?;
        Ok((set, from))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Set {
    /// Reads a set. A key that cannot be read is left out, as RFC 7517 §5 says.
    fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Written {
            keys: Vec<Value>,
        }
        let written: Written = serde_json::from_slice(body).ok()?;
        let keys = written.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Some(Self(keys.take(MOST_KEYS).collect()))
    }

    fn find(&self, name: &str, algorithm: Algorithm) -> Option<DecodingKey> {
        let named = |key: &&Jwk| key.common.key_id.as_deref() == Some(name);
        let key = self.0.iter().filter(named).find(|key| is_for(key, algorithm))?;
        DecodingKey::from_jwk(key).ok()
    }
}

/// Whether a key is for this algorithm: by its kind, and by what is written with it (RFC 8725 §3.1: one key, one algorithm).
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        (AlgorithmParameters::RSA(_), Algorithm::PS256 | Algorithm::RS256) => true,
        _ => false,
    };
    let common = &key.common;
    let own = common.key_algorithm.is_none_or(|own| own == KeyAlgorithm::from(algorithm));
    let signs = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|of| of.contains(&KeyOperations::Verify));
    kind && own && signs && verifies
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use hotcell_vault::Waiting;
    use hotcell_vault::oauth::HttpError;
    use hotcell_vault::oauth::HttpReply;
    use serde_json::json;

    use super::*;

    /// A server with one key, whose name the test changes.
    struct Server {
        key: Mutex<String>,
        down: AtomicBool,
        slow: AtomicBool,
        asked: AtomicUsize,
    }

    impl Http for Server {
        fn send(&self, request: HttpRequest) -> Waiting<'_, Result<HttpReply, HttpError>> {
            Box::pin(async move {
                if self.slow.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                }
                if self.down.load(Ordering::SeqCst) {
                    return Err(HttpError::Unreachable);
                }
                let body = if request.endpoint.as_str().ends_with("/keys") {
                    self.asked.fetch_add(1, Ordering::SeqCst);
                    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": *self.key.lock().unwrap()}]})
                } else {
                    json!({"issuer": "https://id.example", "jwks_uri": "https://id.example/keys"})
                };
                Ok(HttpReply { status: 200, retry_after: None, body: Zeroizing::new(body.to_string().into_bytes()) })
            })
        }
    }

    fn server() -> (Arc<Server>, Arc<Keys>) {
        let server = Arc::new(Server {
            key: Mutex::new("a".into()),
            down: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        });
        let config =
            toml::from_str("issuer = \"https://id.example\"\nresource = \"https://hotcell.example/mcp\"").unwrap();
        (Arc::clone(&server), Arc::new(Keys::new(&config, server)))
    }

    async fn found(keys: &Arc<Keys>, name: &str) -> Result<(), NoKey> {
        keys.find(name, Algorithm::EdDSA).await.map(drop)
    }

    #[tokio::test(start_paused = true)]
    async fn n5_keys_that_strangers_name_cost_the_server_one_request_in_some_seconds() {
        let (server, keys) = server();
        found(&keys, "a").await.unwrap();
        for second in 0..20 {
            for number in 0..50 {
                assert_eq!(found(&keys, &format!("{second}-{number}")).await, Err(NoKey::Unknown));
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let asked = server.asked.load(Ordering::SeqCst);
        assert!((2..=5).contains(&asked), "{asked} requests in 20 seconds");
        assert!(found(&keys, "a").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn n5_many_at_once_are_one_request_and_who_leaves_ends_it_for_nobody() {
        let (server, keys) = server();
        server.slow.store(true, Ordering::SeqCst);
        let leaves = tokio::time::timeout(Duration::from_millis(10), found(&keys, "b"));
        assert!(leaves.await.is_err());
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let keys = Arc::clone(&keys);
            waiting.spawn(async move { found(&keys, "a").await });
        }
        assert!(waiting.join_all().await.iter().all(Result::is_ok));
        assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_is_found_a_key_that_was_taken_out_ends_and_a_server_that_is_down_is_bridged_for_an_hour() {
        let (server, keys) = server();
        found(&keys, "a").await.unwrap();
        *server.key.lock().unwrap() = "b".into();
        assert!(found(&keys, "a").await.is_ok(), "kept");
        assert_eq!(found(&keys, "b").await, Err(NoKey::Unknown), "asked a moment ago");
        tokio::time::advance(limits::MCP_KEYS_EVERY).await;
        assert!(found(&keys, "b").await.is_ok());
        assert_eq!(found(&keys, "a").await, Err(NoKey::Unknown), "taken out");

        // Taken out without a new one being used: after the time for which keys count as fresh.
        *server.key.lock().unwrap() = "c".into();
        tokio::time::advance(limits::MCP_KEYS_FRESH).await;
        assert_eq!(found(&keys, "b").await, Err(NoKey::Unknown));

        server.down.store(true, Ordering::SeqCst);
        for _ in 0..(limits::MCP_KEYS_KEPT.as_secs() / 60 - 1) {
            tokio::time::advance(Duration::from_secs(60)).await;
            assert!(found(&keys, "c").await.is_ok());
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(found(&keys, "c").await, Err(NoKey::Unreachable));
        server.down.store(false, Ordering::SeqCst);
        tokio::time::advance(limits::MCP_KEYS_EVERY).await;
        assert!(found(&keys, "c").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn n5_a_server_that_hangs_holds_up_nobody_whose_key_is_known() {
        let (server, keys) = server();
        found(&keys, "a").await.unwrap();
        tokio::time::advance(limits::MCP_KEYS_FRESH).await;
        for flag in [&server.slow, &server.down] {
            flag.store(true, Ordering::SeqCst);
        }
        let started = Instant::now();
        let mut longest = Duration::ZERO;
        while started.elapsed() < Duration::from_secs(120) {
            let asked = Instant::now();
            found(&keys, "a").await.unwrap();
            longest = longest.max(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(longest <= PATIENCE, "{longest:?}");
        server.down.store(false, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(20)).await;
        found(&keys, "a").await.unwrap();
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(!keys.state().failed, "it is not looked for again");
    }

    #[test]
    fn n1_a_key_is_for_one_kind_of_algorithm_and_one_that_cannot_be_read_spoils_no_other() {
        let set = json!({"keys": [
            {"kty": "odd"}, 7, {"kty": "oct", "k": "AA", "kid": "o"},
            {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "r"},
            {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "ps", "alg": "PS256"},
            {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "enc", "use": "enc"},
            {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "ops", "key_ops": ["encrypt"]},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "e"},
            {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "e3"},
        ]});
        let set = Set::read(set.to_string().as_bytes()).unwrap();
        for (name, algorithm, is) in [
            ("r", Algorithm::RS256, true),
            ("r", Algorithm::PS256, true),
            ("r", Algorithm::ES256, false),
            ("r", Algorithm::HS256, false),
            ("r", Algorithm::RS512, false),
            ("o", Algorithm::HS256, false),
            ("ps", Algorithm::PS256, true),
            ("ps", Algorithm::RS256, false),
            ("enc", Algorithm::RS256, false),
            ("ops", Algorithm::RS256, false),
            ("e", Algorithm::ES256, true),
            ("e3", Algorithm::ES256, false),
            ("e3", Algorithm::ES384, false),
            ("../r", Algorithm::RS256, false),
            ("", Algorithm::RS256, false),
        ] {
            assert_eq!(set.find(name, algorithm).is_some(), is, "{name} {algorithm:?}");
        }
        for none in ["", "[]", "{}", "{\"keys\": {}}", "<html>"] {
            assert!(Set::read(none.as_bytes()).is_none(), "{none}");
        }
    }
}
