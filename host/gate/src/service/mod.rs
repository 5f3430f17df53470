//! Services: the operator's word on where each credential may go, in which header, and for which requests.

mod explain;
mod guard;
mod presets;
mod reader;
mod written;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use hotcell_vault::oauth::Provider;
use http::HeaderName;
use http::HeaderValue;
use serde::Deserialize;
use serde::Serialize;

use crate::policy;
use crate::policy::Grant;
use crate::policy::Terms;
use crate::policy::template::Rule;
use crate::policy::template::Template;
use crate::policy::url::Origin;
pub use explain::EnforcedBy;
pub use explain::Explained;
pub use explain::ExplainedScope;
pub use explain::ExplainedSignIn;
use reader::Reader;
use written::Written;

/// The operator's services by name.
#[derive(Debug, Default)]
pub struct Services {
    by_name: BTreeMap<String, Service>,
}

/// The terms on which a request would be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The service whose rule allows it; `None` for a public origin.
    pub service: Option<String>,
    /// The scope whose token it would carry; `None` for a request without one.
    pub scope: Option<String>,
    /// The rule, as the operator wrote it.
    pub rule: String,
}

/// One service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    preset: Option<String>,
    description: String,
    pub(crate) origins: Vec<Origin>,
    /// The one header that carries the credential.
    pub(crate) header: HeaderName,
    /// What stands before the token in it.
    pub(crate) prefix: String,
    /// Fixed headers without a secret.
    pub(crate) send: Vec<(HeaderName, HeaderValue)>,
    pub(crate) request_headers: Vec<String>,
    pub(crate) response_headers: Vec<String>,
    /// Whether tools may see credentials that the server makes for them (threat E9).
    pub(crate) new_credentials_pass: bool,
    pub(crate) deny: Vec<Template>,
    pub(crate) anonymous: Vec<Rule>,
    pub(crate) scopes: BTreeMap<String, Vec<Rule>>,
    /// How its tokens are had; without one a key is given.
    provider: Option<Provider>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    service: BTreeMap<toml::Spanned<String>, Written>,
}

impl Services {
    /// Reads the `[service.…]` tables of a configuration. `file` is the name that errors show.
    ///
    /// # Errors
    /// [`Code::BadConfig`] with line, column and repair.
    pub fn parse(text: &str, file: &str) -> Result<Self, Refusal> {
        let at = |start: usize| {
            let before = text.get(..start).unwrap_or_default();
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("{file}, line {}, column {column}", before.matches('\n').count() + 1)
        };
        let mistake = |start: usize, why: &str| {
            let message = format!("{}: {}", at(start), cut(&visible(why), 500));
            Refusal::new(Code::BadConfig, message, "correct that line; see the page on services in the documentation")
        };
        let written: File = toml::from_str(text).map_err(|error| {
            mistake(error.span().map_or(0, |span| span.start), &error.message().replace('\n', "; "))
        })?;
        let mut by_name = BTreeMap::new();
        let mut guards = Vec::new();
        for (name, service) in written.service {
            let span = name.span();
            let name = name.into_inner();
            let oauth = service.oauth.as_ref().map_or(span.start, |oauth| oauth.span().start);
            let read = Reader { mistake: &mistake, name: &name, span }.service(service)?;
            guards.extend(guard::of(&read).map_err(|why| mistake(oauth, &why))?);
            by_name.insert(name, read);
        }
        let reached: Vec<_> = by_name.values().flat_map(|service| &service.origins).map(ToString::to_string).collect();
        for service in by_name.values_mut() {
            guards.iter().for_each(|guard| guard.apply(service));
            service.provider = service.provider.take().map(|provider| provider.with_origins_of_tools(reached.clone()));
        }
        Ok(Self { by_name })
    }

    /// Decides a request as the gate would, without sending it: for a person who asks why. `held`: the scopes that the token of
    /// a service has.
    ///
    /// # Errors
    /// The refusal that the gate would answer with.
    pub fn decide(
        &self,
        grant: &Grant,
        method: Method,
        url: &str,
        held: impl Fn(&str) -> BTreeSet<String>,
    ) -> Result<Decision, Refusal> {
        let asked = Asked { method, url: url.to_owned(), headers: Vec::new(), body: None };
        let mut terms = policy::check(self, grant, asked)?.terms;
        let held = terms.service.as_deref().map(held).unwrap_or_default();
        terms.choose(|scope| held.contains(scope));
        let Terms { service, scope, rule, .. } = terms;
        Ok(Decision { service, scope, rule })
    }

    /// The services that have this origin, granted or not.
    pub(crate) fn owners(&self, origin: &Origin) -> impl Iterator<Item = &Service> {
        self.by_name.values().filter(|service| service.origins.contains(origin))
    }

    /// The services that Hotcell knows, as they are before an operator completes them.
    ///
    /// # Errors
    /// [`Code::Internal`] never, as long as the tests pass.
    pub fn presets() -> Result<Vec<Explained>, Refusal> {
        let tables = presets::names().map(|name| format!("[service.{name}]\npreset = \"{name}\"\n"));
        Ok(Self::parse(&tables.collect::<String>(), "presets")?.explain())
    }

    /// All services, explained.
    #[must_use]
    pub fn explain(&self) -> Vec<Explained> {
        self.by_name.values().map(Service::explain).collect()
    }

