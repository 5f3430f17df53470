//! What the store says no with. No variant and no text holds a byte of a secret, and no foreign error rides along:
//! keyring's errors can carry the secret itself (threat G2).

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use serde::Deserialize;
use serde::Serialize;

use crate::id::Id;
use crate::issuer::RefreshError;
use crate::key::Backend;
use crate::name::BadName;
use crate::secret::BadToken;
use crate::user::User;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A person must sign in.
    #[error("{service}: {reason}")]
    AuthenticationRequired {
        /// The service.
        service: String,
        /// The account, if one was named.
        account: Option<String>,
        /// The user whose account it is, if it is one's.
        user: Option<Box<User>>,
        /// The scope that was wanted, if any.
        scope: Option<String>,
        /// Why.
        reason: Reason,
    },
    /// The token does not have the scope.
    #[error("the token of {service} does not have the scope {missing}")]
    InsufficientScope {
        /// The service.
        service: String,
        /// The user whose account it is, if it is one's.
        user: Option<Box<User>>,
        /// The scope that was wanted.
        missing: String,
        /// The scopes that the token has.
        held: Vec<String>,
    },
    /// The token has expired, or was refused, and there is no new one now. Nobody needs to sign in again.
    #[error("{service}: {kind}")]
    Refresh {
        /// The service.
        service: String,
        /// Why. [`RefreshError::Transient`] says when it is tried again: until then every call gets this error at once.
        kind: RefreshError,
    },
    /// A name or scope is not well formed.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The text given is no token.
    #[error(transparent)]
    Token(#[from] BadToken),
}

/// Why a person must sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The service of this name is another one than the token was given for: other origins, another header or server.
    #[error("its description changed since the token was given: other origins, another header or authorisation server")]
    Changed,
    /// The token's time is over, and there is nothing to refresh it with.
    #[error("the token has expired")]
    Expired,
    /// As [`Reason::Rejected`], after a refresh whose answer never arrived or was lost: the process was killed, say.
    #[error("a refresh was interrupted, and the authorisation server takes its refresh token for used")]
    Interrupted,
    /// There is none; a service that nobody knows looks the same (threat F4).
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The service answers 401 to the token, and there is nothing to refresh it with.
    #[error("the service does not accept the token")]
    Refused,
    /// The authorisation server refused to refresh it for good.
    #[error("the authorisation server does not accept the refresh token any more")]
    Rejected,
    /// It was taken out.
    #[error("somebody signed out")]
    SignedOut,
}

