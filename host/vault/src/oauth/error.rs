//! What a sign-in says no with. Nothing of an answer but a checked code is in it (threat G2).

use std::fmt;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

use super::failure::ErrorCode;
use super::failure::Failure;
use super::http::HttpError;
use super::provider::Flow;

/// Why nobody is signed in.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// An answer that cannot be used.
    #[error("the {place} gave an answer that cannot be used: {why}")]
    Broken {
        /// Whose answer.
        place: Place,
        /// What is wrong with it.
        why: &'static str,
    },
    /// 429 or 5xx.
    #[error("the {0} is busy or out of order")]
    Busy(Place),
    /// The person said no (`access_denied`).
    #[error("the sign-in was declined")]
    Declined,
    /// Metadata is of another issuer (RFC 8414 §3.3, threat L7).
    #[error("the metadata found is not that of the issuer asked for")]
    ForeignMetadata,
    /// The callback is of another issuer, or does not say whose it is though it should (RFC 9207 §2.4, threat L3).
    #[error("the answer in the browser is not from the authorisation server that was asked")]
    ForeignAnswer,
    /// The listener cannot listen.
    #[error("the sign-in cannot listen on 127.0.0.1: {0}")]
    Listen(std::io::ErrorKind),
    /// The operator's description lacks something.
    #[error("the description of the service lacks `{field}`")]
    Missing {
        /// The field in `[service.NAME.oauth]`.
        field: &'static str,
        /// What to write.
        repair: &'static str,
    },
    /// No answer.
    #[error("the {place} {error}")]
    Network {
        /// Of whom.
        place: Place,
        /// Why.
        error: HttpError,
    },
    /// The server does not say that it knows S256 (threat L2).
    #[error("the authorisation server does not offer PKCE with S256")]
    NoPkce,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The service does not offer this way.
    #[error("the service does not offer this way to sign in ({})", name(*.0))]
    NotOffered(Flow),
    /// The person took too long.
    #[error("the sign-in took too long")]
    TooLate,
    /// An endpoint that was found is on an origin that tools reach (threats E9, L16).
    #[error("the `{field}` that was found is on an origin that tools reach")]
    WithinReach {
        /// The field in `[service.NAME.oauth]`.
        field: &'static str,
    },
    /// The server's no.
    #[error("the {place} refuses{}", code.as_ref().map(|code| format!(": {code}")).unwrap_or_default())]
    Refused {
        /// Whose no.
        place: Place,
        /// Its code, if it has one.
        code: Option<ErrorCode>,
    },
}

/// A part of an authorisation server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the person says yes.
    Authorization,
    /// Where device codes come from.
    Device,
    /// Where the server describes itself.
    Metadata,
    /// Where tokens come from.
    Token,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization => "authorisation endpoint",
            Self::Device => "device authorisation endpoint",
            Self::Metadata => "metadata of the authorisation server",
            Self::Token => "token endpoint",
        })
    }
}

pub(crate) fn name(flow: Flow) -> &'static str {
    match flow {
        Flow::AuthorizationCode => "authorization-code",
        Flow::ClientCredentials => "client-credentials",
        Flow::Device => "device",
        Flow::Password => "password",
    }
}

impl OAuthError {
    pub(crate) fn of(place: Place, failure: Failure) -> Self {
        match failure {
            Failure::Broken(why) => Self::Broken { place, why },
            Failure::Busy { .. } => Self::Busy(place),
            Failure::Network(error) => Self::Network { place, error },
            Failure::Refused(code) => match code.as_ref().map(ErrorCode::as_str) {
                Some("access_denied") => Self::Declined,
                Some("expired_token") => Self::TooLate,
                _ => Self::Refused { place, code },
            },
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Missing { .. } | Self::NoPkce | Self::NotOffered(_) => Code::BadConfig,
            Self::ForeignMetadata | Self::WithinReach { .. } => Code::BadConfig,
            Self::Declined | Self::TooLate | Self::Refused { .. } => Code::NeedsLogin,
            Self::Network { error, .. } => match error {
                HttpError::Forbidden => Code::AddressForbidden,
                HttpError::TimedOut => Code::UpstreamTimedOut,
                HttpError::TooLarge => Code::ResponseTooLarge,
                _ => Code::UpstreamUnreachable,
            },
            Self::Broken { .. } | Self::Busy(_) | Self::ForeignAnswer => Code::UpstreamUnreachable,
            Self::Listen(_) | Self::NoRandomness => Code::Internal,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Broken { .. } => "check the endpoints in [service.NAME.oauth]; the server may be out of order",
            Self::Busy(_) => "wait a little, then try again",
            Self::Declined => "sign in again and say yes, or ask for fewer scopes",
            Self::ForeignMetadata => "write `issuer` exactly as the server does, the slash at its end too",
            Self::ForeignAnswer => "do not trust the page that was open; check `issuer`, then sign in again",
            Self::Listen(_) => "sign in with --device, which needs no listener",
            Self::Missing { repair, .. } => repair,
            Self::Network { error, .. } => match error {
                HttpError::Forbidden => {
                    "a server on this machine is named by its literal address: http://127.0.0.1:PORT"
                }
                HttpError::Redirected => "write the address that it leads to, if you trust that",
                HttpError::Encoded | HttpError::TooLarge | HttpError::Broken => "check that this is the right address",
                HttpError::TimedOut | HttpError::Unreachable => "check the address and the network, then try again",
            },
            Self::NoPkce => {
                "if it knows S256 and only does not say so, write its endpoints yourself and set discovery = false"
            }
            Self::NoRandomness => "this is a failure of the system, not of Hotcell's configuration",
            Self::NotOffered(_) => "use another way, or add it to `grants` of [service.NAME.oauth]",
            Self::TooLate => "sign in again",
            Self::WithinReach { .. } => "write it into [service.NAME.oauth]: what stands there is denied to tools",
            Self::Refused { code, .. } => match code.as_ref().map(ErrorCode::as_str) {
                Some("invalid_client" | "unauthorized_client") => {
                    "check `client_id`, `client_authentication` and the client secret"
                }
                Some("invalid_scope") => "check `scopes` of [service.NAME.oauth]: the server does not know one",
                Some("invalid_grant" | "invalid_credentials") => "sign in again; check the name and the password",
                Some("email_not_confirmed") => "confirm the e-mail address first",
                Some("unsupported_grant_type") => "the server does not offer this way to sign in: use another",
                _ => "check the application's settings at the service",
            },
        }
    }
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::new(error.code(), error.to_string(), error.hint())
    }
}
