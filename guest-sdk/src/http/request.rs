//! A request in the making.

use std::fmt::Display;

use serde::Serialize;

use super::Error;
use super::Method;
use super::Response;
use crate::bindings::hotcell::tool::http as host;
use crate::encode::encode;

/// A request in the making.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<host::Header>,
    body: Option<Vec<u8>>,
    broken: Option<Error>,
}

impl Request {
    /// A request to an absolute URL.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: None, broken: None }
    }

    /// Its method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Its URL, as far as it is made.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds a header. Which names are allowed stands in `wit/http.wit`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(host::Header { name: name.to_owned(), value: value.to_owned() });
        self
    }

    /// Adds a query parameter, encoded.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&pair(name, &value.to_string()));
        self
    }

    /// Adds a query parameter if there is a value.
    pub fn query_if(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            None => self,
            Some(value) => self.query(name, value),
        }
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a body of names and values, as a form of HTML has them (`application/x-www-form-urlencoded`).
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| pair(name, value)).collect();
        self.body(pairs.join("&")).header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sets a JSON body and its content type.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body(body).header("content-type", "application/json"),
            Err(error) => {
                self.broken = Some(Error::Json(error.to_string()));
                self
            }
        }
    }

    /// Sets a body of plain text and its content type.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.body(text.into()).header("content-type", "text/plain; charset=utf-8")
    }

    /// Sends the request and waits for the whole response, whatever its status.
    ///
    /// # Errors
    /// [`Error::Host`] with the host's reason; [`Error::Json`] if a body could not be written.
    pub fn send(self) -> Result<Response, Error> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        if !cfg!(target_arch = "wasm32") {
            // A unit test on the author's own machine.
            return Err(Error::Host(host::Error::Unreachable));
        }
        let request = host::Request { method: self.method, url: self.url, headers: self.headers, body: self.body };
        host::send(&request).map(Response::from).map_err(Error::Host)
    }
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encode(name), encode(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post() -> Request {
        Request::new(Method::Post, "https://api.example.com/a")
    }

    fn sent(request: &Request) -> (String, String) {
        let header = request.headers.iter().find(|header| header.name == "content-type");
        let body = request.body.clone().unwrap_or_default();
        (header.map(|header| header.value.clone()).unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    #[test]
    fn queries_are_encoded_and_left_out_without_a_value() {
        let request = post().query("q", "x&y").query("n", 1).query_if("none", None::<u8>).query_if("some", Some(true));
        assert_eq!(request.url(), "https://api.example.com/a?q=x%26y&n=1&some=true");
    }

    #[test]
    fn bodies_come_with_their_content_type() {
        let form = post().form(&[("a b", "c&d"), ("e", "")]);
        assert_eq!(sent(&form), ("application/x-www-form-urlencoded".into(), "a%20b=c%26d&e=".into()));
        assert_eq!(sent(&post().json(&[1, 2])), ("application/json".into(), "[1,2]".into()));
        assert_eq!(sent(&post().text("é")), ("text/plain; charset=utf-8".into(), "é".into()));
    }

    #[test]
    fn a_body_that_is_no_json_is_told_before_anything_is_sent() {
        let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert!(matches!(post().json(&keys).send(), Err(Error::Json(_))));
    }
}
