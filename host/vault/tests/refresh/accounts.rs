//! More than one account of a service.

use hotcell_protocol::Refusal;
use hotcell_vault::AuthError;
use hotcell_vault::NewToken;
use hotcell_vault::Reason;

use crate::access;
use crate::bench;
use crate::folder;
use crate::secret;

fn named(access: &str, account: &str) -> NewToken {
    NewToken {
        issuer: Some("https://issuer.example".into()),
        display_account: Some(account.into()),
        ..NewToken::of(secret(access))
    }
}

#[tokio::test]
async fn each_account_has_its_own_token_and_one_is_the_default() {
    let bench = bench();
    bench.store.set_token(("gitlab", "work"), &named("glpat-work", "w@example.org")).unwrap();
    bench.store.set_token(("gitlab", "home"), &named("glpat-home", "h@example.org")).unwrap();
    for store in [&bench.store, &bench.other()] {
        assert_eq!(access(store, "gitlab").await.unwrap(), "glpat-work", "the first is the default");
        let home = store.get_token(("gitlab", "home"), None).await.unwrap();
        assert_eq!(home.access().expose(), "glpat-home");
        let accounts = store.accounts("gitlab").unwrap();
        let shown: Vec<_> = accounts.iter().map(|one| (one.account.as_str(), one.is_default)).collect();
        assert_eq!(shown, [("home", false), ("work", true)]);
        assert_eq!(accounts[0].display_account.as_deref(), Some("h@example.org"));
        assert_eq!(accounts[0].issuer.as_deref(), Some("https://issuer.example"));
    }
    bench.store.set_default("gitlab", "home").unwrap();
    assert_eq!(access(&bench.store, "gitlab").await.unwrap(), "glpat-home");
    assert_eq!(access(&bench.other(), "gitlab").await.unwrap(), "glpat-home");
}

#[tokio::test]
async fn j7_nobody_acts_as_somebody_else_because_an_account_was_signed_out() {
    let bench = bench();
    bench.store.set_token(("gitlab", "work"), &named("glpat-work", "w")).unwrap();
    bench.store.set_token(("gitlab", "home"), &named("glpat-home", "h")).unwrap();
    bench.store.clear_token(("gitlab", "work")).await.unwrap();
    let error = access(&bench.store, "gitlab").await.unwrap_err();
    assert!(matches!(error, AuthError::AuthenticationRequired { reason: Reason::SignedOut, .. }), "{error:?}");
    assert!(bench.store.get_token(("gitlab", "home"), None).await.is_ok());
    bench.store.set_token("gitlab", &named("glpat-work-2", "w")).unwrap();
    assert_eq!(bench.store.cached_metadata("gitlab").unwrap().account, "work");
}

#[tokio::test]
async fn an_account_that_is_not_there_cannot_be_the_default_and_the_error_names_it() {
    let bench = bench();
    let error = bench.store.set_default("github", "work").unwrap_err();
    assert_eq!(error, bench.store.get_token(("github", "work"), None).await.err().unwrap());
    let hint = Refusal::from(error).hint;
    assert_eq!(hint, "sign in: hotcell auth signin github --account work, or hotcell auth set github --account work");
    for odd in ["", "a b", "A", "../x"] {
        assert!(matches!(bench.store.set_default("github", odd), Err(AuthError::Name(_))));
        assert!(matches!(bench.store.set_token(("github", odd), &named("at", "a")), Err(AuthError::Name(_))));
    }
}

#[test]
fn g6_the_process_can_give_up_dumps_and_debuggers() {
    if std::env::var_os("HOTCELL_TEST_HARDEN").is_none() {
        // In a process of its own: what is given up is not had back.
        let this = std::env::current_exe().unwrap();
        let child = std::process::Command::new(this)
            .args(["accounts::g6_the_process_can_give_up_dumps_and_debuggers", "--exact"])
            .env("HOTCELL_TEST_HARDEN", "1")
            .current_dir(folder().path())
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    hotcell_vault::harden_process().unwrap();
    let core = rustix::process::getrlimit(rustix::process::Resource::Core);
    assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt as _;
        let dumpable = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(dumpable, rustix::process::DumpableBehavior::NotDumpable);
        // Not this user's any more, but the superuser's.
        assert_eq!(std::fs::metadata("/proc/self/mem").unwrap().uid(), 0);
    }
}
