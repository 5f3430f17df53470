//! Sequences of requests and answers through the whole gate, with a network that records instead of sending (threats A, B, E, J).

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::time::Duration;

use hotcell_protocol::Asked;
use hotcell_protocol::Digest;
use hotcell_protocol::GuestError;
use hotcell_protocol::Header;
use hotcell_protocol::LogLine;
use hotcell_protocol::Method;
use hotcell_protocol::Outside as _;
use hotcell_protocol::Progress;
use http::HeaderMap;
use http::HeaderValue;
use tokio::runtime::Runtime;

use super::JWT;
use super::TOKEN;
use super::grant;
use super::outcome;
use super::services;
use super::store;
use crate::Gate;
use crate::STRIKES;
use crate::Session;
use crate::StrikeBook as _;
use crate::StrikesInMemory;
use crate::Watcher;
use crate::sign::Signed;

/// What was sent, and what is to be answered.
#[derive(Default)]
struct Wire {
    answer: Mutex<u8>,
    sent: Mutex<Vec<String>>,
}

struct Setting {
    runtime: Runtime,
    gate: Arc<Gate>,
    strikes: Arc<StrikesInMemory>,
    wire: Arc<Wire>,
    calls: u64,
}

static SETTING: LazyLock<Mutex<Setting>> = LazyLock::new(|| Mutex::new(setting()));
/// Strikes and rates are kept for each tool; after so many tools the books begin anew.
const TOOLS: u64 = 20_000;

fn setting() -> Setting {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let tokens = [("api", TOKEN, &["read"][..]), ("other", JWT, &["all"][..])];
    let (strikes, wire) = (Arc::<StrikesInMemory>::default(), Arc::<Wire>::default());
    let gate = Gate::new(Arc::new(services()), Some(store(&tokens)), None, Arc::clone(&strikes) as _).unwrap();
    let ends = Arc::clone(&wire);
    let gate = gate.before(Box::new(move |signed| ends.exchange(&signed))).unwrap();
    Setting { runtime, gate: Arc::new(gate), strikes, wire, calls: 0 }
}

struct Nobody;

impl Watcher for Nobody {
    fn log(&self, line: &LogLine) {
        assert!(!line.text.contains(TOKEN), "a token is in the log");
    }

    fn progress(&self, _: &Progress) {}
}

/// A grant, then an operation in four bytes each: URL, method and headers, body, answer.
pub fn ops(data: &[u8]) -> u64 {
    let [bits, rest @ ..] = data else { return 0 };
    let mut setting = SETTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if setting.calls >= TOOLS {
        *setting = self::setting();
    }
    setting.calls += 1;
    let mut granted = grant(*bits);
    granted.digest = Digest::of(&setting.calls.to_le_bytes());
    let (digest, deadline) = (granted.digest, std::time::Instant::now() + Duration::from_secs(60));
    let session = Session::new(Arc::clone(&setting.gate), granted, deadline, 16, Arc::new(Nobody), Box::new(|| true));
    let (mut seen, mut caught) = (Vec::new(), 0);
    for op in rest.chunks_exact(4).take(24) {
        *setting.wire.answer.lock().unwrap() = op[3];
        setting.wire.sent.lock().unwrap().clear();
        let strikes = || ["api", "other", ""].map(|service| setting.strikes.count(digest, service));
        let before = strikes();
        let answered = setting.runtime.block_on(async {
            tokio::select! {
                answer = session.send(asked(op)) => Some(answer),
                // A request with a token in it gets no answer: the call ends.
                _ = session.stopped() => None,
            }
        });
        let Some(answer) = answered else {
            assert!(setting.wire.sent.lock().unwrap().is_empty(), "a token was sent");
            let suspended = |service: &str| setting.strikes.count(digest, service) >= STRIKES;
            assert!(["api", "other", "open", ""].into_iter().any(suspended), "a guess costs less than a suspension");
            caught = 1;
            break;
        };
        let sent = setting.wire.sent.lock().unwrap().clone();
        let after = strikes();
        assert!(sent.len() <= 2, "{} requests for one", sent.len());
        assert!(after.iter().all(|count| *count <= STRIKES), "more strikes than there are");
        assert!(after.iter().zip(before).all(|(after, before)| *after - before <= 1));
        match &answer {
            Ok(answer) => {
                assert!(!sent.is_empty() && before == after);
                for bytes in answer.headers.iter().map(|header| header.value.as_bytes()).chain([answer.body.as_slice()])
                {
                    assert!(!holds_token(bytes), "the guest has a token");
                }
                assert!(answer.headers.iter().all(|header| header.name != "set-cookie"));
            }
            Err(GuestError::Withheld) => {}
            Err(GuestError::Denied | GuestError::BadRequest) => assert!(sent.is_empty(), "refused, and sent"),
            Err(_) => {}
        }
        seen.push((answer.map(|answer| answer.status), after));
        // Three withheld, and the service is closed to the tool.
        if let Some(service) = sent.first() {
            let of = ["api", "other", "open"].iter().position(|name| service.contains(name)).unwrap_or(0);
            assert!(before[of] < STRIKES, "a suspended tool sent a request");
        }
    }
    let (records, refusals) = session.finish();
    assert_eq!(records.len(), seen.len() + caught);
    assert!(!holds_token(format!("{records:?}{refusals:?}").as_bytes()), "a token is on record");
    outcome(seen.iter().map(|(answer, _)| *answer).take(3).collect::<Vec<_>>())
}

