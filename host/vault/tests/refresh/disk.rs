//! No room on the disk, and a folder that cannot be written.

use std::time::Duration;

use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use hotcell_vault::NewToken;

use crate::HOUR;
use crate::KEY;
use crate::access;
use crate::bench;
use crate::child::process;
use crate::dir;
use crate::folder;
use crate::server::Reuse;
use crate::server::Server;

/// A store whose token has expired, in a folder of its own.
fn expired(server: &Server) -> tempfile::TempDir {
    let folder = folder();
    let store = AuthStore::open(dir(folder.path()), &KEY).unwrap();
    store.set_token("github", &NewToken { expires_in: Some(Duration::ZERO), ..server.sign_in() }).unwrap();
    folder
}

#[test]
fn m4_a_new_token_that_does_not_fit_on_the_disk_is_kept_until_it_does() {
    let server = Server::new(Reuse::EndsFamily, HOUR);
    let folder = expired(&server);
    server.state().padding = 8_000;
    // Files of at most 8 or 16 KiB, by the shell: enough for the intent.
    let shell = r#"trap "" XFSZ; ulimit -S -f 16; exec "$@""#;
    let child = process("disk-too-small-for-the-reply", folder.path(), server.listen(), Some(shell)).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(server.state().requests, 1, "the old one is not sent again");
    let store = AuthStore::open(dir(folder.path()), &KEY).unwrap();
    let token = tokio::runtime::Runtime::new().unwrap().block_on(access(&store, "github")).unwrap();
    assert!(token.starts_with("at-0-1-"), "{token}");
}

#[test]
fn m4_without_room_for_the_intent_nothing_is_sent() {
    let server = Server::new(Reuse::EndsFamily, HOUR);
    let folder = expired(&server);
    let shell = r#"trap "" XFSZ; ulimit -S -f 0; exec "$@""#;
    let child = process("disk-full", folder.path(), server.listen(), Some(shell)).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(server.state().requests, 0);
    let metadata = AuthStore::open(dir(folder.path()), &KEY).unwrap().cached_metadata("github").unwrap();
    assert_eq!((metadata.epoch, metadata.last_error), (1, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m4_while_a_new_token_cannot_be_saved_no_process_sends_the_old_one() {
    let bench = bench();
    bench.hands.pass(HOUR);
    let waiting = bench.caller_at_the_gate().await;
    // A folder in the place of the backup: reading works, writing does not, for the superuser too.
    let backup = bench.folder.path().join("store.json.bak");
    std::fs::remove_file(&backup).unwrap();
    std::fs::create_dir(&backup).unwrap();
    bench.open_gate();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, AuthError::Store(_)), "{error:?}");

    let other = bench.other();
    let elsewhere = tokio::spawn(async move { access(&other, "github").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(access(&bench.store, "github").await.unwrap_err(), error);
    assert!(!elsewhere.is_finished() && bench.requests() == 1);

    std::fs::remove_dir(&backup).unwrap();
    assert_eq!(elsewhere.await.unwrap().unwrap(), "at-0-1-");
    bench.store.finish().await;
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
    assert_eq!(bench.requests(), 1);
}
