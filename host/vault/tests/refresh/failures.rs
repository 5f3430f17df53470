//! Refreshes that fail: what is final and what is not, who is told what, and how often a server is asked.

use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_vault::AuthError;
use hotcell_vault::Condition;
use hotcell_vault::Failed;
use hotcell_vault::NewToken;
use hotcell_vault::Reason;
use hotcell_vault::RefreshError;

use crate::HOUR;
use crate::Next;
use crate::access;
use crate::bench;
use crate::bench_with;
use crate::secret;
use crate::server::Reuse;

const NO_ANSWER: RefreshError = RefreshError::Transient { retry_after: None };

#[tokio::test]
async fn m11_while_the_server_is_down_a_token_is_used_to_its_hard_end_and_not_beyond() {
    let bench = bench();
    for _ in 0..100 {
        bench.next(Next::Error(NO_ANSWER));
    }
    bench.hands.pass(HOUR - Duration::from_secs(300));
    for _ in 0..29 {
        assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-0-");
        bench.store.finish().await;
        bench.hands.pass(Duration::from_secs(10));
    }
    bench.hands.pass(Duration::from_secs(10));
    let refusal = Refusal::from(access(&bench.store, "github").await.unwrap_err());
    assert_eq!(refusal.code, Code::RefreshFailed);
    assert!(refusal.hint.starts_with("nothing to do: it is tried again in "), "{}", refusal.hint);
    let asked = bench.requests();
    assert!((6..=18).contains(&asked), "{asked} requests in five minutes");

    bench.issuer.next.lock().unwrap().clear();
    bench.hands.pass(Duration::from_secs(60));
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
}

#[tokio::test]
async fn a_server_that_is_down_is_not_hammered_by_callers_of_any_process() {
    let bench = bench();
    bench.next(Next::Error(RefreshError::Transient { retry_after: Some(Duration::from_secs(40)) }));
    bench.hands.pass(HOUR);
    let other = bench.other();
    for store in [&bench.store, &other] {
        for _ in 0..50 {
            let Err(AuthError::Refresh { kind: RefreshError::Transient { retry_after }, .. }) =
                access(store, "github").await
            else {
                panic!("no error")
            };
            assert!(retry_after.is_some_and(|time| time <= Duration::from_secs(40)), "{retry_after:?}");
        }
    }
    assert_eq!(bench.requests(), 1);
    bench.hands.pass(Duration::from_secs(41));
    assert_eq!(access(&other, "github").await.unwrap(), "at-0-1-");
}

#[tokio::test]
async fn only_a_refusal_is_final() {
    let bench = bench();
    let failures = [
        Next::Error(NO_ANSWER),
        Next::Error(RefreshError::Config),
        Next::Panic,
        Next::Error(RefreshError::Transient { retry_after: Some(Duration::MAX) }),
    ];
    bench.hands.pass(HOUR);
    for failure in failures {
        bench.next(failure);
        assert!(matches!(access(&bench.store, "github").await, Err(AuthError::Refresh { .. })));
        let metadata = bench.store.cached_metadata("github").unwrap();
        assert_eq!((metadata.state, metadata.reason), (Condition::Active, None));
        assert!(metadata.last_error.is_some() && bench.store.is_authenticated("github"));
        bench.hands.pass(HOUR);
    }
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
    assert_eq!(bench.store.cached_metadata("github").unwrap().last_error, None);
}

#[tokio::test]
async fn a_refusal_is_final_for_every_process_and_nothing_more_is_sent() {
    let bench = bench();
    bench.next(Next::Error(RefreshError::Rejected));
    bench.hands.pass(HOUR);
    for store in [&bench.store, &bench.other(), &bench.store] {
        for _ in 0..10 {
            let error = access(store, "github").await.unwrap_err();
            assert!(matches!(error, AuthError::AuthenticationRequired { reason: Reason::Rejected, .. }), "{error:?}");
        }
    }
    assert_eq!(bench.requests(), 1);
    let refusal = Refusal::from(access(&bench.store, "github").await.unwrap_err());
    assert_eq!(refusal.code, Code::NeedsLogin);
    let metadata = bench.store.cached_metadata("github").unwrap();
    assert_eq!((metadata.state, metadata.reason), (Condition::SignInRequired, Some(Reason::Rejected)));
    assert_eq!(metadata.last_error, Some(Failed::Rejected));
    assert!(!bench.store.is_authenticated("github"));
    assert_eq!(bench.store.live_tokens().unwrap().len(), 1, "it may still not come back in a response");

    bench.store.set_token("github", &bench.server().sign_in()).unwrap();
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-1-0-");
}

