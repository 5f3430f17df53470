//! Reads one service's table.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use hotcell_vault::oauth::OfService;
use hotcell_vault::oauth::Provider;
use http::HeaderName;
use http::HeaderValue;

use super::Service;
use super::presets;
use super::written::Credential;
use super::written::NewCredentials;
use super::written::Written;
use crate::policy::headers::is_never_allowed;
use crate::policy::template::Rule;
use crate::policy::template::Template;
use crate::policy::url::Origin;
use crate::scan;

/// Reads one service, and knows how to say where a mistake is.
pub(super) struct Reader<'a> {
    pub(super) mistake: &'a dyn Fn(usize, &str) -> Refusal,
    pub(super) name: &'a str,
    /// Where the name stands.
    pub(super) span: Range<usize>,
}

impl Reader<'_> {
    pub(super) fn service(&self, written: Written) -> Result<Service, Refusal> {
        let named =
            self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
        if !named || self.name.is_empty() || self.name.len() > 64 {
            return Err(self.wrong("a service's name has 1 to 64 lower-case letters, digits, `.`, `_` and `-`"));
        }
        let written = self.with_preset(written)?;
        let origins = written.origins.unwrap_or_default();
        // A preset may leave them open: then their lack is said where they are needed.
        if origins.is_empty() && written.preset.is_none() {
            return Err(self.wrong("`origins` is empty: name at least one, as in \"https://api.example.com\""));
        }
        let (header, prefix) = self.credential(written.credential)?;
        let send = self.send(written.send, &header)?;
        let request_headers = written.request_headers.unwrap_or_default();
        let mut service = Service {
            name: self.name.to_owned(),
            preset: written.preset.map(toml::Spanned::into_inner),
            description: written.description.map(|text| cut(&visible(text.get_ref()), 200)).unwrap_or_default(),
            origins: self.each(&origins, Origin::parse)?,
            request_headers: self.each(&request_headers, |name| request_header(name, &header, &send))?,
            response_headers: self.each(&written.response_headers.unwrap_or_default(), response_header)?,
            new_credentials_pass: written.new_credentials == Some(NewCredentials::Pass),
            deny: self.each(&written.deny, Template::parse)?,
            anonymous: self.each(&written.anonymous.unwrap_or_default(), Rule::parse)?,
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
            provider: None,
        };
        service.provider = written.oauth.map(|oauth| self.provider(oauth, &service)).transpose()?;
        Ok(service)
    }

    fn with_preset(&self, written: Written) -> Result<Written, Refusal> {
        let Some(name) = &written.preset else { return Ok(written) };
        let preset = presets::find(name.get_ref()).map_err(|why| (self.mistake)(name.span().start, &why))?;
        Ok(written.over(preset, &self.span))
    }

    fn provider(&self, written: toml::Spanned<Provider>, service: &Service) -> Result<Provider, Refusal> {
        let start = written.span().start;
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let of_service = OfService {
            origins: service.origins.iter().map(ToString::to_string).collect(),
            scopes: service.scopes.keys().cloned().collect::<BTreeSet<_>>(),
            send: service.send.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        };
        written.into_inner().of_service(of_service).map_err(|why| (self.mistake)(start, &why))
    }

    fn wrong(&self, why: &str) -> Refusal {
        (self.mistake)(self.span.start, why)
    }

    fn each<T>(
        &self,
        texts: &[toml::Spanned<String>],
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Refusal> {
        texts.iter().map(|text| read(text.get_ref()).map_err(|why| (self.mistake)(text.span().start, &why))).collect()
    }

    fn credential(&self, written: Option<toml::Spanned<Credential>>) -> Result<(HeaderName, String), Refusal> {
        let Some(written) = written else {
            return Ok((http::header::AUTHORIZATION, "Bearer ".to_owned()));
        };
        let start = written.span().start;
        let Credential { header, prefix } = written.into_inner();
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
            if value.to_str().is_ok_and(is_secret_key) {
                return Err(mistake(format!("the value of {header} is a secret key; `send` is for publishable ones")));
            }
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

/// Whether a value is one of Supabase's keys that go around all rules of a database: a config file holds no secret, and a
/// tool's requests must not carry one (threat J6).
fn is_secret_key(value: &str) -> bool {
    let payload = value.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok()).unwrap_or_default();
    let payload: String = String::from_utf8_lossy(&payload).split_whitespace().collect();
    value.starts_with("sb_secret_") || payload.contains("\"role\":\"service_role\"")
}
