//! The open pages: one for each purpose, few in all, each good for its time and for one sign-in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use hotcell_protocol::Digest;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_vault::User;

use super::page::Outcome;
use super::page::Page;
use super::page::Stage;
use super::purpose::Purpose;

/// All pages, by the digest of their paths: who guesses paths cannot choose digests.
#[derive(Default)]
pub(super) struct Pages {
    all: Mutex<BTreeMap<Digest, Arc<Page>>>,
    closed: AtomicBool,
}

impl Pages {
    /// The page for this purpose: the one that is there already and not over, or a new one; `None` if there are too many.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] without random numbers.
    pub(super) fn of(&self, purpose: Purpose) -> Result<Option<Arc<Page>>, Refusal> {
        let mut pages = self.fresh();
        let living = || pages.values().filter(|page| !page.has_ended());
        if let Some(page) = living().find(|page| page.purpose == purpose) {
            return Ok(Some(Arc::clone(page)));
        }
        let own = living().filter(|page| page.purpose.user == purpose.user).count();
        let too_many = purpose.user.is_some() && own >= limits::MCP_SIGN_INS_OF_A_USER;
        if too_many || living().count() >= limits::MCP_SIGN_INS || self.closed.load(Ordering::Acquire) {
            return Ok(None);
        }
        if pages.len() >= 2 * limits::MCP_SIGN_INS {
            // What became of earlier ones is shown where there is room for it.
            pages.retain(|_, page| !page.has_ended());
        }
        let page = Arc::new(Page::new(purpose)?);
        pages.insert(Digest::of(page.nonce().as_bytes()), Arc::clone(&page));
        Ok(Some(page))
    }

    /// The page at this path.
    pub(super) fn at(&self, nonce: &str) -> Option<Arc<Page>> {
        self.fresh().get(&Digest::of(nonce.as_bytes())).map(Arc::clone)
    }

    /// Whether a sign-in that just ended brought no such scope: the server, or the person there, did not grant it.
    pub(super) fn declined(&self, user: Option<&Arc<User>>, service: &str, scope: &str) -> bool {
        let says_so = |page: &Page| match page.stage() {
            Stage::Over(Outcome::SignedIn(declined)) => declined.contains(scope),
            _ => false,
        };
        let same = |purpose: &Purpose| purpose.service == service && purpose.user.as_ref() == user;
        self.fresh().values().any(|page| same(&page.purpose) && says_so(page))
    }

    /// The page of this name.
    pub(super) fn named(&self, id: &[u8]) -> Option<Arc<Page>> {
        self.fresh().values().find(|page| page.id.as_bytes() == id).map(Arc::clone)
    }

    /// Takes a page away that nobody is to start any more.
    pub(super) fn remove(&self, page: &Page) {
        self.lock().remove(&Digest::of(page.nonce().as_bytes()));
        page.end(Outcome::Closed);
    }

    /// Ends all pages, and opens no further one.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for page in std::mem::take(&mut *self.lock()).into_values() {
            page.end(Outcome::Closed);
        }
    }

    fn fresh(&self) -> MutexGuard<'_, BTreeMap<Digest, Arc<Page>>> {
        let mut pages = self.lock();
        pages.retain(|_, page| {
            let old = page.is_old();
            if old {
                page.end(Outcome::Closed);
            }
            !old
        });
        pages
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Arc<Page>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::Granted;
    use crate::mcp::signin::purpose::Way;

    pub(in crate::mcp::signin) fn purpose(action: &str) -> Purpose {
        let granted = Granted {
            name: "tool".into(),
            version: "1".into(),
            digest: Digest::of(b"tool"),
            granted_at: jiff::Timestamp::UNIX_EPOCH,
            inert_imports: Vec::new(),
            declared: None,
            imports: [].into(),
            actions: BTreeMap::new(),
        };
        Purpose {
            user: None,
            granted: Arc::new(granted),
            action: action.into(),
            service: "github".into(),
            scopes: ["issues:read".to_owned()].into(),
            new: [].into(),
            replaces: false,
            server: "https://issuer.example".into(),
            way: Way::Browser,
            keys: Vec::new(),
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
        pages.remove(&first);
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
        assert!(page.left() <= limits::MCP_SIGN_IN);
        assert!(page.start() && !page.start(), "it starts once");
        page.age();
        assert!(pages.at(page.nonce()).is_some(), "it goes while its sign-in is under way");
        pages.remove(&page);
        assert!(pages.at(page.nonce()).is_none());

        let old = pages.of(purpose("b")).unwrap().unwrap();
        old.age();
        assert!(pages.at(old.nonce()).is_none(), "too old");
        assert_eq!(old.stage(), Stage::Over(Outcome::Closed), "who waits for it is told");
    }

    #[test]
    fn l8_a_page_that_ended_shows_how_for_a_while_and_never_starts_again() {
        let pages = Pages::default();
        let page = pages.of(purpose("a")).unwrap().unwrap();
        assert!(page.start());
        page.end(Outcome::SignedIn([].into()));
        page.end(Outcome::Closed);
        page.show(Stage::Started);
        assert_eq!(page.stage(), Stage::Over(Outcome::SignedIn([].into())), "the first end is the end");
        assert!(!page.start() && page.left() <= limits::MCP_SIGN_IN_RESULT);
        assert!(Arc::ptr_eq(&pages.at(page.nonce()).unwrap(), &page));
        let next = pages.of(purpose("a")).unwrap().unwrap();
        assert!(!Arc::ptr_eq(&next, &page), "the next sign-in has a page of its own");
        page.age();
        assert!(pages.at(page.nonce()).is_none());
        assert!(!pages.declined(None, "github", "issues:read"));
        assert!(next.start());
        next.end(Outcome::SignedIn(["issues:read".to_owned()].into()));
        assert!(pages.declined(None, "github", "issues:read") && !pages.declined(None, "gitlab", "issues:read"));
        assert!(!pages.declined(None, "github", "issues:write"));
        next.age();
        assert!(!pages.declined(None, "github", "issues:read"), "asked again after a while");
        // Ended ones take no place, and are few too.
        let ended: Vec<_> = (0..5 * limits::MCP_SIGN_INS)
            .map(|number| {
                let page = pages.of(purpose(&number.to_string())).unwrap().unwrap();
                page.end(Outcome::Closed);
                page
            })
            .collect();
        let kept = ended.iter().filter(|page| pages.at(page.nonce()).is_some()).count();
        assert!(kept <= 2 * limits::MCP_SIGN_INS, "{kept}");
    }
}