    /// How a service's tokens are had; `None` if a key is given, or the service is unknown.
    #[must_use]
    pub fn provider(&self, service: &str) -> Option<&Provider> {
        self.find(service)?.provider.as_ref()
    }

    /// All providers by service, for [`hotcell_vault::oauth::OAuthIssuer`].
    #[must_use]
    pub fn providers(&self) -> BTreeMap<String, Provider> {
        let provider = |service: &Service| Some((service.name.clone(), service.provider.clone()?));
        self.by_name.values().filter_map(provider).collect()
    }

    /// The provider of a service that somebody wants to sign in to.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for an unknown service, one that takes a key, and one whose description lacks something.
    pub fn sign_in(&self, service: &str) -> Result<&Provider, Refusal> {
        let shown = cut(&visible(service), 80);
        let Some(found) = self.find(service) else {
            let hint = format!("the operator writes [service.{shown}] into config.toml; see hotcell auth services");
            return Err(Refusal::new(Code::BadConfig, format!("the service {shown} is not set up"), hint));
        };
        let Some(provider) = &found.provider else {
            let message = format!("{shown} has no sign-in: its description has no [service.{shown}.oauth]");
            return Err(Refusal::new(Code::BadConfig, message, format!("give it a key: hotcell auth set {shown}")));
        };
        found.complete()?;
        Ok(provider)
    }

    /// Checks that everything in a grant exists: services, scopes, and public origins that are no service's.
    ///
    /// # Errors
    /// [`Code::BadConfig`] naming what is missing and where it would be written.
    pub fn check(&self, grant: &Grant) -> Result<(), Refusal> {
        for (name, scopes) in &grant.services {
            let service = self.find(name).ok_or_else(|| unknown_service(name, &grant.action))?;
            if service.origins.is_empty() {
                service.complete()?;
            }
            for scope in scopes {
                if !service.scopes.contains_key(scope) {
                    return Err(unknown_scope(service, scope, &grant.action));
                }
            }
        }
        for rule in &grant.public {
            if let Some(owner) = self.by_name.values().find(|service| service.origins.contains(&rule.origin)) {
                return Err(Refusal::new(
                    Code::BadConfig,
                    format!("`{}` asks for {rule}, an origin of the service {}", grant.action, owner.name),
                    format!("the manifest must ask for it as services = {{ {} = [] }}", owner.name),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Service> {
        self.by_name.get(name)
    }

    /// A name for all that says where a service's token goes and where it comes from. Another one means that a person must say
    /// yes again. `None` for an unknown service.
    #[must_use]
    pub fn fingerprint(&self, service: &str) -> Option<String> {
        let service = self.find(service)?;
        let mut parts: Vec<String> = service.origins.iter().map(ToString::to_string).collect();
        parts.sort();
        parts.push(service.header.to_string());
        if let Some(provider) = &service.provider {
            parts.extend(provider.issuer().map(str::to_owned));
            parts.extend(provider.endpoints().map(|(field, endpoint)| format!("{field} {}", endpoint.url())));
        }
        Some(Digest::of(parts.join("\n").as_bytes()).to_string())
    }

    /// The names of all services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// A service's origins as text; none for an unknown service.
    #[must_use]
    pub fn origins(&self, service: &str) -> Vec<String> {
        self.find(service).map(|service| service.origins.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    /// The rules of a service's scope as text; none for an unknown one.
    #[must_use]
    pub fn rules(&self, service: &str, scope: &str) -> Vec<String> {
        self.find(service)
            .map(|service| service.rules(scope).iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    /// The rules of a service for requests without a token, as text.
    #[must_use]
    pub fn anonymous(&self, service: &str) -> Vec<String> {
        self.find(service)
            .map(|service| service.anonymous.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }
}

impl Service {
    /// The rules of a scope; none for one that the service does not have.
    pub(crate) fn rules(&self, scope: &str) -> &[Rule] {
        self.scopes.get(scope).map_or(&[], Vec::as_slice)
    }

    /// Whether the operator wrote all that a preset leaves open; the refusal names what is missing first.
    fn complete(&self) -> Result<(), Refusal> {
        let missing = self.missing();
        let Some(first) = missing.first() else { return Ok(()) };
        let of = self.preset.as_ref().map(|preset| format!(", which the preset {preset} leaves to the operator"));
        let message = format!("the description of {} lacks `{}`{}", self.name, first.field, of.unwrap_or_default());
        Err(Refusal::new(
            Code::BadConfig,
            message,
            format!("in config.toml, [service.{}]: {}", self.name, first.repair),
        ))
    }
}

fn unknown_service(name: &str, action: &str) -> Refusal {
    let name = cut(&visible(name), 80);
    Refusal::new(
        Code::BadConfig,
        format!("`{action}` asks for the service {name}, which is not set up"),
        format!(
            "the operator writes [service.{name}] into config.toml (the tool's README may have it ready), then install again"
        ),
    )
}

fn unknown_scope(service: &Service, scope: &str, action: &str) -> Refusal {
    let known: Vec<_> = service.scopes.keys().map(String::as_str).collect();
    Refusal::new(
        Code::BadConfig,
        format!(
            "`{action}` asks for the scope {} of {}, which has none of this name",
            cut(&visible(scope), 80),
            service.name
        ),
        format!("its scopes are: {}; the operator may add one to [service.{}.scopes]", known.join(", "), service.name),
    )
}

#[cfg(test)]
mod preset_tests;
#[cfg(test)]
mod tests;
