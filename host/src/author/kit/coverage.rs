//! Policy coverage: which of the rules that the tool would be granted did any case use, and what was refused. A rule that no
//! case uses is a right that nobody has shown to be needed. Pure.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hotcell_gate::RequestRecord;
use hotcell_gate::Services;
use hotcell_protocol::Method;
use serde::Serialize;

use crate::Manifest;

/// One method of one rule, as it would be granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Rule {
    /// The service; `None` for a public rule.
    pub(crate) service: Option<String>,
    /// The scope; `None` where no token is sent.
    pub(crate) scope: Option<String>,
    /// The method.
    pub(crate) method: String,
    /// The rest of the rule: path with its queries, of a public rule the whole URL.
    pub(crate) path: String,
}

/// A rule with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Covered {
    #[serde(flatten)]
    pub(crate) rule: Rule,
    /// Actions that would be granted it.
    pub(crate) granted_to: BTreeSet<String>,
    /// Actions of which some case used it.
    pub(crate) used_by: BTreeSet<String>,
}

/// A scope that an action asks for and of which none of its cases used a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Unused {
    pub(crate) action: String,
    pub(crate) service: String,
    /// `None`: the service's requests without a token.
    pub(crate) scope: Option<String>,
}

/// Rules, used or not.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    rules: BTreeMap<Rule, (BTreeSet<String>, BTreeSet<String>)>,
    asked: BTreeSet<Unused>,
    used: BTreeSet<Unused>,
    tried: BTreeSet<String>,
}

impl Coverage {
    /// All rules that a tool would be granted, none used yet.
    pub(crate) fn of(manifest: &Manifest, services: &Services) -> Self {
        let mut coverage = Self::default();
        for (action, ask) in &manifest.actions {
            for (service, scopes) in &ask.services {
                for scope in scopes {
                    coverage.add(action, Some(service), Some(scope), &services.rules(service, scope));
                }
                coverage.add(action, Some(service), None, &services.anonymous(service));
                let scopes: Vec<_> = if scopes.is_empty() { vec![None] } else { scopes.iter().map(Some).collect() };
                coverage.asked.extend(scopes.into_iter().map(|scope| Unused {
                    action: action.clone(),
                    service: service.clone(),
                    scope: scope.cloned(),
                }));
            }
            coverage.add(action, None, None, &ask.public.iter().cloned().collect::<Vec<_>>());
        }
        coverage
    }

    fn add(&mut self, action: &str, service: Option<&String>, scope: Option<&String>, rules: &[String]) {
        for rule in rules {
            let (methods, path) = rule.split_once(' ').unwrap_or(("", rule));
            for method in methods.split(',') {
                let rule = Rule {
                    service: service.cloned(),
                    scope: scope.cloned(),
                    method: method.to_owned(),
                    path: path.to_owned(),
                };
                self.rules.entry(rule).or_default().0.insert(action.to_owned());
            }
        }
    }

    /// A case of this action made these requests.
    pub(crate) fn note(&mut self, action: &str, requests: &[RequestRecord]) {
        self.tried.insert(action.to_owned());
        for request in requests.iter().filter(|request| request.attempts > 0) {
            let Some(rule) = &request.rule else { continue };
            let path = rule.split_once(' ').map_or(rule.as_str(), |(_, path)| path);
            let (service, scope) = (request.service.clone(), request.scope.clone());
            let key = Rule { service, scope, method: Method::as_str(request.method).to_owned(), path: path.to_owned() };
            if let Some((_, used)) = self.rules.get_mut(&key) {
                used.insert(action.to_owned());
            }
            if let Some(service) = &request.service {
                let scope = request.scope.clone();
                self.used.insert(Unused { action: action.to_owned(), service: service.clone(), scope });
            }
        }
    }

    /// All rules, each with who has it and who used it.
    pub(crate) fn rules(&self) -> Vec<Covered> {
        let covered = |(rule, (granted, used)): (&Rule, &(BTreeSet<String>, BTreeSet<String>))| Covered {
            rule: rule.clone(),
            granted_to: granted.clone(),
            used_by: used.clone(),
        };
        self.rules.iter().map(covered).collect()
    }

    /// Scopes of actions that were tried, and whose cases used none of their rules.
    pub(crate) fn unused(&self) -> Vec<Unused> {
        self.asked.difference(&self.used).filter(|unused| self.tried.contains(&unused.action)).cloned().collect()
    }

    /// Actions of the manifest that ask for something, of which there is no case.
    pub(crate) fn untried(&self) -> Vec<String> {
        let asking = self.rules.values().flat_map(|(granted, _)| granted);
        asking.filter(|action| !self.tried.contains(*action)).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = \"t\"\nversion = \"1\"\n\
        [actions.a]\nservices = { api = [\"read\", \"write\"] }\npublic = [\"GET,HEAD https://p.example/**\"]\n\
        [actions.b]\nservices = { api = [\"read\"] }\n[actions.c]\nservices = { api = [] }\n";
    const SERVICES: &str = "[service.api]\norigins = [\"https://api.example\"]\nanonymous = [\"GET /open\"]\n\
        [service.api.scopes]\nread = [\"GET,HEAD /v1/{x}?page\"]\nwrite = [\"POST /v1/{x}\"]\n";

    fn request(service: Option<&str>, scope: Option<&str>, rule: &str, method: Method, attempts: u32) -> RequestRecord {
        RequestRecord {
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
            origin: None,
            rule: Some(rule.to_owned()),
            method,
            status: Some(200),
            refused: None,
            attempts,
            given_up: false,
            bytes_out: 0,
            bytes_in: 0,
            ms: 0,
        }
    }

    #[test]
    fn rules_are_counted_by_method_and_only_where_a_request_was_sent() {
        let manifest = Manifest::parse(MANIFEST, "t").unwrap();
        let mut coverage = Coverage::of(&manifest, &Services::parse(SERVICES, "t").unwrap());
        assert_eq!(coverage.rules().len(), 6, "{:?}", coverage.rules());
        assert_eq!(coverage.untried(), ["a", "b", "c"]);
        let read = "GET,HEAD /v1/{x}?page";
        coverage.note(
            "a",
            &[
                request(Some("api"), Some("read"), read, Method::Get, 1),
                request(Some("api"), Some("write"), "POST /v1/{x}", Method::Post, 0),
                request(None, None, "GET,HEAD https://p.example/**", Method::Head, 1),
            ],
        );
        let used: Vec<_> = coverage.rules().into_iter().filter(|covered| !covered.used_by.is_empty()).collect();
        let paths: Vec<_> = used.iter().map(|used| (used.rule.method.as_str(), used.rule.path.as_str())).collect();
        assert_eq!(paths, [("HEAD", "https://p.example/**"), ("GET", "/v1/{x}?page")]);
        assert_eq!(used[1].granted_to, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        let unused: Vec<_> = coverage.unused().into_iter().map(|unused| unused.scope.unwrap_or_default()).collect();
        assert_eq!(unused, ["write"], "`b` was not tried, so nothing is said of it");
        assert_eq!(coverage.untried(), ["b", "c"]);
    }
}
