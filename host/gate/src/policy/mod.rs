//! Policy: may this request leave, and with which scope of which service? Pure: no clock, no I/O, no async.
//!
//! Effective permission = manifest ∩ service ∩ grant ∩ token. The grant is already within the manifest; here it meets the
//! operator's service; the token's part is the vault's.

pub(crate) mod address;
mod grant;
pub(crate) mod headers;
pub(crate) mod query;
pub(crate) mod template;
pub(crate) mod url;

use bytes::Bytes;
use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;

use crate::service::Service;
use crate::service::Services;
pub use grant::Grant;
pub use grant::PublicRule;
use headers::CheckedHeaders;
use template::Rule;
use url::Target;

/// A request that policy let through, with the terms on which it did. Made by [`check`] alone.
pub struct Allowed {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: CheckedHeaders,
    pub(crate) body: Option<Bytes>,
    pub(crate) terms: Terms,
    /// Private: nothing outside this module makes one.
    _made: (),
}

impl Allowed {
    /// The same request, for a second try. Not `Clone`: whoever wants to send twice must say so.
    pub(crate) fn once_more(&self) -> Self {
        Self {
            method: self.method,
            target: self.target.clone(),
            headers: CheckedHeaders(self.headers.0.clone()),
            body: self.body.clone(),
            terms: self.terms.clone(),
            _made: (),
        }
    }
}

/// The terms of a permission: later steps act on these, never on a bare yes.
#[derive(Clone)]
pub(crate) struct Terms {
    /// The service whose rule allowed it; `None` for a public origin.
    pub(crate) service: Option<String>,
    /// The scope whose token is to be attached; `None` for a request without one.
    pub(crate) scope: Option<String>,
    /// The rule's own text, for the record: never the request's path, which may hold data.
    pub(crate) rule: String,
    /// Further scopes of the action whose rules match too, each with its rule: the token may have one of these instead.
    pub(crate) others: Vec<(String, String)>,
}

impl Terms {
    /// Takes the first of the matching scopes that is held; the first of all, if none is.
    pub(crate) fn choose(&mut self, held: impl Fn(&str) -> bool) {
        if self.scope.as_deref().is_none_or(&held) {
            return;
        }
        if let Some((scope, rule)) = self.others.iter().find(|(scope, _)| held(scope)) {
            (self.scope, self.rule) = (Some(scope.clone()), rule.clone());
        }
    }
}

/// Refuses what is too much of a request, whatever it says. Comes before all that looks through one: each header costs a look for
/// every secret, and a guest can write more of them than a deadline has time for.
pub(crate) fn bounded(asked: &Asked) -> Result<(), Refusal> {
    headers::bounded(&asked.headers)?;
    url::bounded(&asked.url)?;
    match &asked.body {
        Some(body) if body.len() > limits::REQUEST_BODY_BYTES => Err(Refusal::new(
            Code::RequestTooLarge,
            format!("the request's body has more than {} bytes", limits::REQUEST_BODY_BYTES),
            "the tool must send less in one request",
        )),
        // No meaning is defined for it (RFC 9110 §9.3.1), so servers differ: one that takes the body for the next request of the
        // connection would answer what no rule was asked about (request smuggling, CL.0; threat B5).
        Some(body) if !body.is_empty() && matches!(asked.method, Method::Get | Method::Head) => Err(Refusal::new(
            Code::BadRequest,
            format!("a {} request has a body", asked.method.as_str()),
            "the tool must send what it has to say in the query, or by POST where the service takes that",
        )),
        _ => Ok(()),
    }
}

/// Decides one request.
pub(crate) fn check(services: &Services, grant: &Grant, asked: Asked) -> Result<Allowed, Refusal> {
    bounded(&asked)?;
    let body = asked.body.map(Bytes::from);
    let target = url::parse(&asked.url)?;
    // What any service always denies beats every rule of every other.
    if let Some(denied) = services.owners(&target.origin).find_map(|service| denied(service, &target)) {
        return Err(denied);
    }
    let named = grant.services.iter().filter_map(|(name, scopes)| Some((services.find(name)?, scopes)));
    let mut nearest = None;
    for (service, scopes) in named.filter(|(service, _)| service.origins.contains(&target.origin)) {
        match within(service, scopes.iter().map(String::as_str), asked.method, &target) {
            Ok(terms) => {
                let headers = headers::check(&asked.headers, &service.request_headers)?;
                return Ok(Allowed { method: asked.method, target, headers, body, terms, _made: () });
            }
            Err(refusal) => nearest = Some(refusal),
        }
    }
    // An origin that became a service's after the grant is no public one any more.
    let is_public = services.owners(&target.origin).next().is_none();
    if let Some(rule) = grant.public.iter().find(|rule| is_public && rule.allows(asked.method, &target)) {
        let headers = headers::check(&asked.headers, &[])?;
        let terms = Terms { service: None, scope: None, rule: rule.to_string(), others: Vec::new() };
        return Ok(Allowed { method: asked.method, target, headers, body, terms, _made: () });
    }
    let near = |public: &&PublicRule| {
        public.origin == target.origin && public.rule.allows_but_for_its_query(asked.method, &target)
    };
    if let Some(public) = grant.public.iter().filter(|_| is_public).find(near) {
        let whose = format!("under [actions.{}] of the manifest; then install the tool again", grant.action);
        return Err(query_not_granted(&public.rule, &public.to_string(), &target, "the tool's author", &whose));
    }
    Err(nearest.unwrap_or_else(|| origin_not_granted(grant, asked.method, &target)))
}

