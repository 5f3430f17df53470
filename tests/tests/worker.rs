//! Workers under attack and under load: what they hold, what they may say, and what becomes of calls when they die.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::time::Duration;
use std::time::Instant;

use hotcell::Isolation;
use hotcell::worker;
use hotcell::worker::Pool;
use hotcell_protocol::CallRequest;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Imports;
use hotcell_protocol::Limits;
use hotcell_protocol::Verdict;
use hotcell_tests::Agent;
use hotcell_tests::Canary;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::Revision;
use hotcell_tests::Scene;
use hotcell_tests::Upstream;
use hotcell_tests::bench::Nothing;
use hotcell_tests::memory::children;
use hotcell_tests::memory::whole;
use hotcell_tests::programs;
use serde_json::json;

const UPSTREAM: &str =
    "[service.upstream]\norigins = [\"https://upstream.example\"]\nscopes = { use = [\"GET /**\"] }\n";
const LIMITS: &str = "[limits]\ncpu_seconds = 20\ndeadline_seconds = 20\n";

fn config() -> String {
    format!("{UPSTREAM}{LIMITS}")
}

fn signal(pid: u32, signal: i32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let signal = rustix::process::Signal::from_named_raw(signal).unwrap();
    rustix::process::kill_process(pid, signal).ok();
}

/// The promise itself, at the second wall: the worker of a tool that made 1,000 calls with a credential has seen none of it.
#[tokio::test(flavor = "multi_thread")]
async fn h1_the_whole_memory_of_a_worker_holds_no_token_after_a_thousand_calls() {
    let cell = Cell::quiet();
    // Two servers: no tool may ask one of them 1,000 times in a minute.
    let servers = [Upstream::start(|_| Raw::ok("fine")).await, Upstream::start(|_| Raw::ok("fine")).await];
    let mut config = LIMITS.to_owned();
    let mut manifest = "name = \"hostile\"\nversion = \"1\"\ninert_imports = [\"wasi:sockets\"]\n".to_owned();
    manifest += "[actions.ask]\nservices = { first = [\"use\"], second = [\"use\"] }\n";
    for (name, server) in ["first", "second"].iter().zip(&servers) {
        let origin = server.origin();
        config += &format!("[service.{name}]\norigins = [\"{origin}\"]\nscopes = {{ use = [\"GET /api/**\"] }}\n");
    }
    let hotcell = Embedded::new(&cell, &config);
    ["first", "second"].iter().for_each(|service| hotcell.sign_in(service, &["use"]));
    hotcell.install("hostile", Some(&manifest));
    drop(hotcell);
    let urls = servers.each_ref().map(|server| format!("{}/api/x", server.origin()));
    tokio::task::spawn_blocking(move || {
        let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
        for call in 0..1_000 {
            let url = &urls[call % 2];
            let answer = agent.call("hostile_ask", json!({"method": "get", "url": url, "headers": []}));
            assert!(answer.to_string().contains("fine"), "{answer}");
        }
        let workers = children(agent.process());
        let Some(broker) = whole(agent.process()) else {
            println!("left out: this user cannot read the memory of a hardened process (the superuser can)");
            return;
        };
        let canary: &Canary = cell.canary();
        assert!(canary.found_in(&broker).is_some(), "the broker holds the token: the search would not find it");
        assert_eq!(workers.len(), 1, "{workers:?}");
        for worker in workers.keys() {
            let memory = whole(*worker).unwrap();
            assert!(memory.len() > 1_000_000, "{} bytes", memory.len());
            assert!(memory.windows(11).any(|bytes| bytes == b"hostile-ask" || bytes == b"hotcell:too"));
            assert_eq!(canary.found_in(&memory), None);
        }
    })
    .await
    .unwrap();
    for seen in servers.iter().flat_map(Upstream::seen) {
        assert_eq!(seen.header("authorization").len(), 1);
    }
    assert_eq!(servers.iter().map(|server| server.seen().len()).sum::<usize>(), 1_000);
}

