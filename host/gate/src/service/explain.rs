//! Services, explained: for `hotcell auth services` and for programs.

use hotcell_vault::oauth::ClientAuthentication;
use hotcell_vault::oauth::Flow;
use hotcell_vault::oauth::Missing;
use hotcell_vault::oauth::Provider;
use serde::Serialize;

use super::Service;

/// A service or a preset, with what a person wants to know before giving a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Its name.
    pub name: String,
    /// The preset that it is of.
    pub preset: Option<String>,
    /// One line.
    pub description: String,
    /// Where its credential goes, and nowhere else.
    pub origins: Vec<String>,
    /// The header that carries it.
    pub header: String,
    /// What stands before it in that header.
    pub prefix: String,
    /// Its scopes.
    pub scopes: Vec<ExplainedScope>,
    /// What tools may ask without a credential.
    pub anonymous: Vec<String>,
    /// What no tool may reach, whatever its scopes.
    pub denied: Vec<String>,
    /// How a person signs in; `None` if a key is given instead (`hotcell auth set`).
    pub sign_in: Option<ExplainedSignIn>,
    /// What the operator must still write.
    pub missing: Vec<Missing>,
}

/// A scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedScope {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub rules: Vec<String>,
    /// Who keeps it.
    pub enforced_by: EnforcedBy,
    /// The server's scopes that are asked for. They can be wider than the rules.
    pub server_scopes: Vec<String>,
}

/// Who sees to it that a scope is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnforcedBy {
    /// Hotcell by the rules, and the server by its own scopes.
    Both,
    /// Hotcell alone: the token itself can do more.
    Hotcell,
}

/// How a person signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedSignIn {
    /// The ways that are offered.
    pub grants: Vec<Flow>,
    /// The authorisation server, if known.
    pub issuer: Option<String>,
    /// The client's name at the server.
    pub client_id: Option<String>,
    /// How the client shows who it is. With a secret, it is asked for.
    pub client_authentication: ClientAuthentication,
    /// Whether endpoints are looked up.
    pub discovery: bool,
}

impl Service {
    pub(super) fn explain(&self) -> Explained {
        let provider = self.provider.as_ref();
        let scopes = self.scopes.iter().map(|(name, rules)| {
            let server_scopes = provider.map(|provider| provider.server_scopes(name)).unwrap_or_default();
            ExplainedScope {
                name: name.clone(),
                rules: rules.iter().map(ToString::to_string).collect(),
                enforced_by: if server_scopes.is_empty() { EnforcedBy::Hotcell } else { EnforcedBy::Both },
                server_scopes: server_scopes.into_iter().map(str::to_owned).collect(),
            }
        });
        Explained {
            name: self.name.clone(),
            preset: self.preset.clone(),
            description: self.description.clone(),
            origins: self.origins.iter().map(ToString::to_string).collect(),
            header: self.header.to_string(),
            prefix: self.prefix.clone(),
            scopes: scopes.collect(),
            anonymous: self.anonymous.iter().map(ToString::to_string).collect(),
            denied: self.deny.iter().map(ToString::to_string).collect(),
            sign_in: provider.map(sign_in),
            missing: self.missing(),
        }
    }

    /// What the operator must still write: without an origin no request leaves, without the rest nobody signs in.
    pub(super) fn missing(&self) -> Vec<Missing> {
        let origins = Missing { field: "origins", repair: "name at least one, as in \"https://api.example.com\"" };
        let origins = self.origins.is_empty().then_some(origins);
        origins.into_iter().chain(self.provider.iter().flat_map(Provider::missing)).collect()
    }
}

fn sign_in(provider: &Provider) -> ExplainedSignIn {
    ExplainedSignIn {
        grants: provider.flows(),
        issuer: provider.issuer().map(str::to_owned),
        client_id: provider.client().map(str::to_owned),
        client_authentication: provider.client_authentication(),
        discovery: provider.discovers(),
    }
}