/// The refusal of a path that a service always denies to tools.
fn denied(service: &Service, target: &Target) -> Option<Refusal> {
    let template = service.deny.iter().find(|template| template.denies(&target.segments))?;
    Some(Refusal::new(
        Code::PathNotGranted,
        format!("{} always denies {template} to tools", service.name),
        format!(
            "nothing to repair for the tool: it is in `deny` of [service.{}], or an authorisation server's own",
            service.name
        ),
    ))
}

/// Whether a service that has the origin allows the request, for an action with these scopes.
fn within<'a>(
    service: &Service,
    scopes: impl Iterator<Item = &'a str>,
    method: Method,
    target: &Target,
) -> Result<Terms, Refusal> {
    let terms = |scope: Option<&str>, rule: String, others| Terms {
        service: Some(service.name.clone()),
        scope: scope.map(str::to_owned),
        rule,
        others,
    };
    let held: Vec<&str> = scopes.collect();
    // Scopes first: where a rule with a token and one without both match, the action has asked for the token.
    let mut matching = held.iter().filter_map(|scope| {
        let rule = service.rules(scope).iter().find(|rule| rule.allows(method, target))?;
        Some(((*scope).to_owned(), rule.to_string()))
    });
    if let Some((scope, rule)) = matching.next() {
        return Ok(terms(Some(&scope), rule, matching.collect()));
    }
    if let Some(rule) = service.anonymous.iter().find(|rule| rule.allows(method, target)) {
        return Ok(terms(None, rule.to_string(), Vec::new()));
    }
    Err(missed(service, &held, method, target))
}

/// Why no rule matched: the scope is missing, the method is another, or the path is granted to nobody.
fn missed(service: &Service, held: &[&str], method: Method, target: &Target) -> Refusal {
    let name = &service.name;
    let other = service.scopes.iter().find(|(_, rules)| rules.iter().any(|rule| rule.allows(method, target)));
    if let Some((scope, _)) = other {
        return Refusal::new(
            Code::InsufficientScope,
            format!("this needs the scope {scope} of {name}, which the action was not granted"),
            format!("the tool's author must ask for {scope} in the manifest; then install the tool again"),
        );
    }
    let rules = || held.iter().flat_map(|scope| service.rules(scope)).chain(&service.anonymous);
    if let Some(rule) = rules().find(|rule| rule.allows_but_for_its_query(method, target)) {
        return query_not_granted(rule, &rule.to_string(), target, "the operator", &format!("of [service.{name}]"));
    }
    let methods: Vec<_> = rules().filter(|rule| rule.covers(&target.segments)).map(ToString::to_string).collect();
    if !methods.is_empty() {
        return Refusal::new(
            Code::MethodNotGranted,
            format!("{} is not granted for this path of {name} (granted: {})", method.as_str(), methods.join("; ")),
            format!("if tools may do this, the operator adds {} to a scope of [service.{name}]", method.as_str()),
        );
    }
    Refusal::new(
        Code::PathNotGranted,
        format!("no scope of {name} that the action holds covers this {} request", method.as_str()),
        format!(
            "if tools may do this, the operator adds \"{} {}\" to a scope of [service.{name}.scopes]",
            method.as_str(),
            target.path()
        ),
    )
}

/// The refusal of a request whose method and path a rule allows, and not its query (threat B13).
fn query_not_granted(rule: &Rule, shown: &str, target: &Target, who: &str, whose: &str) -> Refusal {
    let part = rule.queries.refused(target.url.query()).unwrap_or_default();
    // The value may hold data: for nobody.
    let key = cut(&visible(part.split(['=', ';']).next().unwrap_or_default()), 64);
    Refusal::new(
        Code::QueryNotGranted,
        format!(
            "the rule {shown} does not allow this query: the key `{key}` is not listed, is there twice, or has another value"
        ),
        format!("if tools may use it, {who} adds the key to the rule {shown} {whose}"),
    )
}

fn origin_not_granted(grant: &Grant, method: Method, target: &Target) -> Refusal {
    Refusal::new(
        Code::OriginNotGranted,
        format!("{} is not granted to `{}` of {}", target.origin, grant.action, grant.tool),
        format!(
            "the tool's author asks for it in the manifest: a service that has this origin, or \
             public = [\"{} {}/…\"] under [actions.{}]; then install the tool again",
            method.as_str(),
            target.origin,
            grant.action
        ),
    )
}

#[cfg(test)]
mod tests;
