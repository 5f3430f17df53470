//! One request to a token endpoint, or to another endpoint that wants the client to show who it is.

use zeroize::Zeroizing;

use super::body;
use super::body::Fields;
use super::endpoint::Endpoint;
use super::error::OAuthError;
use super::failure;
use super::failure::Failure;
use super::http::Http;
use super::http::HttpError;
use super::http::HttpReply;
use super::http::HttpRequest;
use super::provider::ClientAuthentication;
use super::provider::Dialect;
use super::provider::Provider;
use super::reply::Reply;
use super::supabase;
use crate::secret::Secret;

/// The client, as the server knows it.
pub(crate) struct Client<'a> {
    provider: &'a Provider,
    http: &'a dyn Http,
    secret: Option<&'a Secret>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        http: &'a dyn Http,
        secret: Option<&'a Secret>,
    ) -> Result<Self, OAuthError> {
        if provider.has_client_secret() && secret.is_none() {
            return Err(OAuthError::Missing {
                field: "client secret",
                repair: "the client has a secret at this service: sign in again, and give it when asked",
            });
        }
        Ok(Self { provider, http, secret: secret.filter(|_| provider.has_client_secret()) })
    }

    /// Asks for a token. The first of the fields is `grant_type`.
    pub(crate) async fn token(&self, endpoint: &Endpoint, fields: &Fields<'_>) -> Result<Reply, Failure> {
        let request = match self.provider.dialect() {
            Dialect::Oauth => self.request(endpoint, fields)?,
            Dialect::Supabase => supabase::token_request(self.provider, endpoint, fields),
        };
        let body = self.send(request).await?;
        Reply::read(&body, self.provider)
    }

    /// Sends a form to an endpoint of RFC 6749's kind; its body if it was a success.
    pub(crate) async fn post(&self, endpoint: &Endpoint, fields: &Fields<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.send(self.request(endpoint, fields)?).await
    }

    fn request(&self, endpoint: &Endpoint, fields: &Fields<'_>) -> Result<HttpRequest, Failure> {
        // Who has no client id was told so before.
        let client_id = self.provider.client().ok_or(Failure::Refused(None))?;
        let mut fields = fields.to_vec();
        let mut headers =
            vec![header("accept", "application/json"), header("content-type", "application/x-www-form-urlencoded")];
        match (self.provider.client_authentication(), self.secret) {
            (ClientAuthentication::Basic, Some(secret)) => {
                headers.push(("authorization".to_owned(), body::basic(client_id, secret.expose())));
            }
            (ClientAuthentication::Post, Some(secret)) => {
                fields.extend([("client_id", client_id), ("client_secret", secret.expose())]);
            }
            _ => fields.push(("client_id", client_id)),
        }
        Ok(HttpRequest { endpoint: endpoint.clone(), headers, body: Some(body::form(&fields)) })
    }

    async fn send(&self, request: HttpRequest) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let reply = self.http.send(request).await.map_err(Failure::Network)?;
        judge(reply, self.provider.dialect())
    }
}

/// The body of a success. Of an error, its code alone is kept.
pub(crate) fn judge(reply: HttpReply, dialect: Dialect) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match reply.status {
        // GitHub says no with the status 200.
        200..=299 => match failure::of_oauth(&reply.body) {
            Some(code) => Err(Failure::Refused(Some(code))),
            None => Ok(reply.body),
        },
        300..=399 => Err(Failure::Network(HttpError::Redirected)),
        429 | 500..=599 => Err(Failure::Busy { retry_after: reply.retry_after }),
        _ => Err(Failure::Refused(match dialect {
            Dialect::Oauth => failure::of_oauth(&reply.body),
            Dialect::Supabase => failure::of_supabase(&reply.body),
        })),
    }
}

pub(crate) fn header(name: &str, value: &str) -> (String, Zeroizing<String>) {
    (name.to_owned(), Zeroizing::new(value.to_owned()))
}
