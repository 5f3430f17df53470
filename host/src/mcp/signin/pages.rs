//! The open sign-ins: what each is for, how long it is good, and that each starts once.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_vault::User;
use rmcp::RoleServer;
use rmcp::service::Peer;
use tokio::sync::watch;

use crate::Granted;
use crate::random;

/// Clients that are told of one page's end.
const TOLD: usize = 8;

/// What a sign-in is for. Nothing of it comes from the agent's arguments or from the tool's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purpose {
    /// Whose call wants it, and whose token it becomes; `None`: that of whoever runs the server.
    pub(super) user: Option<Arc<User>>,
    /// The tool whose call wants it, as it was granted.
    pub(super) granted: Arc<Granted>,
    /// The action.
    pub(super) action: String,
    /// The service.
    pub(super) service: String,
    /// The scopes that are asked for.
    pub(super) scopes: BTreeSet<String>,
    /// Who gives the token: an issuer, or the server's origins.
    pub(super) server: String,
}

/// A page that a person may open, and the one sign-in that it may start.
pub(super) struct Page {
    /// Its name for clients. Opens nothing.
    pub(super) id: String,
    /// What it is for.
    pub(super) purpose: Purpose,
    /// The path that no one guesses.
    nonce: String,
    /// What only the page's own form knows.
    token: String,
    until: Instant,
    stage: Mutex<Stage>,
    ended: watch::Sender<bool>,
    told: Mutex<Vec<Peer<RoleServer>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Started,
}

impl Page {
    fn new(purpose: Purpose) -> Result<Self, Refusal> {
        Ok(Self {
            id: secret()?,
            purpose,
            nonce: secret()?,
            token: secret()?,
            until: Instant::now() + limits::MCP_SIGN_IN,
            stage: Mutex::new(Stage::Open),
            ended: watch::Sender::new(false),
            told: Mutex::default(),
        })
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether this is the token of the page's form. Digests are compared: how long it takes says nothing of the token.
    pub(super) fn is_token(&self, text: &str) -> bool {
        Digest::of(text.as_bytes()) == Digest::of(self.token.as_bytes())
    }

    pub(super) fn has_started(&self) -> bool {
        *lock(&self.stage) == Stage::Started
    }

    /// Whether this is the one time that it starts.
    pub(super) fn start(&self) -> bool {
        std::mem::replace(&mut *lock(&self.stage), Stage::Started) == Stage::Open
    }

    /// Waits for the end of its sign-in, or of the page.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this does.
        drop(ended.wait_for(|ended| *ended).await);
    }

    /// Tells this client too when it has ended.
    pub(super) fn tell(&self, peer: Peer<RoleServer>) {
        let mut told = lock(&self.told);
        if told.len() < TOLD {
            told.push(peer);
        }
    }

    /// The clients that are to be told.
    pub(super) fn to_tell(&self) -> Vec<Peer<RoleServer>> {
        std::mem::take(&mut lock(&self.told))
    }

    fn is_over(&self) -> bool {
        // One that has started ends with its sign-in, which has a limit of its own.
        !self.has_started() && Instant::now() >= self.until
    }
}

/// All pages, by the digest of their paths: who guesses paths cannot choose digests.
#[derive(Default)]
pub(super) struct Pages {
    open: Mutex<BTreeMap<Digest, Arc<Page>>>,
    closed: AtomicBool,
}

impl Pages {
    /// The page for this purpose: the one that is open already, or a new one; `None` if there are too many.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] without random numbers.
    pub(super) fn of(&self, purpose: Purpose) -> Result<Option<Arc<Page>>, Refusal> {
        let mut pages = self.fresh();
        if let Some(page) = pages.values().find(|page| page.purpose == purpose) {
            return Ok(Some(Arc::clone(page)));
        }
        let own = pages.values().filter(|page| page.purpose.user == purpose.user).count();
        let too_many = purpose.user.is_some() && own >= limits::MCP_SIGN_INS_OF_A_USER;
        if too_many || pages.len() >= limits::MCP_SIGN_INS || self.closed.load(Ordering::Acquire) {
            return Ok(None);
        }
        let page = Arc::new(Page::new(purpose)?);
        pages.insert(Digest::of(page.nonce.as_bytes()), Arc::clone(&page));
        Ok(Some(page))
    }

