//! How tokens are had: OAuth 2.0 (RFC 6749) as a native application does it (RFC 8252), and Supabase's way.
//!
//! ```text
//!  Provider ── the operator's description: endpoints, client, scopes ──► discovery (RFC 8414), issuer compared
//!      │
//!  SignIn ──┬─ by_browser      code + PKCE S256 (RFC 7636), loopback listener, state, iss (RFC 9207)
//!           ├─ by_device       RFC 8628
//!           ├─ by_password     RFC 6749 §4.3, of first parties alone
//!           └─ by_client_credentials   RFC 6749 §4.4
//!      │                                          OAuthIssuer ── refresh (RFC 6749 §6), revocation (RFC 7009)
//!      ▼                                               │
//!  client ── one request to the token endpoint ◄───────┘
//!      │
//!  Http ── the network: TLS, no redirects, one bounded answer (implemented by the gate)
//! ```
//!
//! A flow starts where a person starts it. Nothing that a tool or an agent can call leads here: whoever can start a device
//! flow can send its code to a person and wait for that person's token (RFC 8628 §5.4, threat L8).

mod account;
mod body;
mod browser;
mod callback;
mod client;
mod code;
mod device;
mod direct;
mod discovery;
mod endpoint;
mod error;
mod failure;
mod http;
mod issuer;
mod life;
mod page;
mod pkce;
mod provider;
mod reply;
mod revoke;
mod scope;
mod sign_in;
mod supabase;
mod text;
mod words;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod issuer_tests;
#[cfg(test)]
mod provider_tests;

pub use browser::BrowserError;
pub use browser::open_browser;
pub use discovery::jwks_uri;
pub use endpoint::Endpoint;
pub use error::OAuthError;
pub use error::Place;
pub use failure::ErrorCode;
pub use http::Http;
pub use http::HttpError;
pub use http::HttpReply;
pub use http::HttpRequest;
pub use issuer::OAuthIssuer;
pub use provider::ClientAuthentication;
pub use provider::Dialect;
pub use provider::Flow;
pub use provider::Missing;
pub use provider::OfService;
pub use provider::Provider;
pub use sign_in::DeviceCode;
pub use sign_in::Person;
pub use sign_in::SignIn;
pub use sign_in::SignedIn;
