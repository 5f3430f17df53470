//! Supabase Auth (GoTrue): JSON instead of forms, and an `apikey` on every request.

use super::body;
use super::body::Fields;
use super::client::header;
use super::client::judge;
use super::endpoint::Endpoint;
use super::http::Http;
use super::http::HttpRequest;
use super::provider::Dialect;
use super::provider::Provider;
use crate::secret::Secret;

/// Codes that mean the same as `invalid_grant`: the session is over.
pub(crate) const SESSION_IS_OVER: [&str; 4] =
    ["refresh_token_already_used", "refresh_token_not_found", "session_expired", "session_not_found"];

/// `POST /token?grant_type=…` with the other fields as JSON.
pub(crate) fn token_request(provider: &Provider, endpoint: &Endpoint, fields: &Fields<'_>) -> HttpRequest {
    let is_grant = |(name, _): &&(&str, &str)| *name == "grant_type";
    let query = fields.iter().find(is_grant).map(|(name, value)| format!("{name}={value}"));
    let rest: Vec<_> = fields.iter().filter(|field| !is_grant(field)).copied().collect();
    HttpRequest {
        endpoint: endpoint.with_query(query.as_deref()),
        headers: headers(provider),
        body: Some(body::json(&rest)),
    }
}

/// Signs this session out, and no other: without `scope=local` every device of the person would be signed out.
pub(crate) async fn sign_out(provider: &Provider, http: &dyn Http, access: &Secret) -> bool {
    let Some(issuer) = provider.issuer_endpoint() else { return false };
    let mut headers = headers(provider);
    headers.push(("authorization".to_owned(), body::bearer(access.expose())));
    let endpoint = issuer.below("logout", Some("scope=local"));
    let request = HttpRequest { endpoint, headers, body: Some(body::json(&[])) };
    match http.send(request).await {
        Ok(reply) => judge(reply, Dialect::Supabase).is_ok(),
        Err(_) => false,
    }
}

fn headers(provider: &Provider) -> Vec<(String, zeroize::Zeroizing<String>)> {
    let own = [
        header("accept", "application/json"),
        header("content-type", "application/json"),
        // Errors in the form of this version: `code` holds the code.
        header("x-supabase-api-version", "2024-01-01"),
    ];
    let named = |name: &str| own.iter().any(|(own, _)| own == name);
    let send: Vec<_> =
        provider.send().iter().filter(|(name, _)| !named(name)).map(|(name, value)| header(name, value)).collect();
    own.iter().cloned().chain(send).collect()
}
