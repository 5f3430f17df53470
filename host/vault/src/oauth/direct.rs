//! The ways without a browser: a password told to Hotcell, or the client's own secret.

use zeroize::Zeroizing;

use super::discovery;
use super::error::OAuthError;
use super::error::Place;
use super::provider::Dialect;
use super::provider::Flow;
use super::sign_in::SignIn;
use super::sign_in::SignedIn;
use crate::secret::Secret;

impl SignIn<'_> {
    /// Signs in with a name and a password (RFC 6749 §4.3): at services of one's own alone, since RFC 9700 §2.4 forbids it
    /// elsewhere. At Supabase the name is an e-mail address or a telephone number. The password is sent once and not kept.
    ///
    /// # Errors
    /// As [`SignIn::by_browser`].
    pub async fn by_password(
        &self,
        name: &str,
        password: Zeroizing<String>,
        client_secret: Option<Secret>,
    ) -> Result<SignedIn, OAuthError> {
        self.check(Flow::Password)?;
        let is_supabase = self.provider.dialect() == Dialect::Supabase;
        if !is_supabase {
            self.provider.client_id()?;
        }
        let client = self.client(client_secret.as_ref())?;
        let endpoints = discovery::endpoints(self.provider, self.http).await?;
        let field = match is_supabase {
            true if name.contains('@') => "email",
            true => "phone",
            false => "username",
        };
        let scope = self.provider.scope_parameter(&self.scopes).filter(|_| !is_supabase);
        let mut fields = vec![("grant_type", "password"), (field, name), ("password", password.as_str())];
        fields.extend(SignIn::extent(scope.as_deref(), self.provider.resource().filter(|_| !is_supabase)));
        let reply = client.token(endpoints.token()?, &fields).await;
        let reply = reply.map_err(|failure| OAuthError::of(Place::Token, failure))?;
        Ok(self.signed_in(reply, client_secret))
    }

    /// Signs in as the client itself, by its secret (RFC 6749 §4.4).
    ///
    /// # Errors
    /// As [`SignIn::by_browser`].
    pub async fn by_client_credentials(&self, client_secret: Secret) -> Result<SignedIn, OAuthError> {
        self.check(Flow::ClientCredentials)?;
        self.provider.client_id()?;
        if !self.provider.has_client_secret() {
            return Err(OAuthError::Missing {
                field: "client_authentication",
                repair: "write client_authentication = \"basic\" or \"post\": client credentials are a secret",
            });
        }
        let endpoints = discovery::endpoints(self.provider, self.http).await?;
        let scope = self.provider.scope_parameter(&self.scopes);
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(SignIn::extent(scope.as_deref(), self.provider.resource()));
        let reply = self.client(Some(&client_secret))?.token(endpoints.token()?, &fields).await;
        let reply = reply.map_err(|failure| OAuthError::of(Place::Token, failure))?;
        Ok(self.signed_in(reply.without_refresh(), Some(client_secret)))
    }
}
