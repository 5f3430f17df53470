//! The device flow (RFC 8628): the person says yes in a browser that may be on another machine.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use tokio::time::sleep;
use url::Url;
use zeroize::Zeroizing;

use super::client::Client;
use super::discovery;
use super::endpoint::Endpoint;
use super::error::OAuthError;
use super::error::Place;
use super::failure::Failure;
use super::life::Life;
use super::provider::Flow;
use super::reply::Reply;
use super::sign_in::DeviceCode;
use super::sign_in::SignIn;
use super::sign_in::SignedIn;
use super::text;
use crate::secret::Secret;

/// Between two questions, where the server says nothing (RFC 8628 §3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// What `slow_down` adds, for good (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// Longest wait between two questions that a server or a failing network makes.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// Longest life of a code: a short one is of less use to a phisher (RFC 8628 §5.4).
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

/// The answer of the device authorisation endpoint (RFC 8628 §3.2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(deserialize_with = "text::hidden")]
    device_code: Option<Zeroizing<String>>,
    #[serde(deserialize_with = "text::plain")]
    user_code: Option<String>,
    #[serde(deserialize_with = "text::plain")]
    verification_uri: Option<String>,
    /// Google's name of it, from before the RFC.
    #[serde(deserialize_with = "text::plain")]
    verification_url: Option<String>,
    #[serde(deserialize_with = "text::plain")]
    verification_uri_complete: Option<String>,
    expires_in: Life,
    interval: Life,
}

impl SignIn<'_> {
    /// Signs in with a browser anywhere, by a code that the person enters there.
    ///
    /// # Errors
    /// As [`SignIn::by_browser`].
    pub async fn by_device(&self, client_secret: Option<Secret>) -> Result<SignedIn, OAuthError> {
        self.check(Flow::Device)?;
        self.provider.client_id()?;
        let client = self.client(client_secret.as_ref())?;
        let endpoints = discovery::endpoints(self.provider, self.http).await?;
        let (device, token) = (endpoints.device()?, endpoints.token()?);
        let scope = self.provider.scope_parameter(&self.scopes);
        let fields: Vec<_> = SignIn::extent(scope.as_deref(), self.provider.resource()).collect();
        let body = client.post(device, &fields).await.map_err(|failure| OAuthError::of(Place::Device, failure))?;
        let broken = |why| OAuthError::Broken { place: Place::Device, why };
        let written: Written = text::object(&body).ok_or(broken("it is not the JSON of RFC 8628"))?;
        let device_code = written.device_code.ok_or(broken("it holds no device code"))?;
        let (address, complete) =
            addresses(written.verification_uri.or(written.verification_url), written.verification_uri_complete)
                .ok_or(broken("it names no address to enter the code at, or one that is not encrypted"))?;
        let user_code = written.user_code.filter(|code| fits(code)).ok_or(broken("its code is none to be entered"))?;
        let expires_in = written.expires_in.0.unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE);
        let server = self.server(&endpoints)?;
        let deadline = Instant::now() + expires_in;
        let interval = written.interval.0.unwrap_or(INTERVAL).clamp(Duration::from_secs(1), LONGEST_INTERVAL);
        self.person.enter(&DeviceCode {
            service: self.service,
            server,
            scopes: &self.scopes,
            user_code,
            address,
            complete,
            expires_in,
        });
        let reply = wait(&client, token, &device_code, interval, deadline).await?;
        Ok(self.signed_in(reply, client_secret))
    }
}

/// Asks until there is a yes or a no (RFC 8628 §3.4, §3.5, threat L9).
async fn wait(
    client: &Client<'_>,
    token: &Endpoint,
    device_code: &str,
    mut interval: Duration,
    deadline: Instant,
) -> Result<Reply, OAuthError> {
    let fields = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", device_code)];
    loop {
        sleep(interval).await;
        if Instant::now() >= deadline {
            return Err(OAuthError::TooLate);
        }
        let failure = match client.token(token, &fields).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        match (failure.code(), &failure) {
            (Some("authorization_pending"), _) => {}
            (Some("slow_down"), _) => interval += SLOWER,
            // A failing network or server gets twice the time, each time.
            (_, Failure::Network(_)) => interval = (2 * interval).min(LONGEST_INTERVAL),
            (_, Failure::Busy { retry_after }) => {
                interval = (2 * interval).max(retry_after.unwrap_or_default()).min(LONGEST_INTERVAL);
            }
            _ => return Err(OAuthError::of(Place::Token, failure)),
        }
    }
}

/// The address to enter the code at, and the one that has it already, if that is of the same origin.
fn addresses(address: Option<String>, complete: Option<String>) -> Option<(Url, Option<Url>)> {
    let read = |text: String| Endpoint::parse(&text).ok().map(|endpoint| endpoint.url().clone());
    let address = read(address?)?;
    let complete = complete.and_then(read).filter(|complete| complete.origin() == address.origin());
    Some((address, complete))
}

/// A code is typed by a person: short, and nothing that redraws a terminal.
fn fits(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}
