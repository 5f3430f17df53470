//! Signing out at the server (RFC 7009; of Supabase its own way).

use super::client::Client;
use super::discovery::Endpoints;
use super::http::Http;
use super::issuer::Carried;
use super::provider::Dialect;
use super::provider::Provider;
use super::supabase;

/// Revokes what a token carries: the refresh token first, since it lives longest (RFC 7009 §2). Best effort: `true` if the
/// server took it all.
pub(crate) async fn revoke(provider: &Provider, http: &dyn Http, endpoints: &Endpoints, carried: Carried<'_>) -> bool {
    if provider.dialect() == Dialect::Supabase {
        return supabase::sign_out(provider, http, carried.access).await;
    }
    let Ok(client) = Client::new(provider, http, carried.client_secret) else { return false };
    let Some(endpoint) = &endpoints.revocation else { return false };
    let mut taken = true;
    let refresh = carried.refresh.map(|refresh| (refresh, "refresh_token"));
    for (token, kind) in refresh.into_iter().chain([(carried.access, "access_token")]) {
        let fields = [("token", token.expose()), ("token_type_hint", kind)];
        taken &= client.post(endpoint, &fields).await.is_ok();
    }
    taken
}
