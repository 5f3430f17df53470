//! The store and a real authorisation server together: who signs in, is refreshed, signs out.

use std::sync::Arc;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::oauth::OAuthIssuer;

use crate::browser::Browser;
use crate::real::Real;
use crate::support::by_browser;
use crate::support::discovered;
use crate::support::network;
use crate::wire::fetch;

#[tokio::test]
async fn m1_many_callers_with_an_expired_token_make_one_request_and_no_family_ends() {
    let Some(real) = Real::start() else { return };
    let provider = discovered(&real.issuer);
    let signed_in = by_browser(&provider, |url| async move {
        let callback = Browser::default().log_in(url).await;
        assert_eq!(fetch(&callback, &[], None).await.unwrap().status, 200);
    });
    let mut token = signed_in.await.unwrap_or_else(|error| panic!("{error}")).token;
    token.expires_in = Some(Duration::ZERO);

    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let issuer = OAuthIssuer::new([("notes".to_owned(), provider)].into(), Arc::new(network()));
    let store = AuthStore::open(dir, &Key::Memory([9; 32])).unwrap_or_else(|error| panic!("{error}"));
    let store = store.with_issuer(Arc::new(issuer));
    store.set_token("notes", &token).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        tasks.spawn(async move {
            let token = store.get_token("notes", Some("notes:read")).await.unwrap_or_else(|error| panic!("{error}"));
            token.access().expose().to_owned()
        });
    }
    let mut got = tasks.join_all().await;
    got.dedup();
    assert_eq!(got.len(), 1);
    assert!(got[0] != token.access.expose());
    assert!(!real.says("grant.revoked", 1).await);
    store.finish().await;
}
