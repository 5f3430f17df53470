//! Programs that were written for another host, with `wasi:http`: they work, by the gate alone; what they do wrong ends in an error
//! of theirs or in a refusal, and nothing is sent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic, and read what they installed"
)]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use hotcell::Isolation;
use hotcell_protocol::Code;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use serde_json::Value;
use serde_json::json;

const MANIFEST: &str = "name = \"elsewhere\"\nversion = \"1\"\n";

fn config(upstream: &Upstream) -> String {
    format!(
        "[service.upstream]\norigins = [\"{}\"]\nscopes = {{ use = [\"GET,POST,PUT,PATCH,DELETE,HEAD /api/**\"] }}\n\
         [limits]\ndeadline_seconds = 10\n",
        upstream.origin()
    )
}

fn open<'a>(cell: &'a Cell, upstream: &Upstream) -> Embedded<'a> {
    let hotcell = Embedded::new(cell, &config(upstream));
    hotcell.sign_in("upstream", &["use"]);
    hotcell.install("elsewhere", None);
    hotcell
}

fn authority(upstream: &Upstream) -> String {
    format!("127.0.0.1:{}", upstream.port())
}

/// A request of the guest, with some of its parts changed.
fn request(upstream: &Upstream, change: &Value) -> Value {
    let mut request = json!({
        "method": "GET", "scheme": "http", "authority": authority(upstream), "path": "/api/x",
        "headers": [], "body": null, "trailers": [], "patience": null,
    });
    for (part, value) in change.as_object().unwrap() {
        request[part] = value.clone();
    }
    json!({"request": request})
}

/// What the guest got, and the gate's refusal behind it.
async fn sends(hotcell: &Embedded<'_>, upstream: &Upstream, change: Value) -> (Result<Value, String>, Option<Code>) {
    let called = hotcell.call("elsewhere", "send", request(upstream, &change)).await.unwrap();
    let got = match called.outcome.verdict {
        Verdict::Returned(value) => Ok(value),
        Verdict::Failed(Value::String(text)) => Err(text),
        other => panic!("{change}: {other:?}"),
    };
    (got, called.refusals.first().map(|refusal| refusal.code))
}

