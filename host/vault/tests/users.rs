//! Accounts of users in one store with those of whoever runs the host.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic and prepare files"
)]

use std::os::unix::fs::PermissionsExt as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_protocol::Refusal;
use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;
use hotcell_vault::User;

fn token(access: &str) -> NewToken {
    NewToken { scopes: ["use".to_owned()].into(), ..NewToken::of(Secret::new(access.to_owned().into()).unwrap()) }
}

async fn access<'a>(store: &'a AuthStore, id: impl Into<hotcell_vault::Id<'a>>) -> Option<String> {
    Some(store.get_token(id, Some("use")).await.ok()?.access().expose().to_owned())
}

#[tokio::test]
async fn n2_a_users_account_is_never_the_default_one_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let dir = || Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let key = Key::Memory([9; 32]);
    let store = AuthStore::open(dir(), &key).unwrap();
    let [ada, bob] = ["ada", "bob"].map(|name| User::new("https://id.example", "sub", name).unwrap());
    // The very first token of the service is a user's.
    store.set_token(("api", &ada), &token("token-of-ada")).unwrap();
    assert_eq!(access(&store, "api").await, None, "whoever names nobody acts as ada");
    assert_eq!(access(&store, ("api", &bob)).await, None);
    assert!(matches!(store.set_default("api", ada.account()), Err(AuthError::Name(_))));
    assert_eq!(access(&store, "api").await, None);

    // The operator's first account becomes the default all the same.
    store.set_token(("api", "work"), &token("token-of-work")).unwrap();
    assert_eq!(access(&store, "api").await.as_deref(), Some("token-of-work"));
    assert_eq!(access(&store, ("api", &ada)).await.as_deref(), Some("token-of-ada"));
    assert_eq!(access(&store, ("api", &bob)).await, None, "the default one's");

    // Another process reads the same, and who it is.
    let other = AuthStore::open(dir(), &key).unwrap();
    let held: Vec<_> = other.accounts("api").unwrap().into_iter().map(|held| (held.user, held.is_default)).collect();
    assert_eq!(held, [(Some("ada".to_owned()), false), (None, true)]);
    assert_eq!(other.live_tokens().unwrap().len(), 2, "all of them are looked for");

    let refusal = Refusal::from(store.get_token(("api", &bob), Some("use")).await.err().unwrap());
    assert!(refusal.hint.contains("hotcell auth signin api --user=bob"), "{refusal:?}");
    let refusal = Refusal::from(store.get_token(("api", &ada), Some("more")).await.err().unwrap());
    assert!(refusal.hint.contains("hotcell auth set api --user=ada --scope more --scope use"), "{refusal:?}");
    for odd in ["@", "@ada", "@0123", "ada@"] {
        assert!(matches!(store.set_token(("api", odd), &token("a-token-of-odd")), Err(AuthError::Name(_))), "{odd}");
    }
    store.clear_token(("api", &ada)).await.unwrap();
    assert_eq!(access(&other, ("api", &bob)).await, None);
    assert_eq!(access(&store, "api").await.as_deref(), Some("token-of-work"));
}
