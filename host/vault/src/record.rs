//! A record: one token of one account of one service, and what may be shown of it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::key::Backend;
use crate::secret::Secret;

/// The account where none is named.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";
/// Longest life that is believed: a year (threat L18).
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A token as it comes in.
pub struct NewToken {
    /// The access token, or a static key.
    pub access: Secret,
    /// The refresh token, if the server gave one.
    pub refresh: Option<Secret>,
    /// How long the access token lives from now on; `None` if nobody said: then it is used until the server refuses it.
    /// Zero is expired, more than a year is a year (threat L18).
    pub expires_in: Option<Duration>,
    /// The scopes that it has.
    pub scopes: BTreeSet<String>,
}

/// A token as it is handed out. The secrets in it have no `Debug`, and neither has this.
pub struct Token {
    access: Secret,
    refresh: Option<Secret>,
}

impl Token {
    /// The access token.
    #[must_use]
    pub fn access(&self) -> &Secret {
        &self.access
    }

    /// The refresh token, if there is one.
    #[must_use]
    pub fn refresh(&self) -> Option<&Secret> {
        self.refresh.as_ref()
    }

    /// All secrets of the token, for the scan of what comes back.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.access).chain(&self.refresh)
    }
}

/// Everything about a token but its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// The service.
    pub service: String,
    /// The account.
    pub account: String,
    /// The scopes that the token has.
    pub scopes: BTreeSet<String>,
    /// When it was put in, in seconds since 1970 (UTC).
    pub issued_at: u64,
    /// When it expires, in seconds since 1970 (UTC); `None` if nobody said.
    pub expires_at: Option<u64>,
    /// Whether it has expired by now.
    pub expired: bool,
    /// Whether there is a refresh token.
    pub refreshable: bool,
    /// Counts the changes of this record.
    pub epoch: u64,
    /// Where the store's key is. Serialised as its kind alone: `keychain`, `key-file`, `memory` or `passphrase`.
    #[serde(serialize_with = "kind_of")]
    pub backend: Backend,
}

fn kind_of<S: Serializer>(backend: &Backend, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(backend.kind())
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// There is a token.
    Active,
    /// Signed out. The record stays as a tombstone without secrets, so that a late writer sees its epoch (threat M6).
    Cleared,
}

/// When a token came in, on the clock that cannot be set back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    /// [`Clock::boot_name`] of the clock.
    pub(crate) boot: String,
    pub(crate) millis: u64,
}

/// The part of a record that is encrypted by itself, so that showing it decrypts no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) service: String,
    pub(crate) account: String,
    pub(crate) state: State,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: Option<u64>,
    pub(crate) received: Option<Received>,
    pub(crate) refreshable: bool,
}

impl Meta {
    pub(crate) fn new(service: &str, account: &str, token: &NewToken, clock: &dyn Clock) -> Self {
        let now = clock.wall();
        let received = clock.boot_name().map(|boot| Received { boot: boot.to_owned(), millis: millis(clock.boot()) });
        Self {
            service: service.to_owned(),
            account: account.to_owned(),
            state: State::Active,
            scopes: token.scopes.clone(),
            issued_at: now,
            expires_at: token.expires_in.map(|life| now.saturating_add(life.min(LONGEST).as_secs())),
            received,
            refreshable: token.refresh.is_some(),
        }
    }

    pub(crate) fn tombstone(service: &str, account: &str, clock: &dyn Clock) -> Self {
        Self {
            service: service.to_owned(),
            account: account.to_owned(),
            state: State::Cleared,
            scopes: BTreeSet::new(),
            issued_at: clock.wall(),
            expires_at: None,
            received: None,
            refreshable: false,
        }
    }
}

/// The secrets of a token as they are encrypted: a line for each, its name before it. A secret is visible ASCII, so that
/// nothing needs escapes, whose scratch buffers nobody would wipe (threat G8). Lines of other names are of later versions.
pub(crate) fn write_secrets(token: &NewToken) -> Zeroizing<Vec<u8>> {
    let lines = [(ACCESS, Some(&token.access)), (REFRESH, token.refresh.as_ref())];
    let lines = lines.into_iter().filter_map(|(name, secret)| Some((name, secret?)));
    let length = lines.clone().map(|(name, secret)| name.len() + secret.len() + 1).sum();
    // The whole length at once: a vector that grows leaves its earlier buffers behind, unwiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    for (name, secret) in lines {
        for part in [name.as_bytes(), secret.expose().as_bytes(), b"\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// The token of decrypted secrets; `None` for what [`write_secrets`] never wrote.
pub(crate) fn read_secrets(bytes: &[u8]) -> Option<Token> {
    let text = std::str::from_utf8(bytes).ok()?;
    let find = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let secret = |text: &str| Secret::new(Zeroizing::new(text.to_owned())).ok();
    let refresh = match find(REFRESH) {
        Some(refresh) => Some(secret(refresh)?),
        None => None,
    };
    Some(Token { access: secret(find(ACCESS)?)?, refresh })
}

const ACCESS: &str = "access ";
const REFRESH: &str = "refresh ";

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned().into()).unwrap()
    }

    #[test]
    fn the_secrets_of_a_token_come_back_as_they_went_in() {
        for refresh in [None, Some(r#"a"b\c'{}access "#.trim())] {
            let access = r#"refresh"\u0041\n"#;
            let token = NewToken {
                access: secret(access),
                refresh: refresh.map(secret),
                expires_in: None,
                scopes: BTreeSet::new(),
            };
            let written = write_secrets(&token);
            assert_eq!(written.len(), written.capacity(), "g8: a buffer grew");
            let read = read_secrets(&written).unwrap();
            assert_eq!(read.access.expose(), access);
            assert_eq!(read.refresh.as_ref().map(Secret::expose), refresh);
            assert_eq!(read.secrets().count(), 1 + usize::from(refresh.is_some()));
        }
    }

    #[test]
    fn what_was_never_written_is_no_token() {
        for bad in [&b""[..], b"access \n", b"refresh abc\n", b"access a b\n", b"access \xff\n", b"acces abc\n"] {
            assert!(read_secrets(bad).is_none(), "{bad:?}");
        }
        let later = read_secrets(b"previous-refresh old\naccess new\ndpop key\n").unwrap();
        assert_eq!(later.access.expose(), "new");
    }
}
