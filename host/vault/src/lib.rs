//! `AuthStore`: the tokens of a user, encrypted at rest, in memory for as long as the host runs.
//!
//! ```text
//!  AuthStore ── set_token, get_token, clear_token, is_authenticated, cached_metadata
//!      │  snapshot in memory, read anew when another process wrote
//!      ▼
//!  store.json.enc ── one AEAD box for each record's metadata, one for its secrets
//!      ▲                 associated data: format, kind, service, account, epoch; a seal over the whole
//!      │
//!  Key ── keychain | passphrase (argon2id) | key file | memory: chosen once, recorded, never silently weaker
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
mod envelope;
mod error;
mod file;
mod issuer;
mod key;
mod lock;
mod name;
pub mod oauth;
mod record;
mod secret;
mod snapshot;
mod store;

pub use clock::Clock;
pub use clock::SystemClock;
pub use error::AuthError;
pub use error::Reason;
pub use error::StoreError;
pub use issuer::Issuer;
pub use issuer::RefreshError;
pub use issuer::Waiting;
pub use key::Backend;
pub use key::Key;
pub use name::BadName;
pub use record::Metadata;
pub use record::NewToken;
pub use record::Token;
pub use secret::BadToken;
pub use secret::Secret;
pub use store::AuthStore;
