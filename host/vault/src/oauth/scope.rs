//! Hotcell's scopes and the server's: what is asked for, and what was got (RFC 6749 §3.3, threat L11).

use std::collections::BTreeSet;

use super::provider::Provider;
use super::words::ScopeToken;

impl Provider {
    /// Whether the server enforces a scope: it is mapped to scopes of the server's. Of others Hotcell alone sees to it that
    /// they are kept, and the token can do more.
    #[must_use]
    pub fn is_enforced_by_server(&self, scope: &str) -> bool {
        self.mapped(scope).is_some()
    }

    /// The server's scopes that a scope of Hotcell's is mapped to.
    #[must_use]
    pub fn server_scopes(&self, scope: &str) -> Vec<&str> {
        self.mapped(scope).into_iter().flatten().map(ScopeToken::as_str).collect()
    }

    /// The value of `scope` that asks for these scopes of Hotcell's; `None` where there is nothing to ask for.
    pub(crate) fn scope_parameter(&self, scopes: &BTreeSet<String>) -> Option<String> {
        let mapped = scopes.iter().filter_map(|scope| self.mapped(scope)).flatten();
        let all: BTreeSet<&str> = mapped.chain(self.always_scopes()).map(ScopeToken::as_str).collect();
        (!all.is_empty()).then(|| all.into_iter().collect::<Vec<_>>().join(" "))
    }

    /// Which of the scopes asked for a token has. The server's word only takes away: what was not asked for is never had,
    /// and without a word all is had that was asked for (RFC 6749 §5.1).
    pub(crate) fn granted(&self, asked: &BTreeSet<String>, word: Option<&str>) -> BTreeSet<String> {
        let Some(word) = word else { return asked.clone() };
        let had = |scope: &ScopeToken| {
            // GitHub and Slack put commas between scopes. A scope may hold a comma, too: then it stands whole between spaces.
            let parts = || word.split(' ').filter(|part| !part.is_empty());
            parts().any(|part| part == scope.as_str())
                || parts().flat_map(|part| part.split(',')).any(|part| part == scope.as_str())
        };
        asked.iter().filter(|scope| self.mapped(scope).is_none_or(|mapped| mapped.iter().all(had))).cloned().collect()
    }

    /// The scopes of a refreshed token, at most: the store has what was granted, and takes what is in both.
    pub(crate) fn still_granted(&self, word: Option<&str>) -> BTreeSet<String> {
        self.granted(self.known_scopes(), word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::fake::provider;

    const SCOPES: &str = r#"
        always_scopes = ["openid", "offline_access"]
        [scopes]
        "notes:read" = ["notes.read"]
        "notes:write" = ["notes.read", "notes.write"]
    "#;

    fn set(scopes: &[&str]) -> BTreeSet<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn scopes_are_asked_for_in_the_servers_words() {
        let provider = provider(SCOPES);
        let asked = provider.scope_parameter(&set(&["notes:read", "notes:write", "local:only"]));
        assert_eq!(asked.as_deref(), Some("notes.read notes.write offline_access openid"));
        assert!(provider.is_enforced_by_server("notes:read") && !provider.is_enforced_by_server("local:only"));
        assert_eq!(crate::oauth::fake::provider("").scope_parameter(&set(&["local:only"])), None);
    }

    #[test]
    fn l11_the_server_can_narrow_what_was_asked_for_and_never_widen_it() {
        let provider = provider(SCOPES);
        let asked = set(&["notes:read", "notes:write", "local:only"]);
        let granted = |word| provider.granted(&asked, word);
        assert_eq!(granted(None), asked);
        assert_eq!(granted(Some("notes.read notes.write admin")), asked);
        assert_eq!(granted(Some("notes.read,notes.write")), asked);
        assert_eq!(granted(Some("notes.read")), set(&["local:only", "notes:read"]));
        assert_eq!(granted(Some("notes.write")), set(&["local:only"]));
        assert_eq!(granted(Some("notes.rea notes.readx NOTES.READ")), set(&["local:only"]));
        assert_eq!(granted(Some("")), set(&["local:only"]));
        assert_eq!(provider.granted(&set(&["notes:read"]), Some("notes.read notes.write")), set(&["notes:read"]));
    }
}
