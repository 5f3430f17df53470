//! Services: the operator's word on where each credential may go, in which header, and for which requests.

use std::collections::BTreeMap;

use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use http::HeaderName;
use http::HeaderValue;
use serde::Deserialize;
use serde::Serialize;

use crate::policy;
use crate::policy::Grant;
use crate::policy::Terms;
use crate::policy::headers::is_never_allowed;
use crate::policy::template::Rule;
use crate::policy::template::Template;
use crate::policy::url::Origin;
use crate::scan;

/// The operator's services by name.
#[derive(Debug, Default)]
pub struct Services {
    by_name: BTreeMap<String, Service>,
}

/// The terms on which a request would be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
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
    pub(crate) origins: Vec<Origin>,
    /// The one header that carries the credential.
    pub(crate) header: HeaderName,
    /// What stands before the token in it.
    pub(crate) prefix: String,
    /// Fixed headers without a secret.
    pub(crate) send: Vec<(HeaderName, HeaderValue)>,
    pub(crate) request_headers: Vec<String>,
    pub(crate) response_headers: Vec<String>,
    pub(crate) deny: Vec<Template>,
    pub(crate) anonymous: Vec<Rule>,
    pub(crate) scopes: BTreeMap<String, Vec<Rule>>,
}

/// `[service.NAME]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    origins: Vec<toml::Spanned<String>>,
    #[serde(default)]
    credential: Option<toml::Spanned<WrittenCredential>>,
    #[serde(default)]
    send: BTreeMap<toml::Spanned<String>, String>,
    #[serde(default)]
    request_headers: Vec<toml::Spanned<String>>,
    #[serde(default)]
    response_headers: Vec<toml::Spanned<String>>,
    #[serde(default)]
    deny: Vec<toml::Spanned<String>>,
    #[serde(default)]
    anonymous: Vec<toml::Spanned<String>>,
    #[serde(default)]
    scopes: BTreeMap<toml::Spanned<String>, Vec<toml::Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCredential {
    header: String,
    #[serde(default)]
    prefix: String,
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
        for (name, service) in written.service {
            let start = name.span().start;
            let name = name.into_inner();
            let read = Reader { mistake: &mistake, name: &name, start }.service(service)?;
            by_name.insert(name.clone(), read);
        }
        Ok(Self { by_name })
    }

    /// Checks that everything in a grant exists: services, scopes, and public origins that are no service's.
    ///
    /// # Errors
    /// [`Code::BadConfig`] naming what is missing and where it would be written.
    pub fn check(&self, grant: &Grant) -> Result<(), Refusal> {
        for (name, scopes) in &grant.services {
            let service = self.find(name).ok_or_else(|| unknown_service(name, &grant.action))?;
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

    /// Decides a request as the gate would, without sending it: for a person who asks why.
    ///
    /// # Errors
    /// The refusal that the gate would answer with.
    pub fn explain(&self, grant: &Grant, method: Method, url: &str) -> Result<Explained, Refusal> {
        let asked = Asked { method, url: url.to_owned(), headers: Vec::new(), body: None };
        let Terms { service, scope, rule } = policy::check(self, grant, asked)?.terms;
        Ok(Explained { service, scope, rule })
    }

    /// The services that have this origin, granted or not.
    pub(crate) fn owners(&self, origin: &Origin) -> impl Iterator<Item = &Service> {
        self.by_name.values().filter(|service| service.origins.contains(origin))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Service> {
        self.by_name.get(name)
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

/// Reads one service, and knows how to say where a mistake is.
struct Reader<'a> {
    mistake: &'a dyn Fn(usize, &str) -> Refusal,
    name: &'a str,
    start: usize,
}

impl Reader<'_> {
    fn service(&self, written: Written) -> Result<Service, Refusal> {
        let named =
            self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
        if !named || self.name.is_empty() || self.name.len() > 64 {
            return Err((self.mistake)(
                self.start,
                "a service's name has 1 to 64 lower-case letters, digits, `.`, `_` and `-`",
            ));
        }
        if written.origins.is_empty() {
            return Err((self.mistake)(
                self.start,
                "`origins` is empty: name at least one, as in \"https://api.example.com\"",
            ));
        }
        let (header, prefix) = self.credential(written.credential)?;
        let send = self.send(written.send, &header)?;
        Ok(Service {
            name: self.name.to_owned(),
            origins: self.each(&written.origins, Origin::parse)?,
            request_headers: self.each(&written.request_headers, |name| request_header(name, &header, &send))?,
            response_headers: self.each(&written.response_headers, response_header)?,
            deny: self.each(&written.deny, Template::parse)?,
            anonymous: self.each(&written.anonymous, Rule::parse)?,
            scopes: written
                .scopes
                .iter()
                .map(|(scope, rules)| {
                    scope_name(scope.get_ref()).map_err(|why| (self.mistake)(scope.span().start, &why))?;
                    Ok((scope.get_ref().clone(), self.each(rules, Rule::parse)?))
                })
                .collect::<Result<_, Refusal>>()?,
            header,
            prefix,
            send,
        })
    }

    fn each<T>(
        &self,
        texts: &[toml::Spanned<String>],
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Refusal> {
        texts.iter().map(|text| read(text.get_ref()).map_err(|why| (self.mistake)(text.span().start, &why))).collect()
    }

    fn credential(&self, written: Option<toml::Spanned<WrittenCredential>>) -> Result<(HeaderName, String), Refusal> {
        let Some(written) = written else {
            return Ok((http::header::AUTHORIZATION, "Bearer ".to_owned()));
        };
        let start = written.span().start;
        let WrittenCredential { header, prefix } = written.into_inner();
        let name = header_name(&header).map_err(|why| (self.mistake)(start, &why))?;
        // `authorization` is what credentials are for; of what else no tool may set, none can carry one.
        if name != http::header::AUTHORIZATION && is_never_allowed(name.as_str()) {
            return Err((self.mistake)(start, &format!("a credential cannot travel in the header {name}")));
        }
        if !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') || prefix.len() > 64 {
            return Err((self.mistake)(start, "`prefix` has odd characters or more than 64 bytes"));
        }
        Ok((name, prefix))
    }

    fn send(
        &self,
        written: BTreeMap<toml::Spanned<String>, String>,
        credential: &HeaderName,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
        let mut send = Vec::new();
        for (name, value) in written {
            let mistake = |why: String| (self.mistake)(name.span().start, &why);
            let header = header_name(name.get_ref()).map_err(mistake)?;
            let mistake = |why: String| (self.mistake)(name.span().start, &why);
            if header == *credential || is_never_allowed(header.as_str()) {
                return Err(mistake(format!("`send` cannot set {header}: the host does, or nobody")));
            }
            let value = HeaderValue::from_str(&value)
                .map_err(|_| mistake(format!("the value of {header} is no header value")))?;
            send.push((header, value));
        }
        Ok(send)
    }
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| "this is no header name (RFC 9110 section 5.6.2)".to_owned())?;
    if name.as_str() == text { Ok(name) } else { Err(format!("write the header in lower case: {name}")) }
}

fn request_header(text: &str, credential: &HeaderName, send: &[(HeaderName, HeaderValue)]) -> Result<String, String> {
    let name = header_name(text)?;
    if name == *credential || is_never_allowed(text) {
        return Err(format!("a tool can never set {name}"));
    }
    if send.iter().any(|(sent, _)| *sent == name) {
        return Err(format!("`send` sets {name} already"));
    }
    Ok(text.to_owned())
}

fn response_header(text: &str) -> Result<String, String> {
    let name = header_name(text)?;
    if scan::is_never_returned(text) {
        return Err(format!("{name} is never handed to a tool: it carries credentials or steers connections"));
    }
    Ok(text.to_owned())
}

fn scope_name(text: &str) -> Result<(), String> {
    let fits =
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    if fits {
        Ok(())
    } else {
        Err("a scope's name is visible ASCII without spaces and quotes (RFC 6749 section 3.3)".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[service.github]
origins = ["https://api.github.com"]
send = { x-github-api-version = "2022-11-28" }
request_headers = ["x-trace"]
deny = ["/login/**"]
[service.github.scopes]
"issues:read" = ["GET /repos/{owner}/{repo}/issues"]
[service.local]
origins = ["http://127.0.0.1:8080", "http://[::1]:8080"]
credential = { header = "private-token" }
anonymous = ["GET /public/**"]
[limits]
deadline_seconds = 5
"#;

    #[test]
    fn a_service_is_read() {
        let services = Services::parse(GOOD, "config.toml").unwrap();
        assert_eq!(services.names().collect::<Vec<_>>(), ["github", "local"]);
        let github = services.find("github").unwrap();
        assert_eq!((github.header.as_str(), github.prefix.as_str()), ("authorization", "Bearer "));
        assert_eq!(services.rules("github", "issues:read"), ["GET /repos/{owner}/{repo}/issues"]);
        let local = services.find("local").unwrap();
        assert_eq!((local.header.as_str(), local.prefix.as_str()), ("private-token", ""));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases = [
            ("origins = [\"https://api.example.com/v1\"]", "has a path"),
            ("origins = [\"http://api.example.com\"]", "not encrypted"),
            ("origins = [\"http://localhost:8080\"]", "not encrypted"),
            ("origins = [\"https://*.example.com\"]", "no origin"),
            ("origins = [\"https://10.0.0.1\"]", "no origin"),
            ("origins = [\"https://api.example.com.\"]", "no origin"),
            ("origins = [\"https://API.example.com\"]", "canonical"),
            ("origins = [\"https://api.example.com:443\"]", "canonical"),
            ("origins = []", "empty"),
            ("origins = [\"https://a.example\"]\norigin = 1", "unknown field"),
            ("origins = [\"https://a.example\"]\ncredential = { header = \"cookie\" }", "cannot travel"),
            ("origins = [\"https://a.example\"]\ncredential = { header = \"Authorization\" }", "lower case"),
            ("origins = [\"https://a.example\"]\nsend = { authorization = \"x\" }", "cannot set"),
            ("origins = [\"https://a.example\"]\nrequest_headers = [\"authorization\"]", "never set"),
            ("origins = [\"https://a.example\"]\nrequest_headers = [\"x-forwarded-host\"]", "never set"),
            ("origins = [\"https://a.example\"]\nresponse_headers = [\"set-cookie\"]", "never handed"),
            ("origins = [\"https://a.example\"]\ndeny = [\"login\"]", "does not start"),
            ("origins = [\"https://a.example\"]\nanonymous = [\"/x\"]", "no rule"),
            ("origins = [\"https://a.example\"]\n[service.a.scopes]\nr = [\"TRACE /x\"]", "no method"),
            ("origins = [\"https://a.example\"]\n[service.a.scopes]\n\"a b\" = []", "scope's name"),
        ];
        for (text, expected) in cases {
            let refusal = Services::parse(&format!("[service.a]\n{text}\n"), "config.toml").unwrap_err();
            assert_eq!(refusal.code, Code::BadConfig);
            assert!(refusal.message.starts_with("config.toml, line "), "{}", refusal.message);
            assert!(refusal.message.contains(expected), "{expected}: {}", refusal.message);
        }
        let refusal = Services::parse("\n[service.a]\norigins = [\n  \"https://a.example/x\"]\n", "c").unwrap_err();
        assert!(refusal.message.starts_with("c, line 4, column 3:"), "{}", refusal.message);
    }

    #[test]
    fn i3_what_nobody_set_up_cannot_be_granted() {
        let services = Services::parse(GOOD, "config.toml").unwrap();
        let grant = |service: &str, scope: &str, public: &[&str]| Grant {
            tool: "t".into(),
            digest: hotcell_protocol::Digest::of(b""),
            action: "go".into(),
            services: [(service.to_owned(), [scope.to_owned()].into())].into(),
            public: public.iter().map(|rule| crate::PublicRule::parse(rule).unwrap()).collect(),
        };
        assert!(services.check(&grant("github", "issues:read", &["GET https://a.example/"])).is_ok());
        for bad in [
            grant("gitlab", "issues:read", &[]),
            grant("github", "admin", &[]),
            grant("github", "issues:read", &["GET https://api.github.com/login/x"]),
        ] {
            let refusal = services.check(&bad).unwrap_err();
            assert_eq!(refusal.code, Code::BadConfig);
            assert!(!refusal.hint.is_empty());
        }
    }
}
