//! Users of a host that serves several: who each is, and which account of a service is theirs.

use std::fmt;

use hotcell_protocol::Digest;
use hotcell_protocol::text::is_odd;
use serde::Serialize;

use crate::error::AuthError;
use crate::name;

/// Longest subject in bytes (OpenID Connect Core §2: 255 characters).
const SUBJECT_BYTES: usize = 255;
/// What the account of a user begins with. No name of an account does: see [`name::check_name`].
const MARK: char = '@';

/// A user: a subject, as an authorisation server names it, and that server. Subjects of two servers are two users.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct User {
    issuer: String,
    subject: String,
    /// The user's account of each service.
    #[serde(skip)]
    account: String,
}

impl User {
    /// The user whom this claim of the issuer's tokens names so. What two claims call by one name are two users: one of them may
    /// be what a person calls themselves.
    ///
    /// # Errors
    /// [`AuthError::Name`] for a subject that could not be shown, or told from another, as it is: empty, of more than 255 bytes,
    /// with a character that is not visible, with a space before or after it.
    pub fn new(issuer: &str, claim: &str, subject: &str) -> Result<Self, AuthError> {
        let shown = !subject.chars().any(is_odd) && subject.trim() == subject;
        if !shown || subject.is_empty() || subject.len() > SUBJECT_BYTES {
            return Err(name::bad(
                "user",
                subject,
                "name the subject as the authorisation server does: 1 to 255 bytes of visible characters",
            ));
        }
        // A digest, because a subject may be any text. No part holds a NUL, so that no two of them make one name.
        let name = format!("hotcell user v1\0{issuer}\0{claim}\0{subject}");
        let account = format!("{MARK}{}", Digest::of(name.as_bytes()));
        Ok(Self { issuer: issuer.to_owned(), subject: subject.to_owned(), account })
    }

    /// The authorisation server, as it writes itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The user's name there.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The user's account of each service.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// As an option of the command line, for hints: whoever chose the name must not choose a second command with it.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | ':' | '+');
        // With `=`, so that a name cannot be taken for an option.
        match self.subject.chars().all(plain) {
            true => write!(f, "--user={}", self.subject),
            false => write!(f, "--user='{}'", self.subject.replace('\'', "'\\''")),
        }
    }
}

/// Whether this account is a user's. Such an account is never the default one.
#[must_use]
pub fn is_users_account(account: &str) -> bool {
    account.starts_with(MARK)
}

/// Whether this is the name of a user's account.
pub(crate) fn is_name(account: &str) -> bool {
    account.strip_prefix(MARK).is_some_and(|digest| digest.parse::<Digest>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n7_each_subject_of_each_server_has_an_account_of_its_own_that_no_name_is() {
        let of = |issuer: &str, subject: &str| User::new(issuer, "sub", subject).unwrap().account;
        let all =
            [of("https://a", "x"), of("https://b", "x"), of("https://a", "X"), of("https://a", "x x"), of("h", "é")];
        for (at, account) in all.iter().enumerate() {
            assert!(is_name(account) && name::check_name("account", account).is_err(), "{account}");
            assert!(!all[..at].contains(account));
        }
        assert_eq!(of("https://a", "x"), all[0]);
        assert_ne!(User::new("https://a", "email", "x").unwrap().account, all[0], "the same word in another claim");
        for bad in ["", " x", "x ", "x\n", "x\0", "a\u{202e}b", "\u{200b}", &"x".repeat(256)] {
            assert!(User::new("https://a", "sub", bad).is_err(), "{bad:?}");
        }
        assert!(!is_name("@") && !is_name("@xyz") && !is_name("default"));
    }

    #[test]
    fn n7_a_name_in_a_hint_is_one_word_of_a_shell_and_no_option() {
        let shown = |subject: &str| User::new("https://a", "sub", subject).unwrap().to_string();
        assert_eq!(shown("ada@example.com"), "--user=ada@example.com");
        assert_eq!(shown("--account=x"), "--user='--account=x'");
        assert_eq!(shown("auth0|7"), "--user='auth0|7'");
        assert_eq!(shown("x'; rm -rf ~ #"), "--user='x'\\''; rm -rf ~ #'");
        assert_eq!(shown("$(id)"), "--user='$(id)'");
    }
}
