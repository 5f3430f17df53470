//! A refresh and somebody else who changes the same record.

use crate::HOUR;
use crate::access;
use crate::bench;
use hotcell_vault::AuthError;
use hotcell_vault::Reason;

#[tokio::test]
async fn m6_who_signs_out_during_a_refresh_stays_signed_out_and_what_came_back_is_revoked() {
    for by_another_process in [false, true] {
        let bench = bench();
        bench.hands.pass(HOUR);
        let waiting = bench.caller_at_the_gate().await;
        let signs_out = if by_another_process { bench.other() } else { bench.store.clone() };
        assert_eq!(signs_out.clear_token("github").await, Ok(true));
        bench.open_gate();
        let Err(AuthError::AuthenticationRequired { reason, .. }) = waiting.await.unwrap() else {
            panic!("a token after signing out")
        };
        assert_eq!(reason, Reason::SignedOut);
        bench.store.finish().await;
        assert_eq!(bench.store.cached_metadata("github"), None);
        assert_eq!(bench.server().state().revoked, ["at-0-0-", "at-0-1-"]);
    }
}

#[tokio::test]
async fn m5_a_refresh_that_comes_too_late_does_not_overwrite_a_new_sign_in() {
    for by_another_process in [false, true] {
        let bench = bench();
        bench.hands.pass(HOUR);
        let waiting = bench.caller_at_the_gate().await;
        let signs_in = if by_another_process { bench.other() } else { bench.store.clone() };
        signs_in.set_token("github", &bench.server().sign_in()).unwrap();
        bench.open_gate();
        assert_eq!(waiting.await.unwrap().unwrap(), "at-1-0-");
        assert_eq!(access(&bench.store, "github").await.unwrap(), "at-1-0-");
        assert!(bench.server().state().revoked.is_empty(), "a server may end the new sign-in along with the old one");
    }
}

#[tokio::test]
async fn m5_a_refusal_that_comes_too_late_does_not_end_a_new_sign_in() {
    let bench = bench();
    bench.hands.pass(HOUR);
    bench.next(crate::Next::Error(hotcell_vault::RefreshError::Rejected));
    let waiting = bench.caller_at_the_gate().await;
    bench.store.set_token("github", &bench.server().sign_in()).unwrap();
    bench.open_gate();
    assert_eq!(waiting.await.unwrap().unwrap(), "at-1-0-");
    assert_eq!(bench.store.cached_metadata("github").unwrap().last_error, None);
}

#[tokio::test]
async fn a_choice_of_the_default_account_costs_a_refresh_nothing() {
    let bench = bench();
    bench.store.set_token(("github", "work"), &bench.server().sign_in()).unwrap();
    bench.hands.pass(HOUR);
    bench.close_gate();
    let store = bench.store.clone();
    let waiting = tokio::spawn(async move { store.get_token(("github", "default"), None).await });
    bench.until_asked().await;
    bench.store.set_default("github", "work").unwrap();
    bench.open_gate();
    assert_eq!(waiting.await.unwrap().unwrap().access().expose(), "at-0-1-");
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-1-1-");
}

#[tokio::test]
async fn m8_while_another_process_holds_the_lock_of_a_record_nothing_is_sent_and_others_are_free() {
    let bench = bench();
    bench.store.set_token("gitlab", &bench.server().sign_in()).unwrap();
    bench.hands.pass(HOUR);
    assert!(access(&bench.store, "github").await.is_ok());
    bench.hands.pass(HOUR);
    let locks: Vec<_> = std::fs::read_dir(bench.folder.path().join("locks")).unwrap().collect();
    assert_eq!(locks.len(), 1);
    let held = std::fs::File::open(locks[0].as_ref().unwrap().path()).unwrap();
    held.lock().unwrap();
    let store = bench.store.clone();
    let waiting = tokio::spawn(async move { access(&store, "github").await });
    assert_eq!(access(&bench.store, "gitlab").await.unwrap(), "at-1-1-");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!((waiting.is_finished(), bench.requests()), (false, 2));
    drop(held);
    assert_eq!(waiting.await.unwrap().unwrap(), "at-0-2-");
}
