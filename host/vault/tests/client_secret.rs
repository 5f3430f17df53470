//! The secret of a client, which a sign-in leaves in the store for the next one.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_std::fs::PermissionsExt;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;

#[tokio::test]
async fn i9_a_clients_secret_is_for_the_service_that_it_was_given_for_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    dir.set_permissions(".", PermissionsExt::from_mode(0o700)).unwrap();
    let store = AuthStore::open(dir, &Key::Memory([1; 32])).unwrap();
    let secret = |text: &str| Secret::new(text.to_owned().into()).unwrap();
    let of = |service, bound| store.client_secret(service, bound).unwrap().map(|secret| secret.expose().to_owned());
    let put = |account, text: &str| {
        let client_secret = Some(secret(text));
        let token = NewToken { client_secret, ..NewToken::of(secret("ghp_token-1")) };
        store.set_bound_token(("github", account), &token, Some("here".into())).unwrap();
    };
    assert_eq!(of("github", Some("here")), None);
    store.set_bound_token("github", &NewToken::of(secret("ghp_token-0")), Some("here".into())).unwrap();
    assert_eq!(of("github", Some("here")), None, "a token without one");
    put(Some("work"), "secret-of-the-client-1");
    assert_eq!(of("github", Some("here")).as_deref(), Some("secret-of-the-client-1"), "that of another account");
    put(None, "secret-of-the-client-2");
    assert_eq!(of("github", Some("here")).as_deref(), Some("secret-of-the-client-2"), "the default account's first");
    for (service, bound) in [("github", Some("elsewhere")), ("github", None), ("gitlab", Some("here"))] {
        assert_eq!(of(service, bound), None, "{service} {bound:?}");
    }
    store.clear_token("github").await.unwrap();
    store.clear_token(("github", "work")).await.unwrap();
    assert_eq!(of("github", Some("here")), None, "signed out");
}
