//! Many callers at once, in this process and in two; callers that go away.

use std::time::Duration;

use tokio::time::timeout;

use crate::HOUR;
use crate::Next;
use crate::access;
use crate::bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m1_a_thousand_tasks_send_one_request() {
    let bench = bench();
    bench.hands.pass(HOUR);
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let store = bench.store.clone();
            tokio::spawn(async move { access(&store, "github").await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "at-0-1-");
    }
    assert_eq!(bench.requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m2_two_processes_send_one_request() {
    let bench = bench();
    let stores = [bench.store.clone(), bench.other()];
    for expiry in 1..=20 {
        bench.hands.pass(HOUR);
        let [one, other] = stores.each_ref().map(|store| {
            let store = store.clone();
            tokio::spawn(async move { access(&store, "github").await })
        });
        let wanted = format!("at-0-{expiry}-");
        assert_eq!((one.await.unwrap().unwrap(), other.await.unwrap().unwrap()), (wanted.clone(), wanted));
        assert_eq!(bench.requests(), expiry);
    }
    assert_eq!(bench.server().state().ended, 0);
}

#[tokio::test]
async fn between_its_two_ends_the_current_token_is_had_at_once_and_one_new_one_is_fetched() {
    let bench = bench();
    bench.hands.pass(HOUR - Duration::from_secs(301));
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-0-");
    bench.store.finish().await;
    assert_eq!(bench.requests(), 0, "not before its soft end");

    bench.hands.pass(Duration::from_secs(1));
    bench.close_gate();
    for _ in 0..100 {
        assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-0-");
    }
    bench.open_gate();
    bench.store.finish().await;
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
    assert_eq!(bench.requests(), 1);
    assert!(bench.store.cached_metadata("github").unwrap().refreshed_at.is_some());
}

#[tokio::test]
async fn a_caller_that_goes_away_at_any_moment_costs_nothing() {
    let bench = bench();
    for expiry in 1..=60_u32 {
        bench.hands.pass(HOUR);
        let patience = Duration::from_micros(u64::from(expiry) * 100);
        // Whether or not the answer came in time.
        drop(timeout(patience, access(&bench.store, "github")).await);
        bench.store.finish().await;
        assert_eq!(access(&bench.store, "github").await.unwrap(), format!("at-0-{expiry}-"));
        assert_eq!(bench.requests(), expiry, "one request for each expiry");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_stops_no_sign_out() {
    let bench = bench();
    drop(timeout(Duration::from_micros(1), bench.store.clear_token("github")).await);
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if bench.store.cached_metadata("github").is_none() && !bench.server().state().revoked.is_empty() {
            return;
        }
    }
    panic!("not signed out");
}

#[tokio::test]
async fn an_issuer_that_panics_is_no_answer_and_stops_nobody() {
    let bench = bench();
    bench.next(Next::Panic);
    bench.hands.pass(HOUR);
    assert!(access(&bench.store, "github").await.is_err());
    bench.hands.pass(Duration::from_secs(2));
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
}

#[tokio::test]
async fn e11_a_token_that_was_replaced_is_looked_for_until_its_time_is_over() {
    let bench = bench();
    let held = |count: usize| {
        let tokens = bench.store.live_tokens().unwrap();
        let texts: Vec<_> = tokens.iter().map(|token| token.access().expose().to_owned()).collect();
        assert_eq!(texts.len(), count, "{texts:?}");
        texts
    };
    held(1);
    bench.hands.pass(HOUR - Duration::from_secs(200));
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-0-");
    bench.store.finish().await;
    assert!(held(2).contains(&"at-0-0-".to_owned()));
    let [first, again] = [(); 2].map(|()| bench.store.live_tokens().unwrap());
    assert!(first.iter().zip(&again).all(|(first, again)| std::sync::Arc::ptr_eq(first, again)));
    bench.hands.pass(Duration::from_secs(201));
    held(1);
}
