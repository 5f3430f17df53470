//! No tool reaches an authorisation server's endpoints with a credential: they make new ones (threats E9, J6, L16). What a
//! provider names on a service's origin is denied to tools, of that service and of every other with that origin.

use hotcell_vault::oauth::Endpoint;

use super::Service;
use crate::policy::template::Template;
use crate::policy::url::Origin;

/// What to deny, and where.
pub(super) struct Guard {
    origin: Origin,
    template: Template,
}

/// What a service's provider makes denied; the error says why it cannot be, and what to write.
pub(super) fn of(service: &Service) -> Result<Vec<Guard>, String> {
    let Some(provider) = &service.provider else { return Ok(Vec::new()) };
    if let Some(issuer) = provider.discovery_origin()
        && service.origins.contains(&origin(issuer)?)
        && !provider.endpoints().any(|(field, _)| field == "token_endpoint")
    {
        return Err(
            "`discovery` finds endpoints on an origin that tools reach: write `token_endpoint`, so that it is denied \
             to them"
                .to_owned(),
        );
    }
    provider
        .endpoints()
        .map(|(field, endpoint)| guard(endpoint).map_err(|why| format!("`oauth.{field}`: {why}")))
        .collect()
}

fn guard(endpoint: &Endpoint) -> Result<Guard, String> {
    let path = endpoint.url().path().trim_end_matches('/');
    // With all below it: servers take `/token/` for `/token`, and Supabase's issuer is a folder. The root stays itself.
    let template = if path.is_empty() { "/".to_owned() } else { format!("{path}/**") };
    Ok(Guard { origin: origin(endpoint)?, template: Template::parse(&template)? })
}

fn origin(endpoint: &Endpoint) -> Result<Origin, String> {
    Origin::parse(&endpoint.url().origin().ascii_serialization())
}

impl Guard {
    /// Denies it to a service's tools, if the service has the origin.
    pub(super) fn apply(&self, service: &mut Service) {
        if service.origins.contains(&self.origin) && !service.deny.contains(&self.template) {
            service.deny.push(self.template.clone());
        }
    }
}