/// What a worker has open, and where it is.
#[tokio::test(flavor = "multi_thread")]
async fn h1_a_worker_has_its_socket_and_its_code_and_nothing_else() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, &config());
    hotcell.install("hostile", None);
    hotcell.returns("hostile", "fine", json!({})).await;
    let worker = hotcell.host.workers()[0];
    let links = |folder: &str| {
        let entries = std::fs::read_dir(format!("/proc/{worker}/{folder}")).unwrap().flatten();
        let mut links: Vec<_> =
            entries.map(|entry| std::fs::read_link(entry.path()).unwrap().display().to_string()).collect();
        links.sort();
        links
    };
    for open in links("fd") {
        let known = ["/dev/null", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/memfd:hotcell-code (deleted)"];
        assert!(known.contains(&open.as_str()) || open.starts_with("socket:["), "{open}");
    }
    // Its own, and the pair that the runtime would tell itself of signals with.
    let mut sockets = links("fd");
    sockets.retain(|open| open.starts_with("socket:["));
    sockets.dedup();
    assert!(sockets.len() <= 3, "{sockets:?}");
    let read = |file: &str| std::fs::read(format!("/proc/{worker}/{file}")).unwrap();
    assert!(read("environ").is_empty(), "{}", String::from_utf8_lossy(&read("environ")));
    assert_eq!(std::fs::read_link(format!("/proc/{worker}/cwd")).unwrap().display().to_string(), "/");
    let status = String::from_utf8(read("status")).unwrap();
    let has = |line: &str| status.lines().any(|found| found.split_whitespace().eq(line.split_whitespace()));
    for line in ["NoNewPrivs: 1", "Seccomp: 2", "CapEff: 0000000000000000", "CapPrm: 0000000000000000"] {
        assert!(has(line), "{line}: {status}");
    }
    // A process that cannot run code of a file cannot have made any either: nothing is both writable and executable.
    let maps = String::from_utf8(read("maps")).unwrap();
    assert!(!maps.lines().any(|line| line.split_whitespace().nth(1).is_some_and(|rights| rights.starts_with("rwx"))));
    let network = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).unwrap();
    assert_ne!(network(&worker.to_string()), network("self"));
}

/// A call that keeps nothing of itself.
async fn fine(hotcell: &Embedded<'_>) -> Result<(), Code> {
    let request =
        hotcell::Request { tool: "hostile".into(), action: "fine".into(), arguments: json!({}), deadline: None };
    let called = hotcell::call(&hotcell.host, request, std::sync::Arc::new(hotcell::Unwatched)).await;
    match called.unwrap().outcome.verdict {
        Verdict::Returned(_) => Ok(()),
        Verdict::Failed(value) => panic!("{value}"),
        Verdict::Refused(refusal) => Err(refusal.code),
    }
}

