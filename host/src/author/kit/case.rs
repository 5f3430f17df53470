//! A case: one call of one action, what servers answer, and what must come of it. Read by [`super::read`], written by hand or by
//! [`super::write`].

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hotcell_gate::Played;
use hotcell_protocol::Code;
use hotcell_protocol::Method;
use hotcell_protocol::text::visible;
use serde_json::Value;

use crate::config::Variables;

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    /// Its name, one of a kind in its file.
    pub(crate) name: String,
    /// The file, relative to the project.
    pub(crate) file: String,
    /// The line on which it begins.
    pub(crate) line: usize,
    /// The action.
    pub(crate) action: String,
    /// Its arguments: an object.
    pub(crate) arguments: Value,
    /// To which services somebody is signed in, with which scopes. `None`: to all that the tool asks for, with all of them.
    pub(crate) token_scopes: Option<BTreeMap<String, BTreeSet<String>>>,
    /// What an operator would set for a tool without code.
    pub(crate) variables: Variables,
    /// Wall time that the call has.
    pub(crate) deadline: Duration,
    /// Whether requests come in the order in which they are written.
    pub(crate) order: Order,
    /// The requests, `times` written out.
    pub(crate) requests: Vec<Expected>,
    /// How the call must end.
    pub(crate) outcome: Outcome,
    /// Texts of which each is in a line of the log, in this order.
    pub(crate) log: Vec<String>,
}

impl Case {
    /// Where it stands, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}, line {}", visible(&self.file), self.line)
    }
}

/// In which order requests come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// In any: each is compared with the first written one of its method and URL.
    Any,
    /// As written.
    #[default]
    Exact,
}

/// How a call must end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// With the tool's own error.
    Fails(Wanted),
    /// Refused by Hotcell, with this code and this text in the reason.
    Refused(Code, Option<String>),
    /// With a result.
    Returns(Wanted),
}

/// A JSON value that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// This and nothing else.
    Exactly(Value),
    /// At least this: objects may have further fields.
    Part(Value),
}

/// A request that the tool must make, before the host adds anything.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    /// The method.
    pub(crate) method: Method,
    /// The whole URL; or path and query, of whatever origin.
    pub(crate) url: String,
    /// Headers that it must have.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// Whether these are all that it may have.
    pub(crate) headers_exact: bool,
    /// The body. `None`: whatever it is.
    pub(crate) body: Option<Body>,
    /// What comes of it.
    pub(crate) then: Then,
}

/// A body that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// These bytes. None at all is as good as an empty one.
    Bytes(Arc<[u8]>),
    /// JSON.
    Json(Wanted),
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Then {
    /// What the server does, if it gets the request at all.
    pub(crate) reply: Option<Played>,
    /// The code with which the gate refuses the request or withholds the answer, and a text in the reason.
    pub(crate) refused: Option<(Code, Option<String>)>,
}

impl Expected {
    /// Whether a request is this one, by method and URL.
    pub(crate) fn is(&self, method: Method, url: &str) -> bool {
        self.method == method && (self.url == url || self.url.starts_with('/') && self.url == path_and_query(url))
    }

    /// Method and URL, for people.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method.as_str(), self.url)
    }
}

/// What stands behind the origin of a URL, from its first `/` on.
pub(crate) fn path_and_query(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use hotcell_gate::Fault;

    use super::*;

    #[test]
    fn a_request_is_found_by_its_method_and_its_url_or_path() {
        let expected = |url: &str| Expected {
            method: Method::Get,
            url: url.to_owned(),
            headers: None,
            headers_exact: false,
            body: None,
            then: Then { reply: Some(Played::Fails(Fault::Silent)), refused: None },
        };
        for (written, asked, same) in [
            ("https://a.example/x?y=1", "https://a.example/x?y=1", true),
            ("/x?y=1", "https://a.example/x?y=1", true),
            ("/x?y=1", "https://a.example:8443/x?y=1", true),
            ("/x", "https://a.example/x?y=1", false),
            ("/", "https://a.example", true),
            ("https://a.example/x", "https://b.example/x", false),
            ("//a.example/x", "https://a.example/x", false),
            ("/x", "https://a.example/y?u=https://b.example/x", false),
        ] {
            assert_eq!(expected(written).is(Method::Get, asked), same, "{written} {asked}");
            assert!(!expected(written).is(Method::Post, asked));
        }
    }
}
