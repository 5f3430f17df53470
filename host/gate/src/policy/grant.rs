//! What one action of one tool may use.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;

use super::template::Rule;
use super::url::Origin;
use super::url::Target;
use crate::service::Services;

/// What a person granted to one action. The host derives it from what runs; a guest cannot name it (threat J1).
#[derive(Debug, Clone)]
pub struct Grant {
    /// The tool's name.
    pub tool: String,
    /// The digest of what runs.
    pub digest: Digest,
    /// The action.
    pub action: String,
    /// Services with the scopes that this action may use. No scope: the service's anonymous requests.
    pub services: BTreeMap<String, BTreeSet<String>>,
    /// Requests to public origins, without a token.
    pub public: Vec<PublicRule>,
}

impl Services {
    /// Every method that an action with this grant could ever send: what its calls may do, before any of them is made.
    #[must_use]
    pub fn methods(&self, grant: &Grant) -> BTreeSet<Method> {
        let services = grant.services.iter().filter_map(|(name, scopes)| Some((self.find(name)?, scopes)));
        let rules = services.flat_map(|(service, scopes)| {
            scopes.iter().flat_map(|scope| service.rules(scope)).chain(&service.anonymous)
        });
        rules.chain(grant.public.iter().map(|public| &public.rule)).flat_map(|rule| rule.methods.clone()).collect()
    }
}

/// A rule for an origin without a credential: `GET https://api.example.com/v1/**`, or `…/v1/items?page` for some queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicRule {
    pub(crate) origin: Origin,
    pub(super) rule: Rule,
}

impl PublicRule {
    /// Reads a rule: methods, an exact `https` origin, a path template.
    ///
    /// # Errors
    /// [`Code::BadConfig`] with the form.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let bad = |why: String| {
            Refusal::new(
                Code::BadConfig,
                format!("`{}` is no public rule: {why}", cut(&visible(text), 200)),
                "write it as in `GET https://api.example.com/v1/**`",
            )
        };
        let (methods, url) = text.split_once(' ').ok_or_else(|| bad("there is no URL".into()))?;
        let rest = url.strip_prefix("https://").ok_or_else(|| bad("the URL does not start with https://".into()))?;
        let slash = rest.find('/').ok_or_else(|| bad("there is no path".into()))?;
        let (host, path) = rest.split_at(slash);
        let origin = Origin::parse(&format!("https://{host}")).map_err(bad)?;
        if origin.is_loopback() {
            return Err(bad("a public origin is not on this machine".into()));
        }
        let rule = Rule::parse(&format!("{methods} {path}")).map_err(bad)?;
        Ok(Self { origin, rule })
    }

    pub(crate) fn allows(&self, method: Method, target: &Target) -> bool {
        self.origin == target.origin && self.rule.allows(method, target)
    }
}

impl fmt::Display for PublicRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.rule.to_string();
        let (methods, path) = rule.split_once(' ').unwrap_or(("", &rule));
        write!(f, "{methods} {}{path}", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_rules_are_exact_https_origins() {
        let rule = PublicRule::parse("GET,HEAD https://api.example.com:8443/v1/{id}").unwrap();
        assert_eq!(rule.to_string(), "GET,HEAD https://api.example.com:8443/v1/{id}");
        let rule = PublicRule::parse("GET https://api.example.com/v1/{id}?page&{sort:up|down}").unwrap();
        assert_eq!(rule.to_string(), "GET https://api.example.com/v1/{id}?page&{sort:up|down}");
        for bad in [
            "GET http://api.example.com/",
            "GET https://*.example.com/",
            "GET https://api.example.com",
            "GET https://u@api.example.com/",
            "GET https://127.0.0.1/",
            "GET https://10.0.0.1/",
            "GET https://API.example.com/",
            "TRACE https://api.example.com/",
            "https://api.example.com/",
            "GET https://api.example.com/../",
            "GET https://api.example.com/?a=b",
            "GET https://api.example.com?a",
            "GET https://api.example.com?a/",
            "",
        ] {
            assert_eq!(PublicRule::parse(bad).unwrap_err().code, Code::BadConfig, "{bad}");
        }
    }
}