const URLS: [&str; 16] = [
    "https://api.example.com/repos/a/b/issues",
    "https://api.example.com/v1/x",
    "https://api.example.com:8443/v1/x?q=1",
    "http://127.0.0.1:8080/v1/x",
    "https://api.example.com/public/x",
    "https://api.example.com/account/x",
    "https://other.example.com/x",
    "https://open.example.org/data/1",
    "https://open.example.org/files/a/b",
    "https://api.example.com/t/a",
    "https://evil.example.com/",
    "https://api.example.com/v1/../account",
    "https://api.example.com@evil.example.com/",
    "http://169.254.169.254/",
    "https://api.example.com/v1/%2e%2e/x",
    "https://api.example.com/v1/ghp_16C7e42F292c6912E7710c838347Ae178B4a",
];

fn asked(op: &[u8]) -> Asked {
    let method = Method::ALL[usize::from(op[1]) % 6];
    let headers = match op[1] / 6 % 6 {
        0 => vec![Header::new("accept", "text/plain")],
        1 => vec![Header::new("Authorization", "Bearer mine")],
        2 => vec![Header::new("accept", TOKEN)],
        3 => vec![Header::new("accept", "a\r\nAuthorization: b")],
        _ => Vec::new(),
    };
    let body = match op[2] % 5 {
        0 => Some(TOKEN.as_bytes().to_vec()),
        1 => Some(TOKEN.as_bytes()[..20].to_vec()),
        2 => Some(JWT.split('.').next_back().unwrap().as_bytes().to_vec()),
        _ => None,
    };
    Asked { method, url: URLS[usize::from(op[0]) % URLS.len()].to_owned(), headers, body }
}

impl Wire {
    fn exchange(&self, signed: &Signed) -> (u16, HeaderMap, Vec<u8>) {
        let origin = signed.target.origin.to_string();
        let credentials: Vec<_> = signed.headers.get_all("authorization").iter().collect();
        let expected = match (signed.terms.scope.is_some(), origin.contains("other")) {
            (false, _) => None,
            (true, true) => Some(format!("Bearer {JWT}")),
            (true, false) => Some(format!("Bearer {TOKEN}")),
        };
        assert!(credentials.len() <= 1);
        assert!(
            credentials.first().map(|value| value.as_bytes()) == expected.as_deref().map(str::as_bytes),
            "not its token"
        );
        assert!(!origin.contains("open") || credentials.is_empty(), "a token went to a public origin");
        assert!(!origin.contains("evil") && !origin.contains("169.254"), "{origin}");
        let others = signed.headers.iter().filter(|(name, _)| *name != "authorization");
        assert!(
            others.map(|(_, value)| value.as_bytes()).chain(signed.body.as_deref()).all(|bytes| !holds_token(bytes))
        );
        self.sent.lock().unwrap().push(origin);
        answer(*self.answer.lock().unwrap())
    }
}

fn answer(kind: u8) -> (u16, HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    };
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    let body = match kind % 12 {
        0 => TOKEN.as_bytes().to_vec(),
        1 => hex.into_bytes(),
        2 => JWT.as_bytes().to_vec(),
        3 => [0x1f, 0x8b, 8, 0].to_vec(),
        4 => TOKEN.as_bytes()[..30].to_vec(),
        _ => b"fine".to_vec(),
    };
    match kind / 12 % 7 {
        0 => put("etag", TOKEN),
        1 => put("set-cookie", "a=b"),
        2 => put("content-encoding", "gzip"),
        3 => put("location", &format!("https://evil.example.com/?t={TOKEN}")),
        4 => put("location", "https://user:password@evil.example.com/x?code=1#f"),
        _ => put("content-type", "text/plain"),
    }
    let status = [200, 401, 206, 302, 500, 404, 201, 418][usize::from(kind / 32) % 8];
    (status, headers, body)
}

/// By other means than the scan's, and less cunning.
fn holds_token(bytes: &[u8]) -> bool {
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    [TOKEN.as_bytes(), JWT.as_bytes(), hex.as_bytes()].iter().any(|form| memchr::memmem::find(bytes, form).is_some())
}