    /// The page at this path.
    pub(super) fn at(&self, nonce: &str) -> Option<Arc<Page>> {
        self.fresh().get(&Digest::of(nonce.as_bytes())).map(Arc::clone)
    }

    /// The page of this name.
    pub(super) fn named(&self, id: &[u8]) -> Option<Arc<Page>> {
        self.fresh().values().find(|page| page.id.as_bytes() == id).map(Arc::clone)
    }

    /// Ends a page, whatever became of it.
    pub(super) fn end(&self, page: &Page) {
        lock(&self.open).remove(&Digest::of(page.nonce.as_bytes()));
        page.ended.send_replace(true);
    }

    /// Ends all pages, and opens no further one.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for page in std::mem::take(&mut *lock(&self.open)).into_values() {
            page.ended.send_replace(true);
        }
    }

    fn fresh(&self) -> MutexGuard<'_, BTreeMap<Digest, Arc<Page>>> {
        let mut pages = lock(&self.open);
        pages.retain(|_, page| {
            let over = page.is_over();
            if over {
                page.ended.send_replace(true);
            }
            !over
        });
        pages
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 256 random bits, for an address.
fn secret() -> Result<String, Refusal> {
    Ok(URL_SAFE_NO_PAD.encode(*random::bytes::<32>()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::mcp::signin) fn purpose(action: &str) -> Purpose {
        let granted = Granted {
            name: "tool".into(),
            version: "1".into(),
            digest: Digest::of(b"tool"),
            granted_at: jiff::Timestamp::UNIX_EPOCH,
            inert_imports: Vec::new(),
            actions: BTreeMap::new(),
        };
        Purpose {
            user: None,
            granted: Arc::new(granted),
            action: action.into(),
            service: "github".into(),
            scopes: ["issues:read".to_owned()].into(),
            server: "https://issuer.example".into(),
        }
    }

    #[test]
    fn l8_one_purpose_has_one_page_and_all_together_are_few() {
        let pages = Pages::default();
        let first = pages.of(purpose("0")).unwrap().unwrap();
        for _ in 0..100 {
            assert!(Arc::ptr_eq(&pages.of(purpose("0")).unwrap().unwrap(), &first));
        }
        for number in 1..limits::MCP_SIGN_INS {
            assert!(pages.of(purpose(&number.to_string())).unwrap().is_some());
        }
        assert!(pages.of(purpose("more")).unwrap().is_none(), "too many");
        assert!(Arc::ptr_eq(&pages.of(purpose("0")).unwrap().unwrap(), &first), "full, and still the same");
        pages.end(&first);
        assert!(pages.of(purpose("more")).unwrap().is_some());
        pages.close();
        assert!(pages.at(first.nonce()).is_none() && pages.of(purpose("0")).unwrap().is_none(), "the server ends");
    }

    #[test]
    fn l8_a_page_starts_once_and_is_good_for_ten_minutes() {
        let pages = Pages::default();
        let page = pages.of(purpose("a")).unwrap().unwrap();
        assert!(pages.at(page.nonce()).is_some() && pages.named(page.id.as_bytes()).is_some());
        assert!(pages.at(&page.id).is_none() && pages.at("").is_none() && pages.at(&page.nonce()[1..]).is_none());
        assert!(!page.is_token("") && !page.is_token(page.nonce()) && page.is_token(page.token()));
        assert!(page.start() && !page.start(), "it starts once");
        pages.end(&page);
        assert!(pages.at(page.nonce()).is_none());

        let mut old = Page::new(purpose("b")).unwrap();
        assert!(old.until.duration_since(Instant::now()) <= limits::MCP_SIGN_IN);
        old.until = Instant::now();
        let (old, nonce) = (Arc::new(old), Digest::of(b"n"));
        pages.open.lock().unwrap().insert(nonce, Arc::clone(&old));
        assert!(pages.at("n").is_none(), "too old");
        assert!(*old.ended.borrow(), "who waits for it is told");
    }
}
