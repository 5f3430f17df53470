//! HTTP without credentials: requests that the host checks, signs and sends.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::hotcell::tool::http as host;
pub use crate::bindings::hotcell::tool::http::Method;
use crate::encode::encode;
use crate::encode::segment;

/// Why there is no usable response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The host refused the request, or could not complete it. Why in words is told to the person who runs the tool.
    Host(Refused),
    /// The body is not the JSON that was expected.
    Json(String),
    /// A path segment that no host lets through. See [`crate::segment`].
    Segment,
    /// The server answered with this status, 400 or above.
    Status(u16),
    /// The body is not UTF-8.
    Utf8,
}

/// The host's closed set of reasons.
pub type Refused = host::Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(refused) => f.write_str(match refused {
                Refused::Denied => "not granted to this action",
                Refused::NeedsSignIn => "a person must sign in, or the token lacks a scope",
                Refused::BadRequest => "the request is malformed",
                Refused::TooLarge => "the request or the response is over its limit",
                Refused::TooMany => "this call has used up its requests",
                Refused::TimedOut => "the time is over",
                Refused::Unreachable => "the server cannot be reached",
                Refused::Withheld => "the response was withheld",
                Refused::Broken => "the host failed",
            }),
            Self::Json(why) => write!(f, "the response is not the expected JSON: {why}"),
            Self::Segment => f.write_str("a path segment is empty, a dot segment, or has a separator in it"),
            Self::Status(status) => write!(f, "the server answered with status {status}"),
            Self::Utf8 => f.write_str("the response is not UTF-8"),
        }
    }
}

impl std::error::Error for Error {}

/// A service that the operator set up, addressed without knowing whose server it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    origin: String,
}

/// The service of this name.
///
/// # Errors
/// [`Refused::Denied`] if it was not granted to this action.
pub fn service(name: &str) -> Result<Service, Error> {
    host::origin(name).map(|origin| Service { origin }).map_err(Error::Host)
}

impl Service {
    /// Its origin, for instance `https://api.github.com`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A request to the path of these segments, each encoded.
    ///
    /// # Errors
    /// [`Error::Segment`] for a segment that no host lets through.
    pub fn request(&self, method: Method, path: &[&str]) -> Result<Request, Error> {
        let mut url = self.origin.clone();
        for part in path {
            url.push('/');
            url.push_str(&segment(part)?);
        }
        if path.is_empty() {
            url.push('/');
        }
        Ok(Request::new(method, url))
    }

    /// A `GET` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn get(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Get, path)
    }

    /// A `POST` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn post(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Post, path)
    }
}

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

    /// Adds a header. Which names are allowed stands in `wit/http.wit`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(host::Header { name: name.to_owned(), value: value.to_owned() });
        self
    }

    /// Adds a query parameter, encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&encode(name));
        self.url.push('=');
        self.url.push_str(&encode(value));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a JSON body and its content type.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body(body).header("content-type", "application/json"),
            Err(error) => {
                self.broken = Some(Error::Json(error.to_string()));
                self
            }
        }
    }

    /// Sends the request and waits for the whole response, whatever its status.
    ///
    /// # Errors
    /// [`Error::Host`] with the host's reason; [`Error::Json`] if a body could not be written.
    pub fn send(self) -> Result<Response, Error> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let request = host::Request { method: self.method, url: self.url, headers: self.headers, body: self.body };
        let response = host::send(&request).map_err(Error::Host)?;
        Ok(Response { status: response.status, headers: response.headers, body: response.body })
    }
}

/// A whole response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    headers: Vec<host::Header>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The response, if its status is below 400.
    ///
    /// # Errors
    /// [`Error::Status`].
    pub fn ok(self) -> Result<Self, Error> {
        if self.status < 400 { Ok(self) } else { Err(Error::Status(self.status)) }
    }

    /// A header's value. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    }

    /// All headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`Error::Utf8`].
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|_| Error::Utf8)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::Json`] with the place of the mistake.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Json(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github() -> Service {
        Service { origin: "https://api.github.com".into() }
    }

    #[test]
    fn paths_and_queries_are_encoded() {
        let request = github().get(&["repos", "a b", "c"]).map(|request| request.query("q", "x&y").query("n", "1"));
        assert_eq!(request.ok().map(|r| r.url).as_deref(), Some("https://api.github.com/repos/a%20b/c?q=x%26y&n=1"));
        assert!(matches!(github().get(&["repos", ".."]), Err(Error::Segment)));
        assert_eq!(github().get(&[]).ok().map(|r| r.url).as_deref(), Some("https://api.github.com/"));
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let header = host::Header { name: "content-type".into(), value: "text/plain".into() };
        let response = Response { status: 404, headers: vec![header], body: b"[1]".to_vec() };
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        assert_eq!(response.json::<Vec<u8>>(), Ok(vec![1]));
        assert_eq!(response.ok().err(), Some(Error::Status(404)));
    }
}
