//! A record: one token of one account of one service, and what may be shown of it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroize;
use zeroize::Zeroizing;

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
    /// How long the access token lives from now on; `None` if nobody said.
    pub expires_in: Option<Duration>,
    /// The scopes that it has.
    pub scopes: BTreeSet<String>,
}

/// A token as it is handed out. The secrets in it have no `Debug`, and neither has this.
pub struct Token {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
}

impl Token {
    /// The access token.
    #[must_use]
    pub fn access(&self) -> &Secret {
        &self.access
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
    /// Where the store's key is.
    pub backend: Backend,
}

/// The part of a record that is encrypted by itself, so that showing it decrypts no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meta {
    pub(crate) service: String,
    pub(crate) account: String,
    /// False: signed out. The record stays as a tombstone, so that a late writer sees its epoch (threat M6).
    pub(crate) signed_in: bool,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: Option<u64>,
    pub(crate) refreshable: bool,
}

impl Meta {
    pub(crate) fn new(service: &str, account: &str, token: &NewToken, now: u64) -> Self {
        Self {
            service: service.to_owned(),
            account: account.to_owned(),
            signed_in: true,
            scopes: token.scopes.clone(),
            issued_at: now,
            expires_at: token.expires_in.map(|life| now.saturating_add(life.min(LONGEST).as_secs())),
            refreshable: token.refresh.is_some(),
        }
    }

    pub(crate) fn tombstone(service: &str, account: &str, now: u64) -> Self {
        Self {
            service: service.to_owned(),
            account: account.to_owned(),
            signed_in: false,
            scopes: BTreeSet::new(),
            issued_at: now,
            expires_at: None,
            refreshable: false,
        }
    }
}

/// The secrets as they are encrypted. Wiped as soon as the box is closed or the token made.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plain {
    access: String,
    refresh: Option<String>,
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.access.zeroize();
        self.refresh.zeroize();
    }
}

impl Plain {
    pub(crate) fn of(token: &NewToken) -> Self {
        Self {
            access: token.access.expose().to_owned(),
            refresh: token.refresh.as_ref().map(|refresh| refresh.expose().to_owned()),
        }
    }

    /// The token; `None` for bytes that were no token when they were put in.
    pub(crate) fn token(mut self) -> Option<Token> {
        let access = Secret::new(Zeroizing::new(std::mem::take(&mut self.access))).ok()?;
        let refresh = self.refresh.take().map(|refresh| Secret::new(Zeroizing::new(refresh))).transpose().ok()?;
        Some(Token { access, refresh })
    }
}
