//! A service answers 401 to a token that has not expired.

use std::sync::Arc;
use std::time::Duration;

use hotcell_vault::AuthError;
use hotcell_vault::NewToken;
use hotcell_vault::Reason;
use hotcell_vault::RefreshError;

use crate::HOUR;
use crate::Next;
use crate::bench;
use crate::secret;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j8_a_token_that_is_refused_is_replaced_once_however_many_were_refused() {
    let bench = bench();
    let used = bench.store.get_token("github", None).await.unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (store, used) = (bench.store.clone(), Arc::clone(&used));
            tokio::spawn(async move { store.force_refresh("github", &used).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().access().expose(), "at-0-1-");
    }
    assert_eq!(bench.requests(), 1);
    // Another process, which still used the old one.
    assert_eq!(bench.other().force_refresh("github", &used).await.unwrap().access().expose(), "at-0-1-");
    assert_eq!(bench.requests(), 1);
}

#[tokio::test]
async fn j8_a_service_that_refuses_every_token_does_not_rotate_the_sign_in_to_death() {
    let bench = bench();
    let mut used = bench.store.get_token("github", None).await.unwrap();
    for _ in 0..100 {
        match bench.store.force_refresh("github", &used).await {
            Ok(newer) => used = newer,
            Err(error) => assert!(matches!(error, AuthError::Refresh { .. }), "{error}"),
        }
        bench.hands.pass(Duration::from_secs(1));
    }
    assert_eq!(bench.requests(), 2, "one a minute");
}

#[tokio::test]
async fn j8_a_refresh_that_failed_is_not_forced_again_at_once() {
    let bench = bench();
    let used = bench.store.get_token("github", None).await.unwrap();
    bench.next(Next::Error(RefreshError::Transient { retry_after: None }));
    for _ in 0..10 {
        let error = bench.store.force_refresh("github", &used).await.err().unwrap();
        assert!(matches!(error, AuthError::Refresh { .. }), "{error}");
    }
    assert_eq!(bench.requests(), 1);
    assert_eq!(bench.store.get_token("github", None).await.unwrap().access().expose(), "at-0-0-");
}

#[tokio::test]
async fn a_static_key_that_is_refused_needs_a_person() {
    let bench = bench();
    bench.store.set_token("weather", &NewToken::of(secret("static-key"))).unwrap();
    let used = bench.store.get_token("weather", None).await.unwrap();
    let error = bench.store.force_refresh("weather", &used).await.err().unwrap();
    assert!(matches!(error, AuthError::AuthenticationRequired { reason: Reason::Refused, .. }), "{error:?}");
}

#[tokio::test]
async fn a_client_that_has_a_secret_needs_no_refresh_token() {
    let bench = bench();
    let client = |access| NewToken { expires_in: Some(HOUR), ..NewToken::of(secret(access)) };
    let first = NewToken { client_secret: Some(secret("client-secret-1")), ..client("at-client-1") };
    bench.store.set_token("machine", &first).unwrap();
    assert!(bench.store.cached_metadata("machine").unwrap().refreshable);
    for access in ["at-client-2", "at-client-3"] {
        bench.next(Next::Give(client(access)));
        bench.hands.pass(HOUR);
        let token = bench.store.get_token("machine", None).await.unwrap();
        assert_eq!(token.access().expose(), access);
        assert_eq!(token.client_secret().unwrap().expose(), "client-secret-1");
        assert!(token.secrets().any(|secret| secret.expose() == "client-secret-1"), "it is scanned for");
    }
}