/// Why the store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock for too long.
    #[error("another process holds the credential store's lock")]
    Busy,
    /// A record or the file cannot be read: broken, swapped, or not written by this key.
    #[error("the credential store is damaged: {0}")]
    Damaged(&'static str),
    /// The system's keychain does not answer or refuses.
    #[error("the keychain cannot be used: {0}")]
    Keychain(&'static str),
    /// The key file is missing, broken, or open to others.
    #[error("the key file cannot be used: {0}")]
    KeyFile(&'static str),
    /// The keychain answers, and has no key for the store.
    #[error("the keychain holds no key of hotcell any more")]
    KeyGone,
    /// The file was written by a newer version.
    #[error("the credential store has format {0}, which this version does not read")]
    Newer(u32),
    /// A file or folder cannot be read or written.
    #[error("the credential store's {0}: {1}")]
    Io(&'static str, std::io::ErrorKind),
    /// The store's folder or file belongs to another user (threat K4).
    #[error("the credential store's {0} belongs to another user")]
    OfAnother(&'static str),
    /// The store's folder or file can be read or written by other users (threat K4).
    #[error("the credential store's {0} is open to other users")]
    OpenToOthers(&'static str),
    /// The passphrase is too short to protect anything.
    #[error("the passphrase has fewer than 8 characters")]
    ShortPassphrase,
    /// The key is not the one that the store was made with.
    #[error("the {0} is not the one that the credential store was made with")]
    WrongKey(&'static str),
    /// The store was made with another kind of key.
    #[error("the credential store was made with the key in {0}")]
    OtherBackend(Backend),
}

impl StoreError {
    fn hint(&self) -> &'static str {
        match self {
            Self::Busy => "wait for the other hotcell to end, then try again",
            Self::Damaged(_) => {
                "restore auth/store.json.enc from auth/store.json.bak or a backup; or move both away and sign in again"
            }
            Self::Keychain(_) => {
                "unlock the keychain and try again; on a machine without one, choose another place for the key when the store \
                 is made: hotcell auth set SERVICE --store passphrase, or --store key-file --key-file FILE"
            }
            Self::KeyGone => {
                "restore the keychain's item `hotcell`, `store-key-v1` from a backup; if it is gone for good, move the \
                 state folder's `auth` away and sign in again"
            }
            Self::KeyFile(_) => {
                "name the right file with HOTCELL_KEY_FILE or --key-file; it must be readable for its owner alone (chmod 600)"
            }
            Self::Newer(_) => "use the version of hotcell that wrote it",
            Self::OfAnother(_) => "run hotcell as that user, or name a state folder of your own by HOTCELL_STATE",
            Self::Io(..) => "check the disk and the rights of Hotcell's state folder",
            Self::OpenToOthers(_) => "make it readable for its owner alone: chmod 700 for the folder, 600 for the file",
            Self::ShortPassphrase => "use a longer one; several words are easy to keep in mind",
            Self::WrongKey(_) => "try again with the right one; nothing was changed",
            Self::OtherBackend(_) => "use that one; a store's kind of key is chosen once",
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(Code::StoreUnavailable, error.to_string(), error.hint())
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let message = error.to_string();
        match error {
            AuthError::AuthenticationRequired { service, account, user, scope, .. } => {
                let account = option(account.as_deref(), user.as_deref());
                let scope = scope.map(|scope| format!(" --scope {scope}")).unwrap_or_default();
                let sign_in = if user.is_some() { "the operator of this host runs" } else { "sign in" };
                let hint = format!(
                    "{sign_in}: hotcell auth signin {service}{account}, or hotcell auth set {service}{account}{scope}"
                );
                Self::new(Code::NeedsLogin, message, hint)
            }
            AuthError::Refresh { service, kind } => Self::new(Code::RefreshFailed, message, retry_hint(&service, kind)),
            AuthError::InsufficientScope { service, user, missing, mut held } => {
                held.push(missing);
                held.sort();
                let scopes: String = held.iter().map(|scope| format!(" --scope {scope}")).collect();
                let user = option(None, user.as_deref());
                let hint = format!(
                    "sign in for more: hotcell auth signin {service}{user}{scopes}; or get a token that has it, then: hotcell \
                     auth set {service}{user}{scopes}"
                );
                Self::new(Code::InsufficientScope, message, hint)
            }
            AuthError::Name(name) => Self::new(Code::BadArguments, message, name.form),
            AuthError::Store(error) => error.into(),
            AuthError::Token(_) => {
                Self::new(Code::BadArguments, message, "paste the token alone, without quotes or `Bearer`")
            }
        }
    }
}

/// Whose token it is, as an option of the command line.
fn option(account: Option<&str>, user: Option<&User>) -> String {
    match (account, user) {
        (_, Some(user)) => format!(" {user}"),
        (Some(account), None) => format!(" --account {account}"),
        (None, None) => String::new(),
    }
}

fn retry_hint(service: &str, kind: RefreshError) -> String {
    match kind {
        RefreshError::Config => {
            format!("check the client and the token endpoint of [service.{service}] in config.toml")
        }
        RefreshError::Transient { retry_after: Some(time) } => {
            format!("nothing to do: it is tried again in {} s", time.as_secs().saturating_add(1))
        }
        RefreshError::Rejected | RefreshError::Transient { retry_after: None } => "try again".into(),
    }
}

pub(crate) fn required(id: Id<'_>, scope: Option<&str>, reason: Reason) -> AuthError {
    AuthError::AuthenticationRequired {
        service: id.service.to_owned(),
        account: id.account.map(str::to_owned),
        user: id.user.cloned().map(Box::new),
        scope: scope.map(str::to_owned),
        reason,
    }
}
