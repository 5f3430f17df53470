//! `[service.NAME.oauth]`: the operator's description of how a service's tokens are had.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::Error as _;

use super::endpoint::Endpoint;
use super::error::OAuthError;
use super::words::Parameters;
use super::words::Resource;
use super::words::ScopeToken;
use super::words::VisibleText;

/// How a service's tokens are had, as the operator writes it. Everything may be left out: a preset or discovery may say it,
/// and what is missing then is said where it is needed. No secret stands in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    issuer: Option<Endpoint>,
    authorization_endpoint: Option<Endpoint>,
    token_endpoint: Option<Endpoint>,
    device_authorization_endpoint: Option<Endpoint>,
    revocation_endpoint: Option<Endpoint>,
    client_id: Option<VisibleText>,
    client_authentication: Option<ClientAuthentication>,
    #[serde(deserialize_with = "no_secret")]
    client_secret: (),
    resource: Option<Resource>,
    grants: Option<BTreeSet<Flow>>,
    dialect: Option<Dialect>,
    scopes: BTreeMap<String, BTreeSet<ScopeToken>>,
    always_scopes: Option<BTreeSet<ScopeToken>>,
    authorization_parameters: Option<Parameters>,
    discovery: Option<bool>,
    #[serde(skip)]
    of_service: OfService,
    #[serde(skip)]
    reached_by_tools: Vec<String>,
}

/// What the service says that its provider needs to know.
#[derive(Debug, Clone, Default)]
pub struct OfService {
    /// Its origins.
    pub origins: Vec<String>,
    /// The names of its scopes.
    pub scopes: BTreeSet<String>,
    /// The fixed headers that it sends, without a secret: Supabase wants `apikey` on every request.
    pub send: Vec<(String, String)>,
}

/// A way to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// A browser on this machine (RFC 6749 §4.1 with RFC 7636).
    AuthorizationCode,
    /// The client's own secret, without a person (RFC 6749 §4.4).
    ClientCredentials,
    /// A browser anywhere (RFC 8628).
    Device,
    /// Name and password, told to Hotcell (RFC 6749 §4.3). RFC 9700 §2.4 forbids it but to first parties.
    Password,
}

/// How the client shows who it is (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthentication {
    /// By its secret in the header `authorization`.
    Basic,
    /// Not at all: a public client.
    #[default]
    None,
    /// By its secret in the body.
    Post,
}

/// How the server wants to be spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// RFC 6749.
    #[default]
    Oauth,
    /// Supabase Auth (GoTrue): JSON, an `apikey`, errors and sign-out of its own.
    Supabase,
}

/// Something that the operator must still write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The field.
    pub field: &'static str,
    /// What to write.
    pub repair: &'static str,
}

impl Provider {
    /// This description, and what it does not say from a preset. Scopes are put together, the operator's first.
    #[must_use]
    pub fn over(self, preset: Self) -> Self {
        let mut scopes = preset.scopes;
        scopes.extend(self.scopes);
        Self {
            issuer: self.issuer.or(preset.issuer),
            authorization_endpoint: self.authorization_endpoint.or(preset.authorization_endpoint),
            token_endpoint: self.token_endpoint.or(preset.token_endpoint),
            device_authorization_endpoint: self.device_authorization_endpoint.or(preset.device_authorization_endpoint),
            revocation_endpoint: self.revocation_endpoint.or(preset.revocation_endpoint),
            client_id: self.client_id.or(preset.client_id),
            client_authentication: self.client_authentication.or(preset.client_authentication),
            client_secret: (),
            resource: self.resource.or(preset.resource),
            grants: self.grants.or(preset.grants),
            dialect: self.dialect.or(preset.dialect),
            scopes,
            always_scopes: self.always_scopes.or(preset.always_scopes),
            authorization_parameters: self.authorization_parameters.or(preset.authorization_parameters),
            discovery: self.discovery.or(preset.discovery),
            of_service: self.of_service,
            reached_by_tools: self.reached_by_tools,
        }
    }

    /// Says which origins tools reach, those of all services: an endpoint that is only found later must not be on one.
    #[must_use]
    pub fn with_origins_of_tools(mut self, origins: Vec<String>) -> Self {
        self.reached_by_tools = origins;
        self
    }

    /// The provider of a service. Checks what one field says of another.
    ///
    /// # Errors
    /// What is wrong, which field, and how to repair it.
    pub fn of_service(mut self, service: OfService) -> Result<Self, String> {
        if let Some(scope) = self.scopes.keys().find(|scope| !service.scopes.contains(*scope)) {
            return Err(format!(
                "`oauth.scopes` names {scope}, which is no scope of the service; add it to its `scopes`"
            ));
        }
        let is_supabase = self.dialect() == Dialect::Supabase;
        let foreign = [Flow::AuthorizationCode, Flow::Device, Flow::ClientCredentials];
        if is_supabase && self.grants.iter().flatten().any(|flow| foreign.contains(flow)) {
            return Err("`grants` of the dialect supabase is [\"password\"]; for a project's own OAuth server set \
                 dialect = \"oauth\", discovery = true and its issuer"
                .to_owned());
        }
        if is_supabase && self.issuer.is_none() {
            let issuers = service.origins.first().map(|origin| Endpoint::parse(&format!("{origin}/auth/v1")));
            self.issuer = issuers.transpose()?;
        }
        self.reached_by_tools.clone_from(&service.origins);
        self.of_service = service;
        Ok(self)
    }

