//! The gate's share of a request, on loopback, against plain reqwest in the same run: policy, signing, scan, record of the
//! request; the same server, the same client library, one kept connection each. The last part of `cargo x bench`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement, not the product"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hotcell_gate::Gate;
use hotcell_gate::Grant;
use hotcell_gate::Services;
use hotcell_gate::Session;
use hotcell_gate::StrikesInMemory;
use hotcell_protocol::Asked;
use hotcell_protocol::Digest;
use hotcell_protocol::LogLine;
use hotcell_protocol::Method;
use hotcell_protocol::Outside as _;
use hotcell_protocol::Progress;
use hotcell_tests::Canary;
use hotcell_tests::Cell;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

/// Bodies, and how many requests of each kind are counted.
const SIZES: [(usize, usize); 3] = [(1024, 4_000), (64 * 1024, 2_000), (4 * 1024 * 1024, 100)];

fn main() {
    // Plain reqwest has no ciphers of its own here, and asks for them although nothing is encrypted.
    tokio_rustls::rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "\n{:<34} {:>10} {:>10} {:>10} {:>10}",
        "a request and its answer", "plain p50", "gate p50", "p50 ratio", "MB/s ratio"
    );
    for (bytes, times) in SIZES {
        runtime.block_on(measure(bytes, times));
    }
}

async fn measure(bytes: usize, times: usize) {
    let origin = serve(json(bytes)).await;
    let cell = Cell::quiet();
    let gate = gate(&cell, &origin);
    let plain = reqwest::Client::builder().no_proxy().http1_only().build().unwrap();
    let url = format!("{origin}/api/x");
    let mut spans = [Vec::new(), Vec::new()];
    for round in 0..times + times / 10 {
        // By turns, and each first every other time: what the machine does meanwhile meets both.
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let started = Instant::now();
            let length =
                if which == 0 { through_reqwest(&plain, &url).await } else { through_the_gate(&gate, &url).await };
            let took = started.elapsed();
            assert_eq!(length, bytes);
            if round >= times / 10 {
                spans[which].push(took);
            }
        }
    }
    let [plain, gate] = spans.map(|mut spans| {
        spans.sort();
        (spans[spans.len() / 2], spans.iter().sum::<Duration>())
    });
    let micros = |span: Duration| span.as_secs_f64() * 1e6;
    println!(
        "{:<34} {:>7.0} µs {:>7.0} µs {:>10.2} {:>10.2}",
        format!("{} KB, {times} times", bytes / 1024),
        micros(plain.0),
        micros(gate.0),
        micros(gate.0) / micros(plain.0),
        micros(plain.1) / micros(gate.1),
    );
}

async fn through_reqwest(client: &reqwest::Client, url: &str) -> usize {
    let request = client.get(url).header("authorization", "Bearer x").header("accept-encoding", "identity");
    request.send().await.unwrap().bytes().await.unwrap().len()
}

/// A session for each request, as for a call that sends one. Its rate is one tool's, so that each is a tool of its own.
async fn through_the_gate(gate: &Arc<Gate>, url: &str) -> usize {
    static TOOLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = TOOLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) / 500;
    let grant = Grant {
        tool: "tool".into(),
        digest: Digest::of(&number.to_le_bytes()),
        action: "act".into(),
        services: BTreeMap::from([("upstream".to_owned(), ["use".to_owned()].into())]),
        public: Vec::new(),
    };
    let session = Session::new(
        Arc::clone(gate),
        grant,
        Instant::now() + Duration::from_secs(30),
        64,
        Arc::new(Nobody),
        Box::new(|| true),
    );
    let asked = Asked { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: None };
    session.send(asked).await.unwrap().body.len()
}

fn gate(cell: &Cell, origin: &str) -> Arc<Gate> {
    let store = cell.store_in_memory();
    let access = Secret::new(Canary::new("ghp_").token().to_owned().into()).unwrap();
    store.set_token("upstream", &NewToken { scopes: ["use".to_owned()].into(), ..NewToken::of(access) }).unwrap();
    let config = format!("[service.upstream]\norigins = [\"{origin}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n");
    let services = Services::parse(&config, "config.toml").unwrap();
    Arc::new(Gate::new(Arc::new(services), Some(Arc::new(store)), None, Arc::<StrikesInMemory>::default()).unwrap())
}

/// A list of issues, as an API returns it.
fn json(bytes: usize) -> Vec<u8> {
    let issue = |number: usize| {
        format!(
            "{{\"number\":{number},\"title\":\"Issue {number} of the window\",\"user\":{{\"login\":\"ada\",\"id\":{}}}}},",
            number + 31_415
        )
    };
    let mut text: Vec<u8> = (0..bytes / 60 + 20).flat_map(|number| issue(number).into_bytes()).collect();
    text.truncate(bytes);
    text
}

/// Answers each request with the same bytes, on kept connections.
async fn serve(body: Vec<u8>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer: Arc<[u8]> = [head.as_bytes(), &body].concat().into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                // A request fits into one read: it is this program's own.
                while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    origin
}

struct Nobody;

impl hotcell_gate::Watcher for Nobody {
    fn log(&self, _: &LogLine) {}

    fn progress(&self, _: &Progress) {}
}
