//! Other processes: this test binary, started again with a part to play.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::setrlimit;

use crate::KEY;
use crate::Remote;
use crate::access;
use crate::dir;
use crate::server::ask;

const PART: &str = "HOTCELL_TEST_PART";

/// A process that plays a part, below `shell` if something must be set up before.
pub fn process(part: &str, folder: &Path, server: SocketAddr, shell: Option<&str>) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = match shell {
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]).arg(this);
            command
        }
        None => Command::new(this),
    };
    command.args(["child::of_another_test", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env("HOTCELL_TEST_FOLDER", folder).env("HOTCELL_TEST_SERVER", server.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

#[test]
fn of_another_test() {
    let Ok(part) = std::env::var(PART) else { return };
    let folder = std::env::var_os("HOTCELL_TEST_FOLDER").unwrap();
    let server: SocketAddr = std::env::var("HOTCELL_TEST_SERVER").unwrap().parse().unwrap();
    let store = AuthStore::open(dir(Path::new(&folder)), &KEY).unwrap().with_issuer(Arc::new(Remote(server)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match part.as_str() {
            "once" => drop(access(&store, "github").await.unwrap()),
            "until-killed" => until_killed(&store).await,
            "user" => user(&store, server).await,
            "disk-too-small-for-the-reply" => disk_too_small(&store).await,
            "disk-full" => drop(no_room(&store).await),
            other => panic!("{other}"),
        }
        store.finish().await;
    });
}

async fn until_killed(store: &AuthStore) {
    let mut out = std::io::stdout();
    writeln!(out, "ready").unwrap();
    out.flush().unwrap();
    loop {
        drop(access(store, "github").await);
    }
}

/// Uses the token for as long as the server says, and finds it good each time.
async fn user(store: &AuthStore, server: SocketAddr) {
    let mut last = String::new();
    let ends = Instant::now() + Duration::from_secs(120);
    while Instant::now() < ends && ask(server, "more").unwrap() == "true" {
        let token = access(store, "github").await.unwrap();
        if token != last {
            assert_eq!(ask(server, &format!("takes {token}")).unwrap(), "true", "{token}");
            last = token;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

async fn no_room(store: &AuthStore) -> AuthError {
    let error = access(store, "github").await.unwrap_err();
    assert!(matches!(error, AuthError::Store(_)), "{error:?}");
    assert_eq!(access(store, "github").await.unwrap_err(), error, "nothing is sent, and it is said at once");
    error
}

async fn disk_too_small(store: &AuthStore) {
    drop(no_room(store).await);
    setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    let ends = Instant::now() + Duration::from_secs(10);
    loop {
        match access(store, "github").await {
            Ok(token) => return assert!(token.starts_with("at-0-1-"), "{token}"),
            Err(error) => assert!(Instant::now() < ends, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
