//! `near:agent/host` 0.4.1: tools that were written for IronClaw send through the same gate. A small adapter: nothing is decided
//! here, and what that host has beside requests is not there.

use std::time::Duration;
use std::time::SystemTime;

use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::GuestError;
use hotcell_protocol::Header;
use hotcell_protocol::LogLevel;
use hotcell_protocol::Method;
use hotcell_protocol::limits;
use serde_json::Map;
use serde_json::Value;
use tokio::time::timeout;
use wasmtime::Result;
use wasmtime::component::Linker;

use crate::bindings::near_agent::host;
use crate::bindings::near_agent::host::HttpErrorKind;
use crate::bindings::near_agent::host::HttpFailure;
use crate::bindings::near_agent::host::HttpResponse;
use crate::state::State;
use crate::wasi_http::parts::is_the_hosts;

/// Bytes of headers as JSON: those of a request, each character escaped at its longest, and as much for what stands between.
const HEADERS_JSON_BYTES: usize = 7 * limits::REQUEST_HEADER_BYTES;
/// Bytes of a credential's name that are looked at, and of how many parts.
const NAME_BYTES: usize = 128;
const NAME_PARTS: usize = 8;

/// Links the one interface.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    host::add_to_linker::<State, State>(linker, |state| state)
}

impl host::Host for State {
    fn log(&mut self, level: host::LogLevel, message: String) {
        let level = match level {
            host::LogLevel::Trace | host::LogLevel::Debug => LogLevel::Debug,
            host::LogLevel::Info => LogLevel::Info,
            host::LogLevel::Warn => LogLevel::Warn,
            host::LogLevel::Error => LogLevel::Error,
        };
        self.log.write(level, &message);
    }

    fn now_millis(&mut self) -> u64 {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    }

    fn workspace_read(&mut self, _: String) -> Option<String> {
        None
    }

    async fn http_request(
        &mut self,
        method: String,
        url: String,
        headers: String,
        body: Option<Vec<u8>>,
        timeout_ms: Option<u32>,
    ) -> Result<HttpResponse, HttpFailure> {
        let asked = asked(&method, url, &headers, body).map_err(|why| {
            self.log.write(LogLevel::Warn, &format!("near:agent: {why}"));
            failure(GuestError::BadRequest)
        })?;
        let sent = self.exit.send(asked);
        let answer = match timeout_ms {
            Some(millis) => {
                timeout(Duration::from_millis(millis.into()), sent).await.unwrap_or(Err(GuestError::TimedOut))
            }
            None => sent.await,
        };
        answer.map(response).map_err(failure)
    }

    fn tool_invoke(&mut self, _: String, _: String) -> Result<String, String> {
        Err("a tool cannot call another tool here: ask for its result as a parameter".to_owned())
    }

    fn secret_exists(&mut self, name: String) -> bool {
        services_of(&name).any(|service| self.exit.origin(&service).is_ok())
    }
}

/// The request of its parts; or why it is none, in words for the person.
fn asked(method: &str, url: String, headers: &str, body: Option<Vec<u8>>) -> Result<Asked, &'static str> {
    let method =
        Method::parse(method).ok_or("the request's method is none of GET, HEAD, POST, PUT, PATCH and DELETE")?;
    Ok(Asked { method, url, headers: read_headers(headers)?, body })
}

/// Headers out of one JSON object of strings, each name as often as it stands there: which of two is meant is not guessed here.
fn read_headers(json: &str) -> Result<Vec<Header>, &'static str> {
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    if json.len() > HEADERS_JSON_BYTES {
        return Err("the request's headers are longer than a request's may be");
    }
    let Pairs(pairs) =
        serde_json::from_str(json).map_err(|_| "the request's headers are not one JSON object of strings")?;
    let sent = pairs.into_iter().filter(|(name, _)| !is_the_hosts(name));
    Ok(sent.map(|(name, value)| Header { name, value }).collect())
}

