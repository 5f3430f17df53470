//! A request with its values: what the executor sends.

use serde_json::Map;
use serde_json::Value;

use crate::encode::encode;
use crate::request::Method;
use crate::request::Mistake;
use crate::request::Request;
use crate::text::Piece;
use crate::text::Text;
use crate::text::plain;
use crate::url::segment;

/// A request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body: JSON.
    pub body: Option<Vec<u8>>,
}

/// A value that cannot stand where the template puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The parameter's name; where several make one text, the first of them.
    pub name: String,
    /// Why not, in words. Without the value.
    pub why: String,
}

impl From<Mistake> for Problem {
    fn from(mistake: Mistake) -> Self {
        Self { name: mistake.at.join("."), why: mistake.why }
    }
}

fn problem(name: &str, why: &str) -> Problem {
    Problem { name: name.to_owned(), why: why.to_owned() }
}

impl Request {
    /// Puts values in the places of their names. What has a name without a value is left out: a header, a key of the query, a field
    /// or item of the body. `origin` is that of the request's base.
    ///
    /// # Errors
    /// [`Problem`] for a value that cannot stand in its place.
    pub fn expand(&self, origin: &str, values: &Map<String, Value>) -> Result<Expanded, Problem> {
        let mut url = origin.to_owned();
        for part in &self.parsed_url()?.segments {
            url.push('/');
            url.push_str(&path_segment(part, values)?);
        }
        let mut separator = '?';
        for (key, value) in &self.query {
            for text in query_values(key, value, values)? {
                url.push(separator);
                url.push_str(&encode(key));
                url.push('=');
                url.push_str(&encode(&text));
                separator = '&';
            }
        }
        let mut headers = Vec::new();
        for (name, text) in &self.headers {
            let text = parse(text, name)?;
            if let Some(value) = fill(&text, values)? {
                let named = text.names().next().unwrap_or(name);
                headers.push((name.clone(), header_value(named, value)?));
            }
        }
        let body = match &self.body {
            Some(body) => self::body(body, values)?.map(|body| body.to_string().into_bytes()),
            None => None,
        };
        if body.is_some() && !self.headers.contains_key("content-type") {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Ok(Expanded { method: self.method, url, headers, body })
    }
}

fn parse(text: &str, key: &str) -> Result<Text, Problem> {
    Text::parse(text).map_err(|why| problem(key, &why))
}

fn fill(text: &Text, values: &Map<String, Value>) -> Result<Option<String>, Problem> {
    text.fill(values).map_err(|(name, why)| problem(&name, why))
}

fn path_segment(part: &Text, values: &Map<String, Value>) -> Result<String, Problem> {
    let Some(first) = part.names().next() else {
        return Ok(fill(part, values)?.unwrap_or_default());
    };
    let mut filled = Vec::new();
    for piece in part.pieces() {
        match piece {
            Piece::Plain(text) => filled.push((text.clone(), false)),
            Piece::Value(name) => {
                let text = plain(values.get(name)).map_err(|why| problem(name, why))?;
                filled.push((text.ok_or_else(|| problem(name, "a path needs it"))?, true));
            }
        }
    }
    let pieces: Vec<_> = filled.iter().map(|(text, is_value)| (text.as_str(), *is_value)).collect();
    segment(&pieces).map_err(|why| problem(first, &format!("it cannot be a segment of a path: {why}")))
}

/// The values of a key: one, none where a name has no value, several for a list.
fn query_values(key: &str, value: &Value, values: &Map<String, Value>) -> Result<Vec<String>, Problem> {
    let Value::String(text) = value else {
        return Ok(plain(Some(value)).map_err(|why| problem(key, why))?.into_iter().collect());
    };
    let text = parse(text, key)?;
    match text.lone().map(|name| (name, values.get(name))) {
        Some((name, Some(Value::Array(items)))) => {
            let item = |item| plain(Some(item)).map_err(|why| problem(name, why)).map(Option::unwrap_or_default);
            items.iter().map(item).collect()
        }
        _ => Ok(fill(&text, values)?.into_iter().collect()),
    }
}

/// Visible ASCII with single spaces within: no line end can begin another header (threat B4).
fn header_value(name: &str, value: String) -> Result<String, Problem> {
    if value.is_empty() || value.trim() != value || !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(problem(name, "it cannot stand in a header: only visible ASCII can"));
    }
    Ok(value)
}

