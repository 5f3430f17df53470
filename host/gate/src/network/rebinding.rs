//! Names that change their address after it was checked (threat C2): answers are told, addresses are this machine's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::LogLine;
use hotcell_protocol::Method;
use hotcell_protocol::Outside as _;
use hotcell_protocol::Progress;
use tokio::net::TcpListener;

use super::Told;
use crate::Gate;
use crate::Grant;
use crate::Services;
use crate::Session;
use crate::StrikesInMemory;
use crate::Watcher;

/// Public; its traffic goes to 127.0.0.2.
const PUBLIC: &str = "9.9.9.9";
const METADATA: &str = "169.254.169.254";
const LOOPBACK: &str = "127.0.0.1";
const MAPPED: &str = "::ffff:127.0.0.1";

struct Nobody;

impl Watcher for Nobody {
    fn log(&self, _: &LogLine) {}

    fn progress(&self, _: &Progress) {}
}

/// What a name leads to, one answer for each lookup; the last one for ever.
struct Names {
    answers: Vec<Vec<&'static str>>,
    lookups: Arc<AtomicUsize>,
}

impl Names {
    fn told(self) -> Told {
        let Self { answers, lookups } = self;
        let answer = move |name: &str| {
            assert_eq!(name, "api.example.com");
            let asked = lookups.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
            answers[asked].iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
        };
        let public: fn(SocketAddr) -> SocketAddr = |address| {
            let is_public = address.ip() == PUBLIC.parse::<IpAddr>().unwrap();
            if is_public { SocketAddr::new([127, 0, 0, 2].into(), address.port()) } else { address }
        };
        Told { answers: Box::new(answer), stand_in: public }
    }
}

/// Connections that came to an address.
async fn listen(address: SocketAddr) -> (u16, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::<Mutex<usize>>::default());
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            *counted.lock().unwrap() += 1;
            // No TLS: to come here is all that the test asks.
            drop(stream);
        }
    });
    (port, count)
}

/// What became of two requests, one after the other, and how often somebody looked up or came: (codes, lookups, connections to
/// what was checked, connections to what was not).
async fn two_requests(answers: Vec<Vec<&'static str>>) -> (Vec<Code>, usize, usize, usize) {
    let (port, checked) = listen(([127, 0, 0, 2], 0).into()).await;
    // The same port of this machine's own address: where a second lookup would lead.
    let (_, unchecked) = listen(([127, 0, 0, 1], port).into()).await;
    let services =
        format!("[service.api]\norigins = [\"https://api.example.com:{port}\"]\nanonymous = [\"GET /**\"]\n");
    let services = Arc::new(Services::parse(&services, "config.toml").unwrap());
    let lookups = Arc::<AtomicUsize>::default();
    let names = Names { answers, lookups: Arc::clone(&lookups) };
    let gate = Gate::new(services, None, None, Arc::<StrikesInMemory>::default()).unwrap().told(names.told());
    let grant = Grant {
        tool: "tool".into(),
        digest: Digest::of(b"tool"),
        action: "act".into(),
        services: BTreeMap::from([("api".to_owned(), [].into())]),
        public: Vec::new(),
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let session = Session::new(Arc::new(gate), grant, deadline, 8, Arc::new(Nobody), Box::new(|| true));
    for _ in 0..2 {
        let url = format!("https://api.example.com:{port}/x");
        let asked = Asked { method: Method::Get, url, headers: Vec::new(), body: None };
        assert!(session.send(asked).await.is_err(), "there is no server that speaks TLS");
    }
    let (_, refusals) = session.finish();
    let codes = refusals.iter().map(|refusal| refusal.code).collect();
    let came = (*checked.lock().unwrap(), *unchecked.lock().unwrap());
    (codes, lookups.load(Ordering::Relaxed), came.0, came.1)
}

#[tokio::test]
async fn c2_only_the_address_that_was_checked_is_connected_to_whatever_the_name_says_a_moment_later() {
    for later in [LOOPBACK, METADATA, MAPPED, "10.0.0.1", "::1"] {
        let (codes, lookups, checked, unchecked) = two_requests(vec![vec![PUBLIC], vec![later]]).await;
        assert_eq!(codes, [Code::UpstreamUnreachable, Code::AddressForbidden], "{later}");
        assert_eq!((lookups, checked, unchecked), (2, 1, 0), "one lookup for a connection; {later}");
    }
}

#[tokio::test]
async fn c2_one_bad_address_among_good_ones_fails_the_lookup_in_whatever_order() {
    for answer in [vec![PUBLIC, LOOPBACK], vec![LOOPBACK, PUBLIC], vec![PUBLIC, PUBLIC, MAPPED]] {
        let (codes, _, checked, unchecked) = two_requests(vec![answer.clone()]).await;
        assert_eq!(codes, [Code::AddressForbidden], "equal refusals are one; {answer:?}");
        assert_eq!((checked, unchecked), (0, 0), "{answer:?}");
    }
}
