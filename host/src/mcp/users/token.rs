//! One token of a user: a JWT access token (RFC 9068), checked as RFC 8725 says. No word of it is in an error.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use hotcell_protocol::limits;
use hotcell_vault::User;
use jsonwebtoken::Algorithm;
use jsonwebtoken::Validation;
use jsonwebtoken::decode;
use jsonwebtoken::decode_header;
use jsonwebtoken::errors::ErrorKind;
use serde_json::Map;
use serde_json::Value;

use super::keys::Keys;
use super::keys::NoKey;
use crate::config::Authorization;

/// Longest name of a key.
const KEY_NAME_BYTES: usize = 256;

/// Why a token is refused. The words are for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is not good here; a new one may be.
    Token(&'static str),
    /// It is good, and lacks a scope.
    Scope,
    /// Nobody can say: the authorisation server's keys are not to be had.
    Unreachable,
}

/// Whose a token is, and until when.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) user: User,
    pub(super) until: SystemTime,
}

/// Checks a token.
pub(super) async fn check(token: &str, config: &Authorization, keys: &Arc<Keys>) -> Result<Good, Bad> {
    if token.len() > limits::MCP_TOKEN_BYTES {
        return Err(Bad::Token("the token is too long"));
    }
    let (name, algorithm) = header(token)?;
    let key = keys.find(&name, algorithm).await.map_err(|no| match no {
        NoKey::Unknown => Bad::Token("the token is signed with a key that its issuer does not have"),
        NoKey::Unreachable => Bad::Unreachable,
    })?;
    let claims =
        decode::<Map<String, Value>>(token, &key, &validation(config, algorithm)).map_err(|error| why(&error))?;
    read(&claims.claims, config)
}

/// The key's name and the algorithm. Addresses and keys in the header (`jku`, `x5u`, `jwk`, `x5c`) are the sender's word, and
/// are not looked at (RFC 8725 §3.10).
fn header(token: &str) -> Result<(String, Algorithm), Bad> {
    let header = decode_header(token).map_err(|_| Bad::Token("this is no JWT with a known algorithm"))?;
    if !matches!(header.alg, Algorithm::ES256 | Algorithm::EdDSA | Algorithm::PS256 | Algorithm::RS256) {
        return Err(Bad::Token("the token's algorithm is none of ES256, EdDSA, PS256, RS256"));
    }
    // Another kind of JWT by the same issuer is no access token (RFC 9068 §4, RFC 8725 §3.11). Many servers write `JWT`.
    let kind = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    if !matches!(kind.strip_prefix("application/").unwrap_or(&kind), "at+jwt" | "jwt") {
        return Err(Bad::Token("the token's type is neither at+jwt nor JWT"));
    }
    // None is understood, and what is critical and not understood must be refused (RFC 7515 §4.1.11).
    if header.crit.is_some()
        || header.extras.inner().contains_key("b64")
        || header.enc.is_some()
        || header.zip.is_some()
    {
        return Err(Bad::Token("the token's header demands what is not offered"));
    }
    let name = header.kid.filter(|name| (1..=KEY_NAME_BYTES).contains(&name.len()));
    Ok((name.ok_or(Bad::Token("the token does not name its key"))?, header.alg))
}

fn validation(config: &Authorization, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[config.issuer.as_str()]);
    validation.set_audience(&[&config.audience]);
    validation.set_required_spec_claims(&["aud", "exp", "iss"]);
    validation.validate_nbf = true;
    validation.leeway = limits::MCP_CLOCK_SKEW.as_secs();
    // The end has no leeway: at the second of `exp` it is over (RFC 7519 §4.1.4).
    validation.reject_tokens_expiring_in_less_than = validation.leeway + 1;
    validation
}

fn read(claims: &Map<String, Value>, config: &Authorization) -> Result<Good, Bad> {
    // One issuer: the library takes a list, too.
    if claims.get("iss").and_then(Value::as_str) != Some(config.issuer.as_str()) {
        return Err(Bad::Token("the token is another issuer's"));
    }
    let now = seconds(SystemTime::now());
    match claims.get("iat").map(Value::as_f64) {
        None => {}
        Some(Some(issued)) if issued <= now + limits::MCP_CLOCK_SKEW.as_secs_f64() => {}
        Some(_) => return Err(Bad::Token("the token was issued in the future")),
    }
    // One that is bound to a key or a certificate proves nothing without that proof (RFC 7800, RFC 9449 §7.2).
    if claims.contains_key("cnf") {
        return Err(Bad::Token("the token is bound to a key, and proofs of that are not offered"));
    }
    let subject = claims.get(&config.user_claim).and_then(Value::as_str);
    let user = subject.and_then(|subject| config.user(subject).ok());
    let user = user.ok_or(Bad::Token("the token does not name its user"))?;
    // A client's own token names the client (RFC 9068 §2.2), and who registers clients could name one as a user (§5).
    let names = |claim| claims.get(claim).and_then(Value::as_str) == Some(user.subject());
    if names("client_id") || names("azp") {
        return Err(Bad::Token("the token is a client's own, and names no user"));
    }
    let scopes = scopes(claims);
    if !config.scopes.iter().all(|wanted| scopes.contains(&wanted.as_str())) {
        return Err(Bad::Scope);
    }
    let end = claims.get("exp").and_then(Value::as_f64).unwrap_or_default().min(now + 366.0 * 24.0 * 60.0 * 60.0);
    Ok(Good { user, until: SystemTime::UNIX_EPOCH + Duration::from_secs_f64(end.max(0.0)) })
}

/// The scopes: words in one text (RFC 9068 §2.2.3), or a list, as some servers write it, under either name.
fn scopes(claims: &Map<String, Value>) -> Vec<&str> {
    let written = claims.get("scope").or_else(|| claims.get("scp"));
    match written {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split(' ').collect(),
        _ => Vec::new(),
    }
}

fn why(error: &jsonwebtoken::errors::Error) -> Bad {
    Bad::Token(match error.kind() {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not good yet",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidIssuer => "the token is another issuer's",
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks aud, exp or iss",
        _ => "the token is no JWT as it should be",
    })
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
