//! The store as a whole: every kind of key, expiry, two writers, damage, and what is readable in its folder.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic and prepare files"
)]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use hotcell_vault::Backend;
use hotcell_vault::Clock;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Reason;
use hotcell_vault::Secret;
use hotcell_vault::StoreError;
use tempfile::TempDir;

const KEY: Key = Key::Memory([9; 32]);

fn folder() -> (TempDir, Dir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let dir = open_dir(folder.path());
    (folder, dir)
}

fn open_dir(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).unwrap()
}

fn token(access: &str, scopes: &[&str]) -> NewToken {
    NewToken {
        scopes: scopes.iter().map(ToString::to_string).collect(),
        ..NewToken::of(Secret::new(access.to_owned().into()).unwrap())
    }
}

fn access(store: &AuthStore, service: &str, scope: Option<&str>) -> Result<String, AuthError> {
    wait(store.get_token(service, scope)).map(|token| token.access().expose().to_owned())
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A clock that tests turn.
#[derive(Clone, Default)]
struct Hands(Arc<Mutex<(Duration, Duration)>>);

impl Hands {
    fn new() -> Self {
        let hands = Self::default();
        hands.0.lock().unwrap().0 = Duration::from_secs(1_000_000);
        hands
    }

    /// Lets time pass on both clocks.
    fn pass(&self, seconds: u64) {
        let mut hands = self.0.lock().unwrap();
        hands.0 += Duration::from_secs(seconds);
        hands.1 += Duration::from_secs(seconds);
    }

    /// Sets the wall clock alone.
    fn set_wall_back(&self, seconds: u64) {
        self.0.lock().unwrap().0 -= Duration::from_secs(seconds);
    }
}

impl Clock for Hands {
    fn wall(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn boot(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

#[test]
fn a_token_comes_back_from_every_kind_of_store() {
    let (keys, _) = folder();
    let kinds: [fn(&Path) -> Key; 3] = [
        |_| Key::Memory([1; 32]),
        |keys| Key::KeyFile(keys.join("key")),
        |_| Key::Passphrase("correct horse battery".to_owned().into()),
    ];
    for kind in kinds {
        let (folder, dir) = folder();
        let store = AuthStore::open(dir, &kind(keys.path())).unwrap();
        store.set_token("github", &token("ghp_token-1", &["issues:read"])).unwrap();
        drop(store);
        // Another process: nothing is left but the file.
        let store = AuthStore::open(open_dir(folder.path()), &kind(keys.path())).unwrap();
        assert_eq!(access(&store, "github", Some("issues:read")).unwrap(), "ghp_token-1");
        assert!(store.is_authenticated("github"));
    }
}

#[test]
fn without_a_token_the_error_says_what_to_run() {
    let (_folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    let error = access(&store, "github", Some("issues:read")).unwrap_err();
    let refusal = Refusal::from(error);
    assert_eq!(refusal.code, Code::NeedsLogin);
    assert_eq!(refusal.hint, "sign in: hotcell auth signin github, or hotcell auth set github --scope issues:read");
    assert!(!store.is_authenticated("github"));
    assert_eq!(store.cached_metadata("github"), None);
}

#[test]
fn a_scope_that_the_token_lacks_is_named_with_the_command_that_helps() {
    let (_folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    store.set_token("github", &token("ghp_token-1", &["issues:read"])).unwrap();
    let refusal = Refusal::from(access(&store, "github", Some("issues:write")).unwrap_err());
    assert_eq!(refusal.code, Code::InsufficientScope);
    assert!(
        refusal.hint.ends_with("hotcell auth set github --scope issues:read --scope issues:write"),
        "{}",
        refusal.hint
    );
    assert!(refusal.hint.contains("hotcell auth signin github --scope issues:read --scope issues:write"));
    assert!(access(&store, "github", None).is_ok());
}

#[test]
fn a_cleared_token_is_gone_for_good_and_for_every_process() {
    let (folder, dir) = folder();
    let hands = Hands::new();
    let store = AuthStore::open_with_clock(dir, &KEY, Box::new(hands.clone())).unwrap();
    store.set_token("github", &token("ghp_token-1", &[])).unwrap();
    let other = AuthStore::open_with_clock(open_dir(folder.path()), &KEY, Box::new(hands.clone())).unwrap();
    assert!(access(&other, "github", None).is_ok());

    wait(store.clear_token("github")).unwrap();
    hands.pass(1);
    for store in [&store, &other] {
        let Err(AuthError::AuthenticationRequired { reason, .. }) = access(store, "github", None) else {
            panic!("still there")
        };
        assert_eq!(reason, Reason::SignedOut);
        assert!(store.live_tokens().unwrap().is_empty());
    }
    assert!(matches!(wait(store.clear_token("github")), Err(AuthError::AuthenticationRequired { .. })));
}

#[test]
fn m6_each_change_raises_the_epoch_a_clear_too() {
    let (_folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    let epoch = || store.cached_metadata("github").unwrap().epoch;
    store.set_token("github", &token("ghp_token-1", &[])).unwrap();
    assert_eq!(epoch(), 1);
    wait(store.clear_token("github")).unwrap();
    store.set_token("github", &token("ghp_token-2", &[])).unwrap();
    assert_eq!(epoch(), 3);
}

#[test]
fn m11_an_expired_token_is_never_handed_out() {
    let (_folder, dir) = folder();
    let hands = Hands::new();
    let store = AuthStore::open_with_clock(dir, &KEY, Box::new(hands.clone())).unwrap();
    let short = NewToken { expires_in: Some(Duration::from_secs(60)), ..token("ghp_token-1", &[]) };
    store.set_token("github", &short).unwrap();
    hands.pass(54);
    assert!(access(&store, "github", None).is_ok());
    hands.pass(1);
    let Err(AuthError::AuthenticationRequired { reason, .. }) = access(&store, "github", None) else {
        panic!("handed out")
    };
    assert_eq!(reason, Reason::Expired);
    assert!(store.cached_metadata("github").unwrap().expired);
    // What has expired may still not come back in a response.
    assert_eq!(store.live_tokens().unwrap().len(), 1);
}

#[test]
fn m10_a_wall_clock_set_back_does_not_bring_a_token_back() {
    let (_folder, dir) = folder();
    let hands = Hands::new();
    let store = AuthStore::open_with_clock(dir, &KEY, Box::new(hands.clone())).unwrap();
    let short = NewToken { expires_in: Some(Duration::from_secs(60)), ..token("ghp_token-1", &[]) };
    store.set_token("github", &short).unwrap();
    hands.pass(61);
    hands.set_wall_back(24 * 60 * 60 / 10);
    assert!(access(&store, "github", None).is_err());
}

#[test]
fn l18_absurd_lifetimes_are_clamped() {
    let (_folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    for (life, expired) in [(Duration::ZERO, true), (Duration::MAX, false)] {
        store.set_token("github", &NewToken { expires_in: Some(life), ..token("ghp_token-1", &[]) }).unwrap();
        let metadata = store.cached_metadata("github").unwrap();
        assert_eq!(metadata.expired, expired);
        assert!(metadata.expires_at.unwrap() - metadata.issued_at <= 365 * 24 * 60 * 60);
    }
}

#[test]
fn a_wrong_key_is_an_error_and_loses_nothing() {
    let (folder, dir) = folder();
    let right = Key::Passphrase("correct horse battery".to_owned().into());
    AuthStore::open(dir, &right).unwrap().set_token("github", &token("ghp_token-1", &[])).unwrap();
    let wrong = Key::Passphrase("wrong horse battery".to_owned().into());
    assert_eq!(AuthStore::open(open_dir(folder.path()), &wrong).err(), Some(StoreError::WrongKey("passphrase")));
    let store = AuthStore::open(open_dir(folder.path()), &right).unwrap();
    assert_eq!(access(&store, "github", None).unwrap(), "ghp_token-1");
}

#[test]
fn a_store_never_falls_back_to_another_kind_of_key() {
    let (folder, dir) = folder();
    let phrase = Key::Passphrase("correct horse battery".to_owned().into());
    drop(AuthStore::open(dir, &phrase).unwrap());
    let key_file = Key::KeyFile(folder.path().join("key"));
    let error = AuthStore::open(open_dir(folder.path()), &key_file).err().unwrap();
    assert!(matches!(error, StoreError::OtherBackend(Backend::Passphrase { .. })), "{error}");
    assert!(!folder.path().join("key").exists());
}

#[test]
fn a_short_passphrase_makes_no_store() {
    let (folder, dir) = folder();
    let error = AuthStore::open(dir, &Key::Passphrase("short".to_owned().into())).err();
    assert_eq!(error, Some(StoreError::ShortPassphrase));
    assert!(!folder.path().join("store.json.enc").exists());
}

#[test]
fn k4_a_key_file_that_others_can_read_is_refused() {
    let (folder, dir) = folder();
    let path = folder.path().join("key");
    drop(AuthStore::open(dir, &Key::KeyFile(path.clone())).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = AuthStore::open(open_dir(folder.path()), &Key::KeyFile(path)).err();
    assert_eq!(error, Some(StoreError::KeyFile("other users can read it")));
}

#[test]
fn k4_a_folder_or_a_file_open_to_others_is_refused() {
    let (folder, dir) = folder();
    drop(AuthStore::open(dir, &KEY).unwrap());
    let file = folder.path().join("store.json.enc");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(AuthStore::open(open_dir(folder.path()), &KEY).err(), Some(StoreError::OpenToOthers("file")));
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(AuthStore::open(open_dir(folder.path()), &KEY).err(), Some(StoreError::OpenToOthers("folder")));
}

#[test]
fn m7_two_records_swapped_in_the_file_do_not_open() {
    let (folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    store.set_token("github", &token("ghp_token-1", &[])).unwrap();
    store.set_token("gitlab", &token("glpat-token-2", &[])).unwrap();
    let path = folder.path().join("store.json.enc");
    let text = std::fs::read_to_string(&path).unwrap();
    let content: serde_json::Value = serde_json::from_str(&text).unwrap();
    let [first, second] = [&content["records"][0], &content["records"][1]];
    for part in ["name", "meta", "secrets", "id", "epoch"] {
        let mut swapped = content.clone();
        swapped["records"][0][part] = second[part].clone();
        swapped["records"][1][part] = first[part].clone();
        assert!(part == "epoch" || swapped != content, "{part} is no part of a record");
        std::fs::write(&path, swapped.to_string()).unwrap();
        match AuthStore::open(open_dir(folder.path()), &KEY) {
            Err(error) => assert!(matches!(error, StoreError::Damaged(_)), "{part}: {error}"),
            Ok(_) => assert_eq!(swapped, content, "{part} was swapped and nobody saw it"),
        }
    }
}

#[test]
fn m7_an_older_epoch_claimed_in_the_file_does_not_open() {
    let (folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    store.set_token("github", &token("ghp_token-1", &[])).unwrap();
    let path = folder.path().join("store.json.enc");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"epoch\": 1", "\"epoch\": 2");
    std::fs::write(&path, text).unwrap();
    assert!(AuthStore::open(open_dir(folder.path()), &KEY).is_err());
}

#[test]
fn a_torn_file_and_a_newer_format_are_clear_errors_and_stay_as_they_are() {
    let (folder, dir) = folder();
    AuthStore::open(dir, &KEY).unwrap().set_token("github", &token("ghp_token-1", &[])).unwrap();
    let path = folder.path().join("store.json.enc");
    let text = std::fs::read_to_string(&path).unwrap();
    for cut in (0..text.len() - 2).step_by(37) {
        std::fs::write(&path, &text[..cut]).unwrap();
        assert!(
            matches!(AuthStore::open(open_dir(folder.path()), &KEY).err(), Some(StoreError::Damaged(_))),
            "cut at {cut}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), &text[..cut]);
    }
    let newer = text.replace("\"format\": 1", "\"format\": 7").replace("\"min_reader\": 1", "\"min_reader\": 7");
    std::fs::write(&path, newer).unwrap();
    assert_eq!(AuthStore::open(open_dir(folder.path()), &KEY).err(), Some(StoreError::Newer(7)));
}

#[test]
fn m5_a_write_that_fails_leaves_the_earlier_token() {
    let (folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    store.set_token("github", &token("ghp_token-1", &[])).unwrap();
    // A folder in the place of the file: the rename fails at the last step, for root too.
    let path = folder.path().join("store.json.enc");
    let kept = folder.path().join("kept");
    std::fs::rename(&path, &kept).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(store.set_token("github", &token("ghp_token-2", &[])), Err(AuthError::Store(_))));
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&kept, &path).unwrap();
    assert_eq!(access(&store, "github", None).unwrap(), "ghp_token-1");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".store")), "{left:?}");
}

#[test]
fn m2_sixteen_writers_at_once_lose_nothing() {
    let (folder, dir) = folder();
    drop(AuthStore::open(dir, &KEY).unwrap());
    let folder = &folder;
    std::thread::scope(|scope| {
        for n in 0..16 {
            scope.spawn(move || {
                let store = AuthStore::open(open_dir(folder.path()), &KEY).unwrap();
                store.set_token(&format!("service-{n}"), &token(&format!("token-{n}-token"), &[])).unwrap();
            });
        }
    });
    let store = AuthStore::open(open_dir(folder.path()), &KEY).unwrap();
    for n in 0..16 {
        assert_eq!(access(&store, &format!("service-{n}"), None).unwrap(), format!("token-{n}-token"));
    }
}

#[test]
fn no_secret_and_no_name_is_readable_in_the_folder_or_in_an_error() {
    let (folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    let secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
    let refresh = "ghr_9876543210abcdefghijklmnopqrstuvwxyz";
    let both =
        NewToken { refresh: Some(Secret::new(refresh.to_owned().into()).unwrap()), ..token(secret, &["issues:read"]) };
    store.set_token("github", &both).unwrap();
    store.set_token("github", &both).unwrap();
    let mut texts: Vec<Vec<u8>> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(texts.len() >= 3, "store, backup and lock");
    texts.push(format!("{:?}", store.metadata().unwrap()).into_bytes());
    texts.push(format!("{:?}", access(&store, "github", Some("admin")).unwrap_err()).into_bytes());
    for secret in [secret, refresh] {
        for form in [secret.to_owned(), base64::engine::general_purpose::STANDARD.encode(secret)] {
            assert!(!texts.iter().any(|text| text.windows(form.len()).any(|window| window == form.as_bytes())));
        }
    }
    let file = std::fs::read_to_string(folder.path().join("store.json.enc")).unwrap();
    assert!(!file.contains("github") && !file.contains("issues"));
}

#[test]
fn odd_names_and_scopes_are_refused_before_anything_is_written() {
    let (_folder, dir) = folder();
    let store = AuthStore::open(dir, &KEY).unwrap();
    assert!(matches!(store.set_token("git hub", &token("ghp_token-1", &[])), Err(AuthError::Name(_))));
    assert!(matches!(store.set_token("github", &token("ghp_token-1", &["a b"])), Err(AuthError::Name(_))));
    assert_eq!(store.metadata().unwrap(), vec![]);
    assert_eq!(BTreeSet::<String>::new(), token("ghp_token-1", &[]).scopes);
}
