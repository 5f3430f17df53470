//! A request as a manifest writes it, and every `${name}` in it with the place where it stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::text::Text;
use crate::text::shown;
use crate::url::Base;
use crate::url::UrlTemplate;

/// A request with `${name}` in it: the table `request` of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// `${service.NAME}/path/${parameter}` or `https://host/path/${parameter}`.
    pub url: String,
    /// Header fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Keys of the query: text with names, a number or a boolean.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Value>,
    /// The body, sent as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Which part of the answer is the result: a JSON pointer (RFC 6901). All of it, where this is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
}

/// Request methods (RFC 9110 §9.3, RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// The method's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    fn has_body(self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }
}

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a text of the body.
    Body,
    /// In a header's value.
    Header,
    /// In a segment of the path.
    Path,
    /// In a value of the query.
    Query,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "the body",
            Self::Header => "a header",
            Self::Path => "the path",
            Self::Query => "the query",
        })
    }
}

/// One `${name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The keys that lead to the text, from `request` on: `["query", "state"]`.
    pub at: Vec<String>,
    /// The name.
    pub name: String,
    /// Whether the name is all of the text: then the value keeps its type in a body, and a list may stand in a query.
    pub lone: bool,
    /// Where it stands.
    pub place: Place,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The keys that lead to it, from `request` on.
    pub at: Vec<String>,
    /// What is wrong, in words.
    pub why: String,
}

impl Mistake {
    fn new(at: &[&str], why: impl Into<String>) -> Self {
        Self { at: at.iter().map(|&key| key.to_owned()).collect(), why: why.into() }
    }
}

/// Levels of a body. The gate's limit on its bytes comes later, at each request.
const BODY_DEPTH: usize = 32;

impl Request {
    /// Where the request goes.
    ///
    /// # Errors
    /// [`Mistake`] for a URL that is none.
    pub fn base(&self) -> Result<Base, Mistake> {
        self.parsed_url().map(|url| url.base)
    }

    pub(crate) fn parsed_url(&self) -> Result<UrlTemplate, Mistake> {
        UrlTemplate::parse(&self.url).map_err(|why| Mistake::new(&["url"], why))
    }

    /// Every name in it. Reads all of it: what this takes, [`Request::expand`] can fill in.
    ///
    /// # Errors
    /// [`Mistake`] for the first thing that is wrong.
    pub fn uses(&self) -> Result<Vec<Use>, Mistake> {
        let mut uses = Vec::new();
        for segment in &self.parsed_url()?.segments {
            collect(&mut uses, segment, Place::Path, &["url"]);
        }
        for (name, text) in &self.headers {
            let at = ["headers", name];
            header_name(name).map_err(|why| Mistake::new(&at, why))?;
            let text = parse(text, &at)?;
            collect(&mut uses, &text, Place::Header, &at);
        }
        for (key, value) in &self.query {
            let at = ["query", key];
            match value {
                Value::String(text) => collect(&mut uses, &parse(text, &at)?, Place::Query, &at),
                Value::Number(_) | Value::Bool(_) => {}
                _ => return Err(Mistake::new(&at, "a query's value is text, a number or a boolean")),
            }
        }
        if let Some(body) = &self.body {
            if !self.method.has_body() {
                return Err(Mistake::new(&["body"], format!("a {} request has no body", self.method.as_str())));
            }
            self.body(&mut uses, body, &mut vec!["body".to_owned()])?;
        }
        if let Some(pointer) = &self.select
            && !pointer.starts_with('/')
        {
            return Err(Mistake::new(&["select"], "a JSON pointer begins with `/`, as in `/items` (RFC 6901)"));
        }
        Ok(uses)
    }

