//! HTTP without credentials: requests that the host checks, signs and sends. Retries of what may be repeated, pauses that a
//! server asks for, and new tokens are the host's business: a tool asks once.
//!
//! ```no_run
//! # use hotcell_sdk::{http, json, Problem};
//! # fn f(owner: &str, repo: &str) -> Result<(), Problem> {
//! let github = http::service("github")?;
//! let request = github.post(&["repos", owner, repo, "issues"])?.json(&json!({"title": "It squeaks"}));
//! let answer = request.send()?.or_problem()?;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use crate::bindings::hotcell::tool::http as host;
pub use crate::bindings::hotcell::tool::http::Method;
use crate::encode::segment;

mod request;
mod response;

pub use request::Request;
pub use response::Response;

/// Why there is no usable response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The host refused the request, or could not complete it. Why in words is told to the person who runs the tool.
    Host(Refused),
    /// The body is not the JSON that was expected.
    Json(String),
    /// A path segment that no host lets through. See [`crate::segment`].
    Segment,
    /// The server answered with this status, 400 or above. Where its body matters, see [`Response::ok_or_else`].
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

/// For actions that return `Result<T, String>`.
impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.to_string()
    }
}

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
    // In unit tests on the author's own machine there is no host. What makes requests can be tested there; nothing is sent.
    if cfg!(target_arch = "wasm32") {
        host::origin(name).map(|origin| Service { origin }).map_err(Error::Host)
    } else {
        Ok(Service { origin: format!("https://{name}.invalid") })
    }
}

/// A `GET` request to an absolute URL, for instance one of a public rule, or of [`Response::link`].
pub fn get(url: impl Into<String>) -> Request {
    Request::new(Method::Get, url)
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

    /// A `DELETE` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn delete(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Delete, path)
    }

    /// A `GET` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn get(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Get, path)
    }

    /// A `HEAD` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn head(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Head, path)
    }

    /// A `PATCH` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn patch(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Patch, path)
    }

    /// A `POST` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn post(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Post, path)
    }

    /// A `PUT` request.
    ///
    /// # Errors
    /// As [`Service::request`].
    pub fn put(&self, path: &[&str]) -> Result<Request, Error> {
        self.request(Method::Put, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github() -> Service {
        Service { origin: "https://api.github.com".into() }
    }

    #[test]
    fn paths_are_encoded_and_cannot_lead_elsewhere() {
        let url = |path: &[&str]| github().get(path).map(|request| request.url().to_owned());
        assert_eq!(url(&["repos", "a b", "c"]).as_deref(), Ok("https://api.github.com/repos/a%20b/c"));
        assert_eq!(url(&["repos", ".."]), Err(Error::Segment));
        assert_eq!(url(&[]).as_deref(), Ok("https://api.github.com/"));
    }

    #[test]
    fn without_a_host_requests_are_made_and_not_sent() {
        let request = service("github").and_then(|github| github.get(&["user"]));
        assert_eq!(request.as_ref().map(Request::url), Ok("https://github.invalid/user"));
        assert_eq!(request.and_then(Request::send).err(), Some(Error::Host(Refused::Unreachable)));
    }

    #[test]
    fn each_method_has_its_short_form() {
        let (service, path) = (github(), ["a"].as_slice());
        let short = [
            service.delete(path),
            service.get(path),
            service.head(path),
            service.patch(path),
            service.post(path),
            service.put(path),
        ];
        let methods: Vec<_> = short.into_iter().map(|request| request.map(|request| request.method())).collect();
        let all = [Method::Delete, Method::Get, Method::Head, Method::Patch, Method::Post, Method::Put];
        assert_eq!(methods, all.map(Ok));
    }
}