/// An object's members in their order, with those that are there twice.
struct Pairs(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Headers as one JSON object. Those that are there more than once are joined, as RFC 9110 §5.3 allows for what passes the gate.
fn response(answer: Answer) -> HttpResponse {
    let mut headers = Map::new();
    for Header { name, value } in answer.headers {
        match headers.get_mut(&name) {
            Some(Value::String(before)) => {
                before.push_str(", ");
                before.push_str(&value);
            }
            _ => {
                headers.insert(name, Value::String(value));
            }
        }
    }
    HttpResponse { status: answer.status, headers_json: Value::Object(headers).to_string(), body: answer.body }
}

/// The word that the guest learns, in that host's kinds. `request_sent` is false only where the gate says that nothing left: a tool
/// may then send again.
fn failure(error: GuestError) -> HttpFailure {
    let (kind, code, request_sent) = match error {
        GuestError::BadRequest => (HttpErrorKind::Input, "bad-request", false),
        GuestError::Broken => (HttpErrorKind::Executor, "broken", true),
        GuestError::Denied => (HttpErrorKind::NetworkDenied, "denied", false),
        GuestError::NeedsSignIn => (HttpErrorKind::AuthRequired, "needs-sign-in", false),
        GuestError::TimedOut => (HttpErrorKind::Client, "timed-out", true),
        GuestError::TooLarge => (HttpErrorKind::OutputTooLarge, "too-large", true),
        GuestError::TooMany => (HttpErrorKind::OperationFailed, "too-many", false),
        GuestError::Unreachable => (HttpErrorKind::Client, "unreachable", true),
        GuestError::Withheld => (HttpErrorKind::OperationFailed, "withheld", true),
    };
    HttpFailure { kind, code: Some(code.to_owned()), message: None, request_sent }
}

/// Which services a credential's name can mean: the name, and its beginnings. That host names credentials after the service and
/// what they are (`github_token`), an operator here after the service alone. Whether one is granted is all that is told, as
/// `origin` does.
fn services_of(name: &str) -> impl Iterator<Item = String> {
    let name = if name.len() > NAME_BYTES { String::new() } else { name.to_ascii_lowercase() };
    let ends: Vec<_> = name.match_indices(['-', '_']).map(|(at, _)| at).take(NAME_PARTS).chain([name.len()]).collect();
    let starts: Vec<_> = ends.into_iter().filter_map(|end| name.get(..end)).map(str::to_owned).collect();
    // An operator may have written either.
    starts.into_iter().filter(|name| !name.is_empty()).flat_map(|name| [name.replace('_', "-"), name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_one_object_of_strings_and_nothing_is_lost_in_it() {
        let read = |json: &str| {
            read_headers(json)
                .map(|headers| headers.iter().map(|h| format!("{}: {}", h.name, h.value)).collect::<Vec<_>>())
        };
        assert_eq!(read(r#"{"Accept":"a","X-B":"c"}"#).unwrap(), ["Accept: a", "X-B: c"]);
        assert_eq!(read(" ").unwrap(), read("{}").unwrap());
        // Which of two is meant is the gate's to refuse.
        assert_eq!(read(r#"{"Accept":"a","accept":"b","Accept":"c"}"#).unwrap().len(), 3);
        // What runtimes set by themselves is the host's.
        assert!(
            read(r#"{"User-Agent":"x","HOST":"evil.example","content-length":"7","Accept-Encoding":"br"}"#)
                .unwrap()
                .is_empty()
        );
        assert_eq!(read(r#"{"Authorization":"Bearer x"}"#).unwrap(), ["Authorization: Bearer x"]);
        let deep = "[".repeat(100_000);
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(HEADERS_JSON_BYTES));
        for bad in [
            "[]",
            "null",
            "\"a\"",
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":["b"]}"#,
            r#"{"a":{}}"#,
            "{",
            r#"{"a":"b"}x"#,
            &deep,
            &long,
        ] {
            assert!(read_headers(bad).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
    }

    #[test]
    fn b11_near_agent_knows_no_other_method() {
        for method in ["get", "OPTIONS", "TRACE", "CONNECT", "", "GET ", "GET / HTTP/1.1\r\n", "PROPFIND"] {
            assert!(asked(method, "https://a.example/".into(), "{}", None).is_err(), "{method}");
        }
    }

    #[test]
    fn an_answers_headers_are_one_object_and_those_that_repeat_are_joined() {
        let headers = vec![Header::new("link", "<a>"), Header::new("etag", "\"1\""), Header::new("link", "<b>")];
        let response = response(Answer { status: 200, headers, body: b"x".to_vec() });
        assert_eq!(response.headers_json, r#"{"link":"<a>, <b>","etag":"\"1\""}"#);
    }

    #[test]
    fn f4_a_credentials_name_means_the_services_at_its_beginning_alone() {
        let services = |name: &str| services_of(name).collect::<Vec<_>>();
        assert_eq!(services("github_token"), ["github", "github", "github-token", "github_token"]);
        assert_eq!(services("GITHUB"), ["github", "github"]);
        assert!(services("google_oauth_token").contains(&"google-oauth".to_owned()));
        assert!(services("my_api_token").contains(&"my_api".to_owned()));
        assert!(services("").is_empty() && services(&"a".repeat(NAME_BYTES + 1)).is_empty());
        assert_eq!(services(&"a-".repeat(60)).len(), 2 * (NAME_PARTS + 1));
    }

    #[test]
    fn what_certainly_did_not_leave_may_be_sent_again_and_nothing_else() {
        let unsent = |error| !failure(error).request_sent;
        assert!(unsent(GuestError::Denied) && unsent(GuestError::NeedsSignIn) && unsent(GuestError::TooMany));
        assert!(!unsent(GuestError::TimedOut) && !unsent(GuestError::Unreachable) && !unsent(GuestError::Withheld));
        assert!(!unsent(GuestError::TooLarge) && !unsent(GuestError::Broken));
    }
}