/// A part of the body; `None` where a name in it has no value.
fn body(template: &Value, values: &Map<String, Value>) -> Result<Option<Value>, Problem> {
    Ok(Some(match template {
        Value::String(text) => {
            let text = parse(text, "body")?;
            match text.lone() {
                Some(name) => return Ok(values.get(name).filter(|value| !value.is_null()).cloned()),
                None => return Ok(fill(&text, values)?.map(Value::String)),
            }
        }
        Value::Array(items) => {
            let filled = items.iter().filter_map(|item| body(item, values).transpose());
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let filled = fields.iter().filter_map(|(key, value)| {
                body(value, values).transpose().map(|value| value.map(|value| (key.clone(), value)))
            });
            Value::Object(filled.collect::<Result<_, _>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expand(text: &str, values: Value) -> Result<Expanded, Problem> {
        let request: Request = toml::from_str(text).unwrap();
        request.uses().unwrap();
        request.expand("https://api.example.com", values.as_object().unwrap())
    }

    const LIST: &str = "method = \"GET\"\nurl = \"${service.s}/repos/${owner}/v${n}.json\"\n\
        headers = { accept-language = \"${lang}\", prefer = \"return=${p}\" }\n\
        query = { state = \"${state}\", per_page = 20, q = \"repo:${owner} is:${state}\", label = \"${labels}\" }\n";

    #[test]
    fn values_are_encoded_for_their_place() {
        let values = json!({"owner": "a b", "n": 2, "state": "x&y=z", "labels": ["p", "q r"], "lang": "de", "p": null});
        let found = expand(LIST, values).unwrap();
        assert_eq!(
            found.url,
            "https://api.example.com/repos/a%20b/v2.json?label=p&label=q%20r&per_page=20&q=repo%3Aa%20b%20is%3Ax%26y%3Dz&state=x%26y%3Dz"
        );
        assert_eq!(found.headers, [("accept-language".to_owned(), "de".to_owned())], "what has no value is left out");
    }

    #[test]
    fn what_is_not_given_is_left_out_and_a_path_needs_all() {
        let found = expand(LIST, json!({"owner": "a", "n": 1})).unwrap();
        assert_eq!(found.url, "https://api.example.com/repos/a/v1.json?per_page=20");
        assert_eq!(expand(LIST, json!({"owner": "a"})).unwrap_err().name, "n");
    }

    #[test]
    fn a_body_keeps_types_and_leaves_out_what_is_not_given() {
        let text = "method = \"POST\"\nurl = \"${service.s}/\"\n[body]\ntitle = \"${t}\"\nn = \"${n}\"\nfixed = 7\non = \"${on}\"\n\
            labels = \"${l}\"\nnote = \"by ${who}\"\nmore = { deep = \"${gone}\", kept = true }\nitems = [\"${gone}\", \"x\"]\n";
        let found = expand(text, json!({"t": "\"}, \"admin\": true", "n": 5, "on": false, "l": ["a"]})).unwrap();
        let body: Value = serde_json::from_slice(&found.body.unwrap()).unwrap();
        assert_eq!(
            body,
            json!({"title": "\"}, \"admin\": true", "n": 5, "fixed": 7, "on": false, "labels": ["a"], "more": {"kept": true}, "items": ["x"]})
        );
        assert_eq!(found.headers, [("content-type".to_owned(), "application/json".to_owned())]);
        let lone = "method = \"POST\"\nurl = \"${service.s}/\"\nbody = \"${t}\"\n";
        assert_eq!(expand(lone, json!({})).unwrap().body, None);
        assert_eq!(expand(lone, json!({"t": ["x"]})).unwrap().body.unwrap(), b"[\"x\"]");
    }

    #[test]
    fn b4_b12_b17_what_would_leave_its_place_is_refused_by_name() {
        for bad in
            ["../admin", "..", "a/b", "%2e%2e", "%2E%2E%2Fx", "a;b", "a\\b", "", "a\r\nb", "a\u{0}", "%252e%252e"]
        {
            let refused = expand(LIST, json!({"owner": bad, "n": 1})).unwrap_err();
            assert_eq!(refused.name, "owner", "{bad:?}");
            assert!(!refused.why.contains("admin"), "the value is not repeated");
        }
        for stays in ["?x=1", "#x", "@evil.example", "a%2", "x:y@z", "evil.example", "ünï", "${n}", "a&b=c"] {
            let found = expand(LIST, json!({"owner": stays, "n": 1})).unwrap();
            assert!(found.url.starts_with("https://api.example.com/repos/"), "{}", found.url);
            assert_eq!(found.url.matches('/').count(), 5, "{}", found.url);
            assert_eq!((found.url.matches('?').count(), found.url.contains('#')), (1, false), "{}", found.url);
        }
        for bad in ["a\r\nx-evil: 1", "a\nb", "ü", "\u{7f}", " a", "a\tb", ""] {
            let refused = expand(LIST, json!({"owner": "a", "n": 1, "lang": bad})).unwrap_err();
            assert_eq!(refused.name, "lang", "{bad:?}");
        }
    }
}
