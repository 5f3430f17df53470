//! The authorisation servers, as the store sees them. The store decides when a token is refreshed and what becomes of the
//! result; how a server is asked is not its business.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::token::NewToken;
use crate::token::Token;

/// A future that a trait object returns.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Asks the authorisation server of a service.
pub trait Issuer: Send + Sync {
    /// Exchanges what a token carries for a new token (RFC 6749 §6, or §4.4 for client credentials).
    ///
    /// A reply without a refresh token gives a [`NewToken`] without one: the store keeps the old.
    fn refresh(&self, service: String, token: Arc<Token>) -> Waiting<'_, Result<NewToken, RefreshError>>;

    /// Revokes a token where the server offers it (RFC 7009). Best effort: `true` if the server took it.
    fn revoke(&self, service: String, token: Arc<Token>) -> Waiting<'_, bool>;
}

/// Why there is no new token. Holds no text of the server's: an error body can echo a token (threats G2, L10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The operator's description of the service is wrong: `invalid_client`, `unauthorized_client`, no token endpoint. Signing in
    /// again does not help.
    #[error("the authorisation server does not accept this client")]
    Config,
    /// The server says that the grant is over (`invalid_grant`, RFC 6749 §5.2, and a service's own equivalents). The only
    /// final answer: a person must sign in again.
    #[error("the authorisation server does not accept the refresh token any more")]
    Rejected,
    /// Anything else: no answer, a broken one, 429, 5xx. Trying later may help.
    #[error("the authorisation server did not give a new token")]
    Transient {
        /// What the server asked to wait (`Retry-After`), if it did.
        retry_after: Option<Duration>,
    },
}
