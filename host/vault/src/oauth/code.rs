//! The authorisation code flow of a native application (RFC 6749 §4.1, RFC 7636, RFC 8252, RFC 9207).

use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use super::callback::Listener;
use super::discovery;
use super::endpoint::Endpoint;
use super::error::OAuthError;
use super::error::Place;
use super::failure::Failure;
use super::pkce::Once;
use super::provider::Flow;
use super::sign_in::SignIn;
use super::sign_in::SignedIn;
use crate::secret::Secret;

/// How long a person may take.
const PERSON_TIME: Duration = Duration::from_secs(5 * 60);

impl SignIn<'_> {
    /// Signs in with a browser on this machine.
    ///
    /// # Errors
    /// [`OAuthError`]: what is missing in the description, what the person or the server said no with, or what was odd.
    pub async fn by_browser(&self, client_secret: Option<Secret>) -> Result<SignedIn, OAuthError> {
        self.check(Flow::AuthorizationCode)?;
        let client_id = self.provider.client_id()?;
        let client = self.client(client_secret.as_ref())?;
        let endpoints = discovery::endpoints(self.provider, self.http).await?;
        if !endpoints.knows_s256 {
            return Err(OAuthError::NoPkce);
        }
        let (authorization, token) = (endpoints.authorization()?, endpoints.token()?);
        let listener = Listener::open().await?;
        let redirect = listener.redirect_uri();
        let verifier = Once::new()?;
        self.person.visit(&self.address(authorization, client_id, &listener, &verifier));

        let answer = timeout(PERSON_TIME, listener.answer()).await.map_err(|_| OAuthError::TooLate)?;
        // The port is closed before anything else: whoever comes now finds nobody.
        drop(listener);
        endpoints.check_issuer(answer.issuer.as_deref())?;
        let code = answer.code.map_err(|code| OAuthError::of(Place::Authorization, Failure::Refused(code)))?;

        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("code_verifier", verifier.as_str()),
        ];
        fields.extend(SignIn::extent(None, self.provider.resource()));
        let reply = client.token(token, &fields).await.map_err(|failure| OAuthError::of(Place::Token, failure))?;
        Ok(self.signed_in(reply, client_secret))
    }

    /// The authorisation request (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).
    fn address(&self, endpoint: &Endpoint, client_id: &str, listener: &Listener, verifier: &Once) -> Url {
        let scope = self.provider.scope_parameter(&self.scopes);
        let mut url = endpoint.url().clone();
        // A query of the endpoint's own is kept (RFC 6749 §3.1).
        url.query_pairs_mut()
            .extend_pairs(self.provider.authorization_parameters())
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &listener.redirect_uri())
            .append_pair("state", listener.state())
            .append_pair("code_challenge", &verifier.challenge())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(SignIn::extent(scope.as_deref(), self.provider.resource()));
        url
    }
}
