//! `AuthStore`: the tokens of a user, encrypted at rest, in memory for as long as the host runs.
//!
//! ```text
//!  AuthStore ── set_token, get_token, clear_token, is_authenticated, cached_metadata
//!      │  snapshot in memory, read anew when another process wrote
//!      │  refresh: one task for a record, its lock, its intent, the reply durable before its first use ──► Issuer
//!      ▼
//!  store.json.enc ── one AEAD box for each record's metadata, one for its secrets
//!      ▲                 associated data: format, kind, service, account, epoch; a seal over the whole
//!      │
//!  Key ── keychain | passphrase (argon2id) | key file | kernel keyring | memory: chosen once, recorded, never silently weaker
//! ```
//!
//! What is not promised: whoever runs as the same user, with the keychain open, can read what this process can read.
//! Buffers inside the HTTP and TLS libraries are not wiped.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::disallowed_methods,
        reason = "tests may panic and prepare files"
    )
)]

mod access;
mod clock;
mod content;
mod crash;
mod envelope;
mod error;
mod file;
mod harden;
#[cfg(test)]
mod has_none_of;
mod id;
mod issuer;
mod key;
mod lifetime;
mod lock;
mod meta;
mod name;
pub mod oauth;
mod record;
mod refresh;
mod retired;
mod secret;
mod shared;
mod sign_out;
mod snapshot;
mod store;
mod token;
mod user;

pub use clock::Clock;
pub use clock::SystemClock;
pub use error::AuthError;
pub use error::Reason;
pub use error::StoreError;
pub use harden::harden_process;
pub use id::Id;
pub use issuer::Issuer;
pub use issuer::RefreshError;
pub use issuer::Waiting;
pub use key::Backend;
pub use key::Key;
pub use meta::Condition;
pub use meta::Failed;
pub use meta::Metadata;
pub use name::BadName;
pub use secret::BadToken;
pub use secret::Secret;
pub use store::AuthStore;
pub use token::NewToken;
pub use token::Token;
pub use user::User;
pub use user::is_users_account;
