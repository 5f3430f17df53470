//! Everything about a token but its secrets: as it is stored, and as it is shown.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;
use serde_json::Map;
use serde_json::Value;

use crate::clock::Clock;
use crate::clock::millis;
use crate::error::Reason;
use crate::id::Who;
use crate::issuer::RefreshError;
use crate::key::Backend;
use crate::token::NewToken;

/// Longest life that is believed: a year (threat L18).
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Everything about a token but its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// The service.
    pub service: String,
    /// The account.
    pub account: String,
    /// The user whose account it is, as the authorisation server of agents names them; `None` for those of whoever runs the
    /// host.
    pub user: Option<String>,
    /// Whether this account is meant where none is named.
    pub is_default: bool,
    /// What the server calls the account, if it said.
    pub display_account: Option<String>,
    /// Which authorisation server gave the token, if one did.
    pub issuer: Option<String>,
    /// What the token is for, as it was when it was put in: see [`crate::AuthStore::set_bound_token`].
    #[serde(skip)]
    pub bound: Option<String>,
    /// What can be done with it.
    pub state: Condition,
    /// Why a person must sign in, where one must.
    pub reason: Option<Reason>,
    /// The scopes that the token has.
    pub scopes: BTreeSet<String>,
    /// When it was put in, in seconds since 1970 (UTC).
    pub issued_at: u64,
    /// When it expires, in seconds since 1970 (UTC); `None` if nobody said.
    pub expires_at: Option<u64>,
    /// Whether it has expired by now.
    pub expired: bool,
    /// Whether a server can be asked for a new one: there is a refresh token, or the secret of a client.
    pub refreshable: bool,
    /// When it was last refreshed, in seconds since 1970 (UTC).
    pub refreshed_at: Option<u64>,
    /// Why the last refresh failed; `None` if it did not.
    pub last_error: Option<Failed>,
    /// Counts the changes of this record.
    pub epoch: u64,
    /// Where the store's key is. Serialised as its kind alone: `keychain`, `key-file`, `memory` or `passphrase`.
    #[serde(serialize_with = "kind_of")]
    pub backend: Backend,
}

fn kind_of<S: Serializer>(backend: &Backend, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(backend.kind())
}

/// What can be done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It is used, or refreshed when it is next asked for.
    Active,
    /// A new one is being fetched, here or in another process.
    Refreshing,
    /// Nothing, before a person signs in again.
    SignInRequired,
}

/// Why a refresh failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failed {
    /// [`RefreshError::Config`]
    Config,
    /// [`RefreshError::Rejected`]
    Rejected,
    /// [`RefreshError::Transient`]
    Transient,
}

impl From<RefreshError> for Failed {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Config => Self::Config,
            RefreshError::Rejected => Self::Rejected,
            RefreshError::Transient { .. } => Self::Transient,
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// There is a token.
    Active,
    /// Signed out. The record stays as a tombstone without secrets, so that a late writer sees its epoch (threat M6).
    Cleared,
    /// The server refused to refresh it for good. Its secrets stay: they may still not come back in a response.
    ReauthRequired { reason: Reason, at: u64 },
}

/// When a token came in, on the clock that cannot be set back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    /// [`Clock::boot_name`] of the clock.
    pub(crate) boot: String,
    pub(crate) millis: u64,
}

/// A refresh that is under way: written down before its request, so that a crash leaves a trace (threat M3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) since: u64,
}

/// The last refresh, which failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: Failed,
    /// How many failed since one succeeded.
    pub(crate) count: u32,
    /// No request before this time, by any process.
    pub(crate) retry_at: u64,
}