#[tokio::test]
async fn a_refusal_after_an_answer_that_got_lost_says_so() {
    let bench = bench();
    // The server rotates, and its answer does not arrive.
    drop(bench.server().refresh("rt-0-0-"));
    bench.next(Next::Error(NO_ANSWER));
    bench.hands.pass(HOUR);
    assert!(access(&bench.store, "github").await.is_err());
    bench.hands.pass(HOUR);
    let error = access(&bench.store, "github").await.unwrap_err();
    assert!(matches!(error, AuthError::AuthenticationRequired { reason: Reason::Interrupted, .. }), "{error:?}");
    assert_eq!(bench.server().state().ended, 1);
}

#[tokio::test]
async fn a_server_that_takes_the_token_before_the_last_saves_the_sign_in() {
    let bench = bench_with(Reuse::ParentAllowed);
    bench.hands.pass(HOUR);
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
    // It does not know the last one: a backup of its own, say.
    bench.next(Next::Error(RefreshError::Rejected));
    bench.hands.pass(HOUR);
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
    assert_eq!(bench.requests(), 3);
    bench.hands.pass(HOUR);
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-2-");
}

#[tokio::test]
async fn a_reply_without_a_refresh_token_keeps_the_old_and_scopes_never_grow() {
    let bench = bench();
    let scopes = |scopes: &[&str]| scopes.iter().map(ToString::to_string).collect();
    let first = NewToken { scopes: scopes(&["issues:read", "issues:write"]), ..bench.server().sign_in() };
    bench.store.set_token("github", &first).unwrap();
    let bare = NewToken {
        expires_in: Some(HOUR),
        scopes: scopes(&["issues:read", "admin"]),
        ..NewToken::of(secret("at-bare"))
    };
    bench.next(Next::Give(bare));
    bench.hands.pass(HOUR);
    let token = bench.store.get_token("github", Some("issues:read")).await.unwrap();
    assert_eq!((token.access().expose(), token.refresh().unwrap().expose()), ("at-bare", "rt-1-0-"));
    for scope in ["admin", "issues:write"] {
        let error = bench.store.get_token("github", Some(scope)).await.err().unwrap();
        assert!(matches!(error, AuthError::InsufficientScope { .. }), "l11: {scope}");
    }
}

#[tokio::test]
async fn l18_a_server_that_gives_tokens_of_no_life_is_not_asked_for_each_call() {
    let bench = bench();
    bench.server().state().life = Duration::ZERO;
    bench.hands.pass(HOUR);
    for _ in 0..20 {
        assert!(matches!(access(&bench.store, "github").await, Err(AuthError::Refresh { .. })));
    }
    assert_eq!(bench.requests(), 1);
}

#[tokio::test]
async fn a_token_without_a_server_is_over_when_its_time_is() {
    let bench = bench();
    let static_key = NewToken { expires_in: Some(HOUR), ..NewToken::of(secret("static-key")) };
    bench.store.set_token("weather", &static_key).unwrap();
    bench.hands.pass(HOUR);
    let error = access(&bench.store, "weather").await.unwrap_err();
    assert!(matches!(error, AuthError::AuthenticationRequired { reason: Reason::Expired, .. }), "{error:?}");
    assert_eq!(bench.requests(), 0);
}

#[tokio::test]
async fn g2_no_token_is_readable_in_the_folder_or_in_what_is_said() {
    let bench = bench();
    let failures = [NO_ANSWER, RefreshError::Config, RefreshError::Rejected];
    let mut said = String::new();
    for failure in failures {
        bench.hands.pass(HOUR);
        assert!(access(&bench.store, "github").await.is_ok());
        bench.next(Next::Error(failure));
        // The token before the last is refused as well.
        bench.next(Next::Error(failure));
        bench.hands.pass(HOUR);
        let error = access(&bench.store, "github").await.unwrap_err();
        said += &format!("{error} {error:?} {:?} {:?}", Refusal::from(error.clone()), bench.store.metadata().unwrap());
        bench.issuer.next.lock().unwrap().clear();
        bench.hands.pass(HOUR);
    }
    let mut folders = vec![bench.folder.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                assert!(path.ends_with("locks"), "{}", path.display());
                folders.push(path);
            } else {
                files += 1;
                said += &format!("{} {}", path.display(), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert_eq!(files, 4, "the store, its backup, its lock and the lock of a record");
    for token in ["at-0-", "rt-0-"] {
        assert!(!said.contains(token), "{token} in {said}");
    }
}
