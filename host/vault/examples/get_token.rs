//! How long `AuthStore::get_token` takes while the token is fresh: `cargo run --release -p hotcell-vault --example get_token`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people")]

use std::time::Duration;
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_vault::AuthStore;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::Secret;

const CALLS: u32 = 2_000_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let store = AuthStore::open(dir, &Key::Memory([1; 32])).unwrap();
    for service in 0..20 {
        let token = Secret::new(format!("token-of-service-{service}").into()).unwrap();
        let token = NewToken {
            expires_in: Some(Duration::from_secs(3_600)),
            scopes: ["issues:read".to_owned(), "issues:write".to_owned()].into(),
            ..NewToken::of(token)
        };
        store.set_token(&format!("service-{service}"), &token).unwrap();
    }
    for tasks in [1, 64] {
        let started = Instant::now();
        let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(calls(store.clone(), CALLS / tasks))).collect();
        for task in running {
            task.await.unwrap();
        }
        let each = started.elapsed().as_nanos() / u128::from(CALLS);
        println!("{tasks:>3} tasks: {each} ns for each call, {CALLS} calls, all processors together");
    }
}

async fn calls(store: AuthStore, calls: u32) {
    for _ in 0..calls {
        drop(store.get_token("service-7", Some("issues:read")).await.unwrap());
    }
}
