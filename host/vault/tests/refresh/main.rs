//! Refreshing: many tasks, many processes, crashes at every point, full disks, odd clocks.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests may panic, prepare files and open connections"
)]
#![cfg(unix)]

mod accounts;
mod child;
mod clocks;
mod disk;
mod failures;
mod forced;
mod kills;
mod many;
mod server;
mod together;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use hotcell_vault::AuthError;
use hotcell_vault::AuthStore;
use hotcell_vault::Clock;
use hotcell_vault::Issuer;
use hotcell_vault::Key;
use hotcell_vault::NewToken;
use hotcell_vault::RefreshError;
use hotcell_vault::Secret;
use hotcell_vault::Token;
use hotcell_vault::Waiting;
use server::Reuse;
use server::Server;
use tempfile::TempDir;
use tokio::sync::Semaphore;

const KEY: Key = Key::Memory([7; 32]);
const HOUR: Duration = Duration::from_secs(3_600);

pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

pub fn dir(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).unwrap()
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned().into()).unwrap()
}

pub async fn access(store: &AuthStore, service: &str) -> Result<String, AuthError> {
    store.get_token(service, None).await.map(|token| token.access().expose().to_owned())
}

/// What the server does next instead of an honest answer.
pub enum Next {
    Error(RefreshError),
    Give(NewToken),
    Hang,
    Panic,
}

/// The server in this process. Each request waits for a permit, so that tests can stop one on its way.
pub struct Local {
    pub server: Server,
    pub next: Mutex<VecDeque<Next>>,
    pub gate: Semaphore,
}

impl Issuer for Local {
    fn refresh(&self, _: String, token: Arc<Token>) -> Waiting<'_, Result<NewToken, RefreshError>> {
        Box::pin(async move {
            drop(self.gate.acquire().await.unwrap());
            let next = self.next.lock().unwrap().pop_front();
            if next.is_some() {
                self.server.state().requests += 1;
            }
            match next {
                Some(Next::Error(error)) => Err(error),
                Some(Next::Give(token)) => Ok(token),
                Some(Next::Hang) => std::future::pending().await,
                Some(Next::Panic) => panic!("of the issuer"),
                None => server::parse(&self.server.refresh(token.refresh().unwrap().expose())),
            }
        })
    }

    fn revoke(&self, _: String, token: Arc<Token>) -> Waiting<'_, bool> {
        self.server.revoke(token.access().expose());
        Box::pin(async { true })
    }
}

/// The server in another process.
pub struct Remote(pub SocketAddr);

impl Issuer for Remote {
    fn refresh(&self, _: String, token: Arc<Token>) -> Waiting<'_, Result<NewToken, RefreshError>> {
        let server = self.0;
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || {
                server::ask(server, &format!("refresh {}", token.refresh().unwrap().expose()))
            });
            server::parse(&asked.await.unwrap().unwrap_or_default())
        })
    }

    fn revoke(&self, _: String, _: Arc<Token>) -> Waiting<'_, bool> {
        Box::pin(async { false })
    }
}

/// A clock that tests turn: both hands, or one.
#[derive(Clone)]
pub struct Hands(Arc<Mutex<(Duration, Duration)>>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((HOUR * 400_000, HOUR))))
    }

    pub fn pass(&self, time: Duration) {
        let mut hands = self.0.lock().unwrap();
        hands.0 += time;
        hands.1 += time;
    }

    pub fn turn_wall(&self, turn: impl FnOnce(Duration) -> Duration) {
        let mut hands = self.0.lock().unwrap();
        hands.0 = turn(hands.0);
    }

    /// The machine sleeps, and its wall clock with it.
    pub fn pass_boot(&self, time: Duration) {
        self.0.lock().unwrap().1 += time;
    }
}

impl Clock for Hands {
    fn wall(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn boot(&self) -> Duration {
        self.0.lock().unwrap().1
    }

    fn boot_name(&self) -> Option<&str> {
        Some("the boot of these tests")
    }
}

/// A store with a sign-in of an hour to `github`, its server, and its clock.
pub struct Bench {
    pub folder: TempDir,
    pub hands: Hands,
    pub issuer: Arc<Local>,
    pub store: AuthStore,
}

pub fn bench() -> Bench {
    bench_with(Reuse::EndsFamily)
}

pub fn bench_with(reuse: Reuse) -> Bench {
    let (folder, hands) = (folder(), Hands::new());
    let server = Server::new(reuse, HOUR);
    let gate = Semaphore::new(1_000_000);
    let issuer = Arc::new(Local { server: server.clone(), next: Mutex::default(), gate });
    let store = AuthStore::open_with_clock(dir(folder.path()), &KEY, Box::new(hands.clone())).unwrap();
    let store = store.with_issuer(Arc::clone(&issuer) as _);
    store.set_token("github", &server.sign_in()).unwrap();
    Bench { folder, hands, issuer, store }
}

impl Bench {
    /// The same store, opened by another process.
    pub fn other(&self) -> AuthStore {
        let store = AuthStore::open_with_clock(dir(self.folder.path()), &KEY, Box::new(self.hands.clone())).unwrap();
        store.with_issuer(Arc::clone(&self.issuer) as _)
    }

    pub fn server(&self) -> &Server {
        &self.issuer.server
    }

    pub fn requests(&self) -> u32 {
        self.server().state().requests
    }

    pub fn next(&self, next: Next) {
        self.issuer.next.lock().unwrap().push_back(next);
    }

    /// Stops requests on their way until [`Bench::open_gate`].
    pub fn close_gate(&self) {
        self.issuer.gate.forget_permits(usize::MAX >> 4);
    }

    pub fn open_gate(&self) {
        self.issuer.gate.add_permits(1_000_000);
    }

    /// A caller whose refresh is under way, and goes on when the gate opens.
    pub async fn caller_at_the_gate(&self) -> tokio::task::JoinHandle<Result<String, AuthError>> {
        self.close_gate();
        let store = self.store.clone();
        let waiting = tokio::spawn(async move { access(&store, "github").await });
        self.until_asked().await;
        waiting
    }

    /// Waits until a refresh is under way.
    pub async fn until_asked(&self) {
        while self.store.cached_metadata("github").unwrap().state != hotcell_vault::Condition::Refreshing {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