/// Kills at random under load: no call hangs, none is lost without an error, nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn h1_five_hundred_killed_workers_cost_their_calls_an_error_each_and_nothing_else() {
    const KILLS: u64 = 500;
    let cell = Cell::quiet();
    let hotcell = Embedded::new(&cell, &config());
    hotcell.install("hostile", None);
    hotcell.returns("hostile", "fine", json!({})).await;
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let done = std::sync::atomic::AtomicBool::new(false);
    let is_done = || done.load(std::sync::atomic::Ordering::Relaxed);
    let (mut returned, mut lost) = (0_u64, 0_u64);
    let callers = async {
        let caller = async || {
            let (mut returned, mut lost) = (0_u64, 0_u64);
            while !is_done() {
                let started = Instant::now();
                let called = fine(&hotcell).await;
                assert!(started.elapsed() < Duration::from_secs(10), "a call hung");
                match called {
                    Ok(()) => returned += 1,
                    Err(Code::WorkerLost) => lost += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            (returned, lost)
        };
        let all = tokio::join!(caller(), caller(), caller(), caller());
        for (good, bad) in [all.0, all.1, all.2, all.3] {
            returned += good;
            lost += bad;
        }
    };
    let killer = async {
        let mut kills = 0;
        let mut pause = 1_u64;
        while kills < KILLS {
            pause = pause.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) % 1_000_003;
            tokio::time::sleep(Duration::from_micros(pause % 8_000)).await;
            let workers = hotcell.host.workers();
            if let Some(worker) = workers.get(usize::try_from(pause).unwrap() % workers.len().max(1)) {
                signal(*worker, libc::SIGKILL);
                kills += 1;
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(callers, killer);
    println!("{returned} calls returned, {lost} were lost with their worker, {KILLS} kills");
    assert!(returned > 0 && lost > 0, "{returned} {lost}");
    hotcell.returns("hostile", "fine", json!({})).await;
    drop(hotcell);
    let started = Instant::now();
    while !children(std::process::id()).is_empty() || descriptors() > before {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "left: {:?}, {} descriptors of {before}",
            children(std::process::id()),
            descriptors()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A worker that hangs: the call ends at its deadline, and the worker with it.
#[tokio::test(flavor = "multi_thread")]
async fn h1_a_worker_that_stands_still_ends_with_its_call() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, &config());
    hotcell.install("hostile", None);
    hotcell.returns("hostile", "fine", json!({})).await;
    let worker = hotcell.host.workers()[0];
    signal(worker, libc::SIGSTOP);
    let started = Instant::now();
    let called = hotcell.call_within("hostile", "fine", json!({}), Some(Duration::from_secs(1))).await.unwrap();
    let took = started.elapsed();
    let Verdict::Refused(refusal) = called.outcome.verdict else { panic!("{called:?}") };
    assert_eq!(refusal.code, Code::DeadlineExceeded);
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    let ended = Instant::now();
    while hotcell.host.workers().contains(&worker) {
        assert!(ended.elapsed() < Duration::from_secs(10), "it stands for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(hotcell.returns("hostile", "fine", json!({})).await, "fine");
}

/// A guest that runs for ever in one call takes nothing from the others of its worker.
#[tokio::test(flavor = "multi_thread")]
async fn c1_calls_beside_one_that_spins_go_on() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, &format!("{UPSTREAM}[limits]\ncpu_seconds = 20\ndeadline_seconds = 2\n"));
    hotcell.install("hostile", None);
    hotcell.returns("hostile", "fine", json!({})).await;
    let spin = hotcell.call("hostile", "spin", json!({}));
    let others = async {
        let started = Instant::now();
        let mut calls = 0;
        while started.elapsed() < Duration::from_secs(1) {
            assert_eq!(hotcell.returns("hostile", "fine", json!({})).await, "fine");
            calls += 1;
        }
        calls
    };
    let (spun, calls) = tokio::join!(spin, others);
    let Verdict::Refused(refusal) = spun.unwrap().outcome.verdict else { panic!("it ended by itself") };
    assert_eq!(refusal.code, Code::DeadlineExceeded);
    assert!(calls > 5, "{calls} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_tools_do_not_share_a_worker_and_with_isolation_call_no_call_does() {
    let cell = Cell::new("up_");
    let hotcell = Embedded::new(&cell, &config());
    hotcell.install("hostile", None);
    hotcell.install("by-hand", Some("name = \"by-hand\"\nversion = \"1\"\n"));
    for _ in 0..3 {
        hotcell.returns("hostile", "fine", json!({})).await;
        hotcell.returns("by-hand", "echo", json!({"value": "x"})).await;
    }
    let workers = hotcell.host.workers();
    assert!(workers.len() >= 2 || std::thread::available_parallelism().unwrap().get() < 2, "{workers:?}");
    drop(hotcell);

    let cell = Cell::new("up_").isolated(Isolation::Call);
    let hotcell = Embedded::new(&cell, &config());
    hotcell.install("hostile", None);
    for _ in 0..3 {
        hotcell.returns("hostile", "fine", json!({})).await;
        assert!(hotcell.host.workers().is_empty(), "a worker outlived its call");
    }
}

/// A broker that is killed takes its workers with it.
#[test]
fn h1_workers_end_when_the_broker_is_killed() {
    end_with_their_broker(|_| {});
}

/// Also those that do nothing about it: one that was taken over does not look at its socket.
#[test]
fn h1_workers_that_stand_still_end_when_the_broker_is_killed() {
    end_with_their_broker(|worker| signal(worker, libc::SIGSTOP));
}

fn end_with_their_broker(before: impl Fn(u32)) {
    let cell = Cell::new("up_");
    cell.config(&config());
    cell.install("hostile");
    let mut agent = Agent::start(&cell, Revision::July2026, json!({}));
    agent.call("hostile_fine", json!({}));
    let workers = children(agent.process());
    assert!(!workers.is_empty());
    workers.keys().for_each(|worker| before(*worker));
    signal(agent.process(), libc::SIGKILL);
    agent.wait();
    let started = Instant::now();
    while workers.keys().any(|worker| std::path::Path::new(&format!("/proc/{worker}/exe")).exists()) {
        assert!(started.elapsed() < Duration::from_secs(5), "{workers:?} live on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The requests of a guest in a worker are those of a guest beside the gate: bodies of every size, and refusals.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_answers_cross_the_wall_whole() {
    let scene = Scene::new(|seen, _| Raw::ok(seen.body.repeat(3))).await;
    let hotcell = scene.open();
    for size in [0, 1, 1_000, 70_000, 1_000_000] {
        let body = "b".repeat(size);
        let (got, _) = hotcell_tests::asks(&hotcell, scene.arguments("post", "/api/x", &[], Some(&body))).await;
        assert!(got.unwrap().contains(&body.repeat(3)), "{size} bytes");
    }
}

/// A worker that has nothing to do is ended after its time; the next call has a new one.
/// `hotcell call` starts its worker while it reads the tool.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_started_ahead_runs_the_tool_that_is_loaded_next() {
    let options = worker::Options { at_rest: 2, ..worker::Options::of(programs::hotcell()) };
    let pool = Pool::new(options);
    pool.start_ahead();
    pool.start_ahead();
    let ahead: Vec<u32> = children(std::process::id()).into_keys().collect();
    assert_eq!((ahead.len(), pool.processes().len()), (1, 0));
    let code = pool.load(by_hand()).unwrap();
    assert_eq!(pool.processes(), ahead);
    for _ in 0..2 {
        let outcome = pool.call(&code, None, nothing(), std::sync::Arc::new(Nothing)).await;
        assert!(matches!(outcome.verdict, Verdict::Returned(_)), "{outcome:?}");
        assert_eq!(pool.processes(), ahead);
    }
    // Another tool, and another user, get workers of their own.
    let other = pool.load(by_hand()).unwrap();
    pool.call(&other, None, nothing(), std::sync::Arc::new(Nothing)).await;
    pool.call(&code, Some("ada"), nothing(), std::sync::Arc::new(Nothing)).await;
    let now = pool.processes();
    assert!(now.len() == 2 && !now.contains(&ahead[0]), "{now:?}");
    // One that nobody needs ends with its pool.
    pool.start_ahead();
    drop(pool);
    let started = Instant::now();
    while !children(std::process::id()).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(5), "a worker stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn nothing() -> CallRequest {
    CallRequest { action: "nothing".into(), arguments: json!({}), limits: Limits::default() }
}

fn by_hand() -> hotcell_sandbox::Compiled {
    let folder = tempfile::tempdir().unwrap();
    let dir = cap_std::fs::Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
    let bytes = std::fs::read(programs::guest("by-hand")).unwrap();
    let cache = hotcell_sandbox::CodeCache::new(dir, [7; 32]);
    cache.compiled(&bytes, Digest::of(&bytes), &Imports::default(), hotcell_sandbox::compile).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_rests_for_too_long_ends() {
    let code = std::sync::Arc::new(worker::Code::seal(by_hand()).unwrap());
    let options = worker::Options { rest: Duration::from_millis(300), ..worker::Options::of(programs::hotcell()) };
    let pool = Pool::new(options);
    for _ in 0..2 {
        let outcome = pool.call(&code, None, nothing(), std::sync::Arc::new(Nothing)).await;
        assert!(matches!(outcome.verdict, Verdict::Returned(_)), "{outcome:?}");
        let worker = pool.processes();
        assert_eq!(worker.len(), 1);
        tokio::time::sleep(Duration::from_millis(150)).await;
        let outcome = pool.call(&code, None, nothing(), std::sync::Arc::new(Nothing)).await;
        assert!(matches!(outcome.verdict, Verdict::Returned(_)), "{outcome:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(pool.processes(), worker, "it was used meanwhile");
        let started = Instant::now();
        while !pool.processes().is_empty() {
            assert!(started.elapsed() < Duration::from_secs(5), "it rests for ever");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
