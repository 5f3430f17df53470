//! A sign-in: who is asked, for what, and by whom. The ways to a token are in `code`, `device` and `direct`.

use std::collections::BTreeSet;
use std::time::Duration;

use url::Url;

use super::client::Client;
use super::discovery::Endpoints;
use super::error::OAuthError;
use super::http::Http;
use super::provider::Flow;
use super::provider::Provider;
use super::reply::Reply;
use crate::NewToken;
use crate::secret::Secret;

/// One sign-in. Started by a person, at the terminal or by a click, never by a tool or an agent (RFC 8628 §5.4, threat L8).
/// Dropped before its end, it leaves nothing behind.
pub struct SignIn<'a> {
    /// The service's name, for the person.
    pub service: &'a str,
    /// How its tokens are had.
    pub provider: &'a Provider,
    /// The scopes of Hotcell's that are asked for.
    pub scopes: BTreeSet<String>,
    /// The network.
    pub http: &'a dyn Http,
    /// Who signs in.
    pub person: &'a dyn Person,
}

/// The person who signs in, as the flows see them: shown things, never asked.
pub trait Person: Send + Sync {
    /// Shows an address, and may open it (see [`super::open_browser`]).
    fn visit(&self, url: &Url);

    /// Shows a code to be entered elsewhere, with what it is for. Must not open an address by itself: the person compares
    /// the code, the service and the server first (RFC 8628 §5.4, threat L8).
    fn enter(&self, code: &DeviceCode<'_>);
}

/// A device flow's code, and what a person must know before entering it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode<'a> {
    /// The service.
    pub service: &'a str,
    /// The server, as it is written; or the origin of its token endpoint.
    pub server: String,
    /// The scopes of Hotcell's that are asked for.
    pub scopes: &'a BTreeSet<String>,
    /// The code.
    pub user_code: String,
    /// Where it is entered.
    pub address: Url,
    /// The same with the code in it, for a picture (QR) on a trusted display.
    pub complete: Option<Url>,
    /// How long the code is good.
    pub expires_in: Duration,
}

/// What a sign-in gives. It holds secrets, and has no `Debug`.
pub struct SignedIn {
    /// The token, for the store.
    pub token: NewToken,
    /// The client's secret, if it has one: the store keeps it with the token, to refresh it.
    pub client_secret: Option<Secret>,
    /// Who gave the token, if known.
    pub issuer: Option<String>,
    /// Who signed in: a name to show, never one to decide by (threat L15).
    pub account: Option<String>,
    /// Scopes that were asked for and not granted.
    pub declined: BTreeSet<String>,
}

impl<'a> SignIn<'a> {
    pub(super) fn check(&self, flow: Flow) -> Result<(), OAuthError> {
        if self.provider.offers(flow) { Ok(()) } else { Err(OAuthError::NotOffered(flow)) }
    }

    pub(super) fn client<'b>(&'b self, secret: Option<&'b Secret>) -> Result<Client<'b>, OAuthError> {
        Client::new(self.provider, self.http, secret)
    }

    /// The scope and resource of a request (RFC 6749 §3.3, RFC 8707 §2).
    pub(super) fn extent(
        scope: Option<&'a str>,
        resource: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        scope.map(|scope| ("scope", scope)).into_iter().chain(resource.map(|resource| ("resource", resource)))
    }

    /// What a sign-in gives, of a token endpoint's answer.
    pub(super) fn signed_in(&self, mut reply: Reply, client_secret: Option<Secret>) -> SignedIn {
        let account = reply.account.take();
        let token = reply.into_token(|word| self.provider.granted(&self.scopes, word));
        SignedIn {
            declined: self.scopes.difference(&token.scopes).cloned().collect(),
            issuer: self.provider.issuer().map(str::to_owned),
            token,
            client_secret,
            account,
        }
    }

    /// The server's name for a person: its issuer, or the origin of its token endpoint.
    pub(super) fn server(&self, endpoints: &Endpoints) -> Result<String, OAuthError> {
        let origin = || endpoints.token().map(|token| token.url().origin().ascii_serialization());
        self.provider.issuer().map_or_else(origin, |issuer| Ok(issuer.to_owned()))
    }
}