/// The part of a record that is encrypted by itself, so that showing it decrypts no secret. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) service: String,
    pub(crate) account: String,
    pub(crate) state: State,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) issued: u64,
    pub(crate) expires: Option<u64>,
    pub(crate) received: Option<Received>,
    pub(crate) refreshable: bool,
    /// The epoch at which the secrets were written. What changes no token leaves their box as it is (threat M5).
    pub(crate) token_epoch: u64,
    pub(crate) issuer: Option<String>,
    #[serde(default)]
    pub(crate) bound: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<String>,
    pub(crate) display_account: Option<String>,
    pub(crate) intent: Option<Intent>,
    /// A request was sent whose answer nobody knows: the server may have taken the refresh token for used.
    pub(crate) uncertain: bool,
    pub(crate) refreshed: Option<u64>,
    pub(crate) failure: Option<Failure>,
    /// What later versions wrote.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl Meta {
    pub(crate) fn new(who: &Who, token: &NewToken, clock: &dyn Clock) -> Self {
        let mut meta = Self::tombstone(who, clock);
        meta.state = State::Active;
        meta.scopes = token.scopes.clone();
        meta.refreshable = token.refresh.is_some() || token.client_secret.is_some();
        meta.lives(token, clock);
        meta
    }

    pub(crate) fn tombstone(who: &Who, clock: &dyn Clock) -> Self {
        Self {
            service: who.service.clone(),
            account: who.account.clone(),
            state: State::Cleared,
            scopes: BTreeSet::new(),
            issued: millis(clock.wall()),
            expires: None,
            received: None,
            refreshable: false,
            token_epoch: 0,
            issuer: None,
            bound: None,
            user: None,
            display_account: None,
            intent: None,
            uncertain: false,
            refreshed: None,
            failure: None,
            rest: Map::new(),
        }
    }

    /// After a refresh. The scopes only ever become fewer: whoever answers, a person consented to these (threat L11).
    pub(crate) fn renewed(&self, token: &NewToken, clock: &dyn Clock) -> Self {
        let mut meta = Self { intent: None, uncertain: false, failure: None, ..self.clone() };
        if !token.scopes.is_empty() {
            meta.scopes.retain(|scope| token.scopes.contains(scope));
        }
        meta.refreshable |= token.refresh.is_some() || token.client_secret.is_some();
        meta.refreshed = Some(millis(clock.wall()));
        meta.lives(token, clock);
        meta
    }

    fn lives(&mut self, token: &NewToken, clock: &dyn Clock) {
        self.issued = millis(clock.wall());
        self.expires = token.expires_in.map(|life| self.issued.saturating_add(millis(life.min(LONGEST))));
        self.received = clock.boot_name().map(|boot| Received { boot: boot.to_owned(), millis: millis(clock.boot()) });
        self.issuer = token.issuer.as_deref().map(shown).or(self.issuer.take());
        self.display_account = token.display_account.as_deref().map(shown).or(self.display_account.take());
    }
}

/// What a server says of itself, as it may be printed: it could steer the terminal (threat G5).
fn shown(text: &str) -> String {
    hotcell_protocol::text::cut(&hotcell_protocol::text::visible(text), 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::secret::Secret;

    fn new(scopes: &[&str]) -> NewToken {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        NewToken { scopes, ..NewToken::of(Secret::new("at-1".to_owned().into()).unwrap()) }
    }

    #[test]
    fn l11_a_refresh_takes_scopes_away_and_never_adds_one() {
        let who = Who { service: "github".into(), account: "default".into() };
        let meta = Meta::new(&who, &new(&["a", "b"]), &SystemClock::new());
        let after = |scopes: &[&str]| {
            let scopes = meta.renewed(&new(scopes), &SystemClock::new()).scopes;
            scopes.into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(after(&[]), "a b", "none in the reply: unchanged");
        assert_eq!(after(&["a", "admin"]), "a");
        assert_eq!(after(&["admin"]), "");
        assert_eq!(after(&["a", "b", "c"]), "a b");
    }

    #[test]
    fn g5_what_a_server_calls_an_account_cannot_steer_a_terminal() {
        let who = Who { service: "github".into(), account: "default".into() };
        let odd = format!("\u{1b}]0;x\u{7}{}", "a".repeat(10_000));
        let token = NewToken { display_account: Some(odd.clone()), issuer: Some(odd), ..new(&[]) };
        let meta = Meta::new(&who, &token, &SystemClock::new());
        for text in [meta.display_account.unwrap(), meta.issuer.unwrap()] {
            assert!(text.len() < 1_000 && !text.chars().any(char::is_control), "{text}");
        }
    }

    #[test]
    fn what_a_later_version_added_is_kept() {
        let who = Who { service: "github".into(), account: "default".into() };
        let mut value = serde_json::to_value(Meta::new(&who, &new(&[]), &SystemClock::new())).unwrap();
        value["colour"] = "blue".into();
        let meta: Meta = serde_json::from_value(value).unwrap();
        let kept = serde_json::to_value(meta.renewed(&new(&[]), &SystemClock::new())).unwrap();
        assert_eq!(kept["colour"], "blue");
    }
}
