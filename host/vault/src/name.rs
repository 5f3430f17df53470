//! Names of services and accounts, and scopes: checked before they become part of a key or a hint.

use crate::error::AuthError;

/// A name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is no {what}")]
pub struct BadName {
    what: &'static str,
    shown: String,
    /// How it is to be written.
    pub(crate) form: &'static str,
}

/// Services and accounts: 1 to 64 of `a-z 0-9 . _ -`, a letter or digit first. Delimiters of keychains are not among them.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), AuthError> {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    if first && rest && name.len() <= 64 {
        return Ok(());
    }
    Err(bad(what, name, "use 1 to 64 lower-case letters, digits, `.`, `_` and `-`, a letter or digit first"))
}

/// Scopes: 1 to 128 characters of RFC 6749 §3.3 (visible ASCII without `"` and `\`).
pub(crate) fn check_scope(scope: &str) -> Result<(), AuthError> {
    let fits = scope.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    if fits && (1..=128).contains(&scope.len()) {
        return Ok(());
    }
    Err(bad("scope", scope, "use visible ASCII without spaces, quotes and backslashes (RFC 6749 section 3.3)"))
}

pub(crate) fn bad(what: &'static str, name: &str, form: &'static str) -> AuthError {
    let shown = hotcell_protocol::text::cut(&hotcell_protocol::text::visible(name), 80);
    AuthError::Name(BadName { what, shown, form })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_confused_or_split_are_refused() {
        for good in ["github", "git.hub-1_x", "1a", &"a".repeat(64)] {
            assert!(check_name("service", good).is_ok(), "{good}");
        }
        for bad in ["", "GitHub", "a b", "a/b", "a@b", "-a", ".a", "a\n", "ü", &"a".repeat(65)] {
            assert!(check_name("service", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn scopes_follow_rfc_6749() {
        for good in ["issues:read", "https://www.googleapis.com/auth/drive", "a"] {
            assert!(check_scope(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\"b", "a\\b", "a\n", "é", &"a".repeat(129)] {
            assert!(check_scope(bad).is_err(), "{bad}");
        }
    }
}