    fn body(&self, uses: &mut Vec<Use>, value: &Value, at: &mut Vec<String>) -> Result<(), Mistake> {
        let here = |at: &[String], why: String| Mistake { at: at.to_vec(), why };
        if at.len() > BODY_DEPTH {
            return Err(here(at, format!("it is nested deeper than {BODY_DEPTH} levels")));
        }
        match value {
            Value::String(text) => {
                let text = Text::parse(text).map_err(|why| here(at, why))?;
                let keys: Vec<&str> = at.iter().map(String::as_str).collect();
                collect(uses, &text, Place::Body, &keys);
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    at.push(index.to_string());
                    self.body(uses, item, at)?;
                    at.pop();
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    at.push(key.clone());
                    if key.contains("${") {
                        return Err(here(at, "a field's name cannot have a value in it".into()));
                    }
                    if key.starts_with("$__toml") {
                        return Err(here(at, "JSON has no dates: write it as text".into()));
                    }
                    self.body(uses, value, at)?;
                    at.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }
}

fn parse(text: &str, at: &[&str]) -> Result<Text, Mistake> {
    Text::parse(text).map_err(|why| Mistake::new(at, why))
}

fn collect(uses: &mut Vec<Use>, text: &Text, place: Place, at: &[&str]) {
    let lone = text.lone().is_some();
    uses.extend(text.names().map(|name| Use {
        at: at.iter().map(|&key| key.to_owned()).collect(),
        name: name.to_owned(),
        lone,
        place,
    }));
}

/// Names that carry credentials or frame the request. The gate refuses these, too, and all others that it does not know; here
/// it is said before anybody is asked.
const NEVER: [&str; 11] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "user-agent",
];

fn header_name(name: &str) -> Result<(), String> {
    // RFC 9110 §5.6.2, in lower case: a name in two spellings would be one header twice.
    let token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(format!("`{}` is no header's name in lower case", shown(name)));
    }
    if NEVER.contains(&name) {
        return Err(format!("`{name}` is the host's to set: a credential is added by the service, and nowhere else"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        toml::from_str(text).unwrap()
    }

    fn mistake(text: &str) -> Mistake {
        request(text).uses().unwrap_err()
    }

    const URL: &str = "method = \"POST\"\nurl = \"${service.s}/a/${id}\"\n";

    #[test]
    fn every_name_is_found_with_its_place() {
        let text = "headers = { prefer = \"x-${h}\" }\nquery = { q = \"${q}\", n = 5, on = true }\n\
                    [body]\ntitle = \"${t}\"\nlist = [\"${l}\", { deep = \"a ${d}\" }]\n";
        let uses = request(&format!("{URL}{text}")).uses().unwrap();
        let of = |name: &str| {
            let found = uses.iter().find(|found| found.name == name).unwrap();
            (found.place, found.lone, found.at.join("."))
        };
        assert_eq!(uses.len(), 6);
        assert_eq!(of("id"), (Place::Path, true, "url".into()));
        assert_eq!(of("h"), (Place::Header, false, "headers.prefer".into()));
        assert_eq!(of("q"), (Place::Query, true, "query.q".into()));
        assert_eq!(of("t"), (Place::Body, true, "body.title".into()));
        assert_eq!(of("l"), (Place::Body, true, "body.list.0".into()));
        assert_eq!(of("d"), (Place::Body, false, "body.list.1.deep".into()));
    }

    #[test]
    fn mistakes_name_the_key() {
        for (text, at, why) in [
            ("headers = { accept = \"${\" }", "headers.accept", "no `}`"),
            ("query = { a = \"${env.HOME}\" }", "query.a", "no name"),
            ("query = { a = [1] }", "query.a", "text, a number"),
            ("body = { a = { b = [\"${!}\"] } }", "body.a.b.0", "no name"),
            ("body = { \"x${a}\" = 1 }", "body.x${a}", "a field's name"),
            ("body = { at = 2026-01-01 }", "body.at.$__toml_private_datetime", "no dates"),
            ("select = \"items\"", "select", "begins with `/`"),
        ] {
            let found = mistake(&format!("{URL}{text}\n"));
            assert_eq!(found.at.join("."), at);
            assert!(found.why.contains(why), "{text}: {}", found.why);
        }
        assert_eq!(mistake("method = \"GET\"\nurl = \"${service.s}/\"\nbody = {}\n").at, ["body"]);
    }

    #[test]
    fn b1_b3_b5_a_template_sets_no_header_of_the_hosts() {
        for name in
            ["authorization", "cookie", "host", "content-length", "transfer-encoding", "Accept", "a b", "a\\r\\nb", ""]
        {
            let found = mistake(&format!("{URL}[headers]\n\"{name}\" = \"x\"\n"));
            assert_eq!(found.at[0], "headers", "{name}");
        }
    }

    #[test]
    fn b11_other_methods_and_unknown_keys_are_no_request() {
        for bad in [
            "method = \"TRACE\"",
            "method = \"get\"",
            "method = \"GET\"\ntoken = \"x\"",
            "method = \"GET\"\ncredential = 1",
        ] {
            assert!(toml::from_str::<Request>(&format!("url = \"${{service.s}}/\"\n{bad}\n")).is_err(), "{bad}");
        }
    }
}