    /// Whether a way to a token is offered. Without `grants`: the browser and the device flow, of Supabase the password.
    #[must_use]
    pub fn offers(&self, flow: Flow) -> bool {
        match &self.grants {
            Some(grants) => grants.contains(&flow),
            None if self.dialect() == Dialect::Supabase => flow == Flow::Password,
            None => match flow {
                Flow::AuthorizationCode => self.discovers() || self.authorization_endpoint.is_some(),
                Flow::Device => self.discovers() || self.device_authorization_endpoint.is_some(),
                Flow::ClientCredentials | Flow::Password => false,
            },
        }
    }

    /// All ways that are offered.
    #[must_use]
    pub fn flows(&self) -> Vec<Flow> {
        let all = [Flow::AuthorizationCode, Flow::ClientCredentials, Flow::Device, Flow::Password];
        all.into_iter().filter(|flow| self.offers(*flow)).collect()
    }

    /// What the operator must still write before anybody can sign in.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        if self.dialect() == Dialect::Supabase {
            if self.issuer.is_none() {
                missing.push(Missing {
                    field: "issuer",
                    repair: "the service's `origins`, as in https://PROJECT.supabase.co",
                });
            }
            if !self.of_service.send.iter().any(|(name, _)| name == "apikey") {
                missing.push(Missing {
                    field: "send",
                    repair: "send = { apikey = \"the project's publishable (anon) key\" }",
                });
            }
            return missing;
        }
        if self.client_id.is_none() {
            missing.push(Missing {
                field: "client_id",
                repair: "register an application with the service, and write its client id",
            });
        }
        if self.discovers() && self.issuer.is_none() {
            missing.push(Missing {
                field: "issuer",
                repair: "write it exactly as the server does: discovery begins there",
            });
        }
        if !self.discovers() && self.token_endpoint.is_none() {
            missing.push(Missing {
                field: "token_endpoint",
                repair: "write the server's endpoints, or `issuer` and discovery = true",
            });
        }
        missing
    }

    /// Whether the client has a secret: it is asked for at sign-in, and kept in the vault.
    #[must_use]
    pub fn has_client_secret(&self) -> bool {
        self.client_authentication() != ClientAuthentication::None
    }

    /// The dialect.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or_default()
    }

    /// How the client shows who it is.
    #[must_use]
    pub fn client_authentication(&self) -> ClientAuthentication {
        self.client_authentication.unwrap_or_default()
    }

    /// The issuer as it is written, if known.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_ref().map(Endpoint::as_str)
    }

    /// Whether endpoints that are not written are looked up (RFC 8414).
    #[must_use]
    pub fn discovers(&self) -> bool {
        self.discovery.unwrap_or_default()
    }

    /// The client's name at the server, if it is written.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client_id.as_ref().map(VisibleText::as_str)
    }

    /// The endpoints that are written, by the names of their fields: no tool may reach them (threats E9, J6, L16).
    pub fn endpoints(&self) -> impl Iterator<Item = (&'static str, &Endpoint)> {
        let fields = [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("device_authorization_endpoint", &self.device_authorization_endpoint),
            ("revocation_endpoint", &self.revocation_endpoint),
        ];
        // Supabase's endpoints are all below its issuer.
        let issuer = self.issuer.as_ref().filter(|_| self.dialect() == Dialect::Supabase);
        let fields = fields.into_iter().filter_map(|(name, endpoint)| Some((name, endpoint.as_ref()?)));
        issuer.map(|issuer| ("issuer", issuer)).into_iter().chain(fields)
    }

    /// Where discovery begins, if there is any.
    #[must_use]
    pub fn discovery_origin(&self) -> Option<&Endpoint> {
        self.issuer.as_ref().filter(|_| self.discovers())
    }

    pub(crate) fn is_reached_by_tools(&self, endpoint: &Endpoint) -> bool {
        self.reached_by_tools.contains(&endpoint.url().origin().ascii_serialization())
    }

    pub(crate) fn issuer_endpoint(&self) -> Option<&Endpoint> {
        self.issuer.as_ref()
    }

    pub(crate) fn client_id(&self) -> Result<&str, OAuthError> {
        self.client().ok_or(OAuthError::Missing {
            field: "client_id",
            repair: "register an application with the service, and write its client id into config.toml",
        })
    }

    pub(crate) fn resource(&self) -> Option<&str> {
        self.resource.as_ref().map(Resource::as_str)
    }

    pub(crate) fn authorization_parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.authorization_parameters.iter().flat_map(Parameters::iter)
    }

    pub(crate) fn send(&self) -> &[(String, String)] {
        &self.of_service.send
    }

    pub(crate) fn mapped(&self, scope: &str) -> Option<&BTreeSet<ScopeToken>> {
        self.scopes.get(scope).filter(|mapped| !mapped.is_empty())
    }

    pub(crate) fn always_scopes(&self) -> impl Iterator<Item = &ScopeToken> {
        self.always_scopes.iter().flatten()
    }

    /// The scopes of the service.
    pub(crate) fn known_scopes(&self) -> &BTreeSet<String> {
        &self.of_service.scopes
    }
}

fn no_secret<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(D::Error::custom(
        "`client_secret` does not belong into a file: take it out; `hotcell auth signin` asks for it and keeps it in the vault",
    ))
}