async fn works_without_its_key(isolation: Isolation) {
    let cell = Cell::new("up_").isolated(isolation);
    let upstream = Upstream::start(|seen| match seen.header("authorization").as_slice() {
        [one] if one.starts_with("Bearer up_") => Raw::ok("first\nsecond\n"),
        _ => Raw::answer("401 Unauthorized", &[], ""),
    })
    .await;
    let hotcell = open(&cell, &upstream);
    let items = hotcell.returns("elsewhere", "list", json!({"authority": authority(&upstream)})).await;
    assert_eq!(items, json!(["first", "second"]));
    let seen = upstream.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line(), "GET /api/items");
    assert_eq!(seen[0].header("accept"), ["text/plain"]);
    assert_eq!(seen[0].header("authorization"), [format!("Bearer {}", cell.canary().token())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_for_another_host_works_with_its_key_no_longer_in_its_environment() {
    works_without_its_key(Isolation::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_for_another_host_works_in_this_process_too() {
    works_without_its_key(Isolation::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_wasi_http_is_refused_at_installation_unless_the_manifest_asks_for_it() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, "");
    let bytes = || std::fs::read(hotcell_tests::programs::guest("elsewhere")).unwrap();
    let refusal = hotcell.try_install(bytes(), MANIFEST).unwrap_err();
    assert_eq!(refusal.code, Code::ImportNotAllowed);
    assert!(
        refusal.message.contains("wasi:http/") && refusal.hint.contains("imports = [\"wasi:http\"]"),
        "{refusal:?}"
    );
    let near = format!("{MANIFEST}imports = [\"near:agent\"]\n");
    assert_eq!(hotcell.try_install(bytes(), &near).unwrap_err().code, Code::ImportNotAllowed);
    hotcell.try_install(bytes(), &format!("{MANIFEST}imports = [\"wasi:http\"]\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_headers_and_answers_arrive_as_they_were_sent() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|seen| Raw::answer("201 Created", &["ETag: \"7\""], &seen.body)).await;
    let hotcell = open(&cell, &upstream);
    let change = json!({"method": "POST", "path": "/api/x?q=1", "headers": [["Content-Type", "text/plain"], ["content-length", "11"],
        ["user-agent", "mine/1"], ["accept-encoding", "br"], ["host", authority(&upstream)]], "body": ["hello ", "world"]});
    let (got, _) = sends(&hotcell, &upstream, change).await;
    let got = got.unwrap();
    assert_eq!((&got["status"], &got["body"]), (&json!(201), &json!("hello world")));
    assert!(got["headers"].as_array().unwrap().contains(&json!(["etag", "\"7\""])), "{got}");
    let seen = upstream.seen();
    assert_eq!(seen[0].line(), "POST /api/x?q=1");
    assert_eq!(seen[0].body, b"hello world");
    assert_eq!(seen[0].header("content-length"), ["11"]);
    assert_eq!(seen[0].header("host"), [authority(&upstream)]);
    assert!(!seen[0].head.contains("mine/1") && !seen[0].header("accept-encoding").contains(&"br"), "{}", seen[0].head);
    // A body that is opened and left empty is none.
    for method in ["GET", "POST"] {
        sends(&hotcell, &upstream, json!({"method": method, "body": []})).await.0.unwrap();
        assert_eq!(upstream.seen().last().unwrap().body, b"", "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_b3_b5_b8_b11_b12_b18_b23_what_is_not_a_programs_to_say_is_not_sent() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|_| Raw::ok("fine")).await;
    let hotcell = open(&cell, &upstream);
    let own = authority(&upstream);
    let denied = Some(Code::HeaderForbidden);
    let cases = [
        // The gate's to judge, as for every tool; on record.
        (json!({"headers": [["authorization", "Bearer x"]]}), "HttpRequestDenied", denied),
        (json!({"headers": [["Cookie", "a=b"]]}), "HttpRequestDenied", denied),
        (json!({"headers": [["x-forwarded-host", "evil.example"]]}), "HttpRequestDenied", denied),
        (json!({"headers": [["expect", "100-continue"]]}), "HttpRequestDenied", denied),
        (json!({"headers": [["accept", "a"], ["ACCEPT", "b"]]}), "HttpProtocolError", Some(Code::BadRequest)),
        (json!({"authority": "evil.example", "scheme": "https"}), "HttpRequestDenied", Some(Code::OriginNotGranted)),
        (json!({"authority": "evil.example"}), "HttpRequestDenied", Some(Code::OriginNotGranted)),
        (json!({"scheme": "https"}), "HttpRequestDenied", Some(Code::OriginNotGranted)),
        (json!({"path": "/other"}), "HttpRequestDenied", Some(Code::PathNotGranted)),
        (json!({"path": "/api/../other"}), "HttpProtocolError", Some(Code::BadRequest)),
        (json!({"path": "//evil.example/api/x"}), "HttpProtocolError", Some(Code::BadRequest)),
        (json!({"authority": "127.0.0.1:080"}), "HttpProtocolError", Some(Code::BadRequest)),
        // Refused before the gate, and said in the tool's log.
        (json!({"headers": [["Transfer-Encoding", "chunked"]]}), "fields: ", None),
        (json!({"headers": [["connection", "close"]]}), "fields: ", None),
        (json!({"headers": [["proxy-authorization", "x"]]}), "fields: ", None),
        (json!({"headers": [["x", "a\r\nhost: evil"]]}), "fields: ", None),
        (json!({"headers": [["x y", "a"]]}), "fields: ", None),
        (json!({"headers": [["host", "evil.example"]]}), "HttpRequestDenied", None),
        (json!({"authority": format!("user@{own}")}), "set-authority", None),
        (json!({"authority": format!("evil.example/{own}")}), "set-authority", None),
        (json!({"authority": null}), "HttpRequestUriInvalid", None),
        (json!({"path": format!("http://{own}/api/x")}), "set-path-with-query", None),
        (json!({"path": "/api/x#fragment"}), "set-path-with-query", None),
        (json!({"path": "*"}), "set-path-with-query", None),
        (json!({"scheme": "ftp"}), "set-scheme", None),
        (json!({"method": "CONNECT"}), "HttpRequestMethodInvalid", None),
        (json!({"method": "TRACE"}), "HttpRequestMethodInvalid", None),
        (json!({"method": "OPTIONS"}), "HttpRequestMethodInvalid", None),
        (json!({"method": "GET /api HTTP/1.1\r\n"}), "set-method", None),
        (json!({"headers": [["content-length", "3"]]}), "HttpRequestBodySize", None),
        (json!({"headers": [["content-length", "3"], ["content-length", "4"]], "body": ["abc"]}), "body", None),
        (json!({"headers": [["content-length", "3"]], "body": ["ab"]}), "finish: HttpRequestBodySize", None),
        (json!({"headers": [["content-length", "3"]], "body": ["abcd"]}), "HttpRequestBodySize", None),
        (json!({"body": ["a"], "trailers": [["x-late", "b"]]}), "finish: HttpRequestTrailerSectionSize", None),
        (json!({"body": ["a"], "trailers": [["transfer-encoding", "b"]]}), "fields: ", None),
    ];
    for (change, error, code) in cases {
        let (got, refused) = sends(&hotcell, &upstream, change.clone()).await;
        let said = got.expect_err(&change.to_string());
        assert!(said.starts_with(error), "{change}: {said}");
        assert_eq!(refused, code, "{change}");
    }
    assert_eq!(upstream.connections(), 0, "{:?}", upstream.seen());
    assert!(hotcell.lines.all().iter().any(|line| line.starts_with("wasi:http: ")), "{:?}", hotcell.lines.all());
    sends(&hotcell, &upstream, json!({})).await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_an_answer_with_the_token_is_withheld_from_a_program_with_wasi_http_too() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|seen| Raw::ok(seen.head.clone())).await;
    let hotcell = open(&cell, &upstream);
    let (got, refused) = sends(&hotcell, &upstream, json!({})).await;
    assert_eq!(got.unwrap_err(), "HttpResponseIncomplete");
    assert_eq!(refused, Some(Code::LeakStopped));
}

/// Three answers are withheld while a fourth is on its way: it counts as asked after them.
#[tokio::test(flavor = "multi_thread")]
async fn e12_requests_at_once_are_no_more_guesses_than_one_after_the_other() {
    let cell = Cell::new("up_");
    let token = cell.canary().token().to_owned();
    let upstream = Upstream::start(move |seen| {
        if seen.line().ends_with("/slow") {
            std::thread::sleep(Duration::from_millis(700));
            Raw::ok("nothing of anybody's")
        } else {
            Raw::ok(&token)
        }
    })
    .await;
    let hotcell = open(&cell, &upstream);
    let ask = |paths: &[&str]| json!({"authority": authority(&upstream), "paths": paths});
    let slow = hotcell.returns("elsewhere", "together", ask(&["/api/slow"])).await;
    assert_eq!(slow, json!(["200"]));
    let got = hotcell.returns("elsewhere", "together", ask(&["/api/slow", "/api/1", "/api/2", "/api/3"])).await;
    let got: Vec<_> = got.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(got.iter().all(|one| !one.starts_with('2')), "{got:?}");
    assert_eq!(upstream.seen().len(), 5, "all were on their way");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_are_under_way_at_once_and_no_more_than_a_call_may_have() {
    let cell = Cell::new("up_");
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (Arc::clone(&now), Arc::clone(&most));
    let upstream = Upstream::start(move |_| {
        highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        counted.fetch_sub(1, Ordering::SeqCst);
        Raw::ok("fine")
    })
    .await;
    let hotcell = open(&cell, &upstream);
    let paths: Vec<_> = (0..12).map(|number| format!("/api/{number}")).collect();
    let all =
        hotcell.returns("elsewhere", "together", json!({"authority": authority(&upstream), "paths": paths})).await;
    assert!(all.as_array().unwrap().iter().all(|status| status == "200"), "{all}");
    assert_eq!(all.as_array().unwrap().len(), 12);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=limits::REQUESTS_AT_ONCE_OF_A_CALL).contains(&most), "{most} at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn b22_requests_that_are_dropped_are_given_up_and_use_up_what_a_call_has() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|_| Raw::ok("fine")).await;
    let hotcell = open(&cell, &upstream);
    let forget = |count: u32, wait: bool| json!({"authority": authority(&upstream), "path": "/api/x", "count": count, "wait": wait});
    assert_eq!(hotcell.returns("elsewhere", "forget", forget(10, false)).await, "200");
    assert_eq!(hotcell.returns("elsewhere", "forget", forget(10, true)).await, "200");
    assert_eq!(hotcell.returns("elsewhere", "forget", forget(100, true)).await, "ConnectionLimitReached");
    assert_eq!(hotcell.returns("elsewhere", "forget", forget(1, true)).await, "200");
}

/// Beside the tokens and in a worker: what a program leaves under way ends with its call, and is on record. The worker lives on.
async fn leaves_requests_under_way(isolation: Isolation) {
    let cell = Cell::new("up_").isolated(isolation);
    let upstream = Upstream::start(|_| {
        // What waits behind it on the same thread goes on elsewhere.
        std::thread::sleep(Duration::from_secs(2));
        Raw::ok("fine")
    })
    .await;
    let hotcell = open(&cell, &upstream);
    let arguments = json!({"authority": authority(&upstream), "path": "/api/x", "count": 5});
    let mut workers = Vec::new();
    for _ in 0..3 {
        let called = hotcell.call("elsewhere", "leave", arguments.clone()).await.unwrap();
        assert_eq!(called.outcome.verdict, Verdict::Returned(Value::Null));
        assert!(called.outcome.cost.wall < Duration::from_millis(1_800), "{:?}", called.outcome.cost.wall);
        assert_eq!(called.requests.len(), 5, "{:?}", called.requests);
        assert!(called.requests.iter().all(|request| request.given_up && request.status.is_none()));
        workers.push(hotcell.host.workers());
    }
    assert!(workers.iter().all(|alive| *alive == workers[0]), "a worker was ended: {workers:?}");
    // A call that is dropped in the middle, by whoever made it.
    let call = hotcell.call("elsewhere", "leave", arguments.clone());
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    tokio::time::sleep(Duration::from_millis(300)).await;
    hotcell.call("elsewhere", "leave", arguments).await.unwrap();
    assert_eq!(hotcell.host.workers(), workers[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 40)]
async fn b22_what_is_left_under_way_ends_with_the_call_and_is_on_record() {
    leaves_requests_under_way(Isolation::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 40)]
async fn b22_what_is_left_under_way_in_this_process_ends_with_the_call_too() {
    leaves_requests_under_way(Isolation::None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn b21_a_programs_patience_ends_its_request_and_no_span_is_too_short_or_too_long() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|seen| {
        if seen.line().ends_with("/slow") {
            std::thread::sleep(Duration::from_secs(3));
        }
        Raw::ok("fine")
    })
    .await;
    let hotcell = open(&cell, &upstream);
    for (millis, path, ends) in [(0, "/api/slow", "ConnectionReadTimeout"), (300, "/api/slow", "ConnectionReadTimeout")]
    {
        let started = Instant::now();
        let (got, _) = sends(&hotcell, &upstream, json!({"path": path, "patience": millis})).await;
        assert_eq!(got.unwrap_err(), ends, "{millis}");
        assert!(started.elapsed() < Duration::from_secs(2), "{millis}: {:?}", started.elapsed());
    }
    for millis in [u64::MAX, 5_000] {
        let (got, _) = sends(&hotcell, &upstream, json!({"patience": millis.to_string()})).await;
        assert_eq!(got.unwrap()["status"], 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b19_b20_what_a_program_hoards_ends_at_its_limit_and_the_next_call_works() {
    let cell = Cell::new("up_");
    let upstream = Upstream::start(|seen| match seen.line() {
        "GET /api/x" => Raw::ok(vec![b'a'; 4 << 20]),
        _ => Raw::ok("fine"),
    })
    .await;
    let hotcell = open(&cell, &upstream);
    let hoard = |what: &str, count: u32| json!({"what": what, "authority": authority(&upstream), "count": count});
    for what in ["fields", "futures", "unfinished"] {
        hotcell.is_stopped("elsewhere", "hoard", hoard(what, 5_000), Code::MemoryExceeded).await;
    }
    assert_eq!(hotcell.returns("elsewhere", "hoard", hoard("endless-body", 1_000)).await, "16");
    assert_eq!(hotcell.returns("elsewhere", "hoard", hoard("long-fields", 1_000)).await, "8");
    hotcell.is_stopped("elsewhere", "hoard", hoard("zeroes", u32::MAX), Code::GuestTrapped).await;
    for (what, kept) in [("bodies", limits::HELD_BYTES >> 20), ("answers", limits::HELD_BYTES >> 22)] {
        assert_eq!(hotcell.returns("elsewhere", "hoard", hoard(what, 200)).await, "kept");
        let said = format!("{kept} kept");
        assert!(hotcell.lines.all().contains(&said), "{what}: {:?}", hotcell.lines.all());
    }
    assert_eq!(sends(&hotcell, &upstream, json!({"path": "/api/small"})).await.0.unwrap()["status"], 200);
}
