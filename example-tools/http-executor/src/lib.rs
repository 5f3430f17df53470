//! Runs tools without code: fills in a request's template, sends it through the host, checks the answer's status, and gives
//! the answer's JSON. The credential is added by the host, as for every tool; there is no place for one in a template.

use hotcell_sdk::http;
use hotcell_template::Base;
use hotcell_template::Method;
use hotcell_template::Request;
use serde_json::Map;
use serde_json::Value;

wit_bindgen::generate!({ path: "wit" });

use exports::hotcell::executor::http::Failed;
use exports::hotcell::executor::http::Guest;
use exports::hotcell::executor::http::Problem;

struct Executor;
export!(Executor);

/// Bytes of a failure's body that are passed on.
const FAILURE_BYTES: usize = 4_096;

impl Guest for Executor {
    fn run(request: String, values: String) -> Result<String, Problem> {
        let request: Request = serde_json::from_str(&request).map_err(|error| Problem::Argument(error.to_string()))?;
        let values: Map<String, Value> =
            serde_json::from_str(&values).map_err(|error| Problem::Argument(error.to_string()))?;
        let answer = send(&request, &values)?;
        if !(200..300).contains(&answer.status) {
            return Err(Problem::Status(Failed { status: answer.status, body: cut(&answer.body) }));
        }
        result(answer.body, request.select.as_deref())
    }
}

fn send(request: &Request, values: &Map<String, Value>) -> Result<http::Response, Problem> {
    let origin = match request.base().map_err(|mistake| Problem::Argument(mistake.why))? {
        Base::Origin(origin) => origin,
        Base::Service(name) => http::service(&name)?.origin().to_owned(),
    };
    let expanded = request
        .expand(&origin, values)
        .map_err(|problem| Problem::Argument(format!("{}: {}", problem.name, problem.why)))?;
    let mut asked = http::Request::new(method(expanded.method), expanded.url);
    for (name, value) in &expanded.headers {
        asked = asked.header(name, value);
    }
    if let Some(body) = expanded.body {
        asked = asked.body(body);
    }
    Ok(asked.send()?)
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Delete => http::Method::Delete,
        Method::Get => http::Method::Get,
        Method::Head => http::Method::Head,
        Method::Patch => http::Method::Patch,
        Method::Post => http::Method::Post,
        Method::Put => http::Method::Put,
    }
}

/// The result as JSON. Without a selection the answer is passed on as it came, and no tree of it is built.
fn result(body: Vec<u8>, select: Option<&str>) -> Result<String, Problem> {
    let text = String::from_utf8(body).map_err(|_| Problem::Answer("the answer is no UTF-8".into()))?;
    if text.trim().is_empty() {
        return Ok("null".into());
    }
    let Some(pointer) = select else {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        return Ok(if is_json { text } else { Value::String(text).to_string() });
    };
    let whole: Value = serde_json::from_str(&text).map_err(|_| Problem::Answer("the answer is no JSON".into()))?;
    let part = whole.pointer(pointer).ok_or_else(|| Problem::Answer(format!("the answer has nothing at {pointer}")))?;
    Ok(part.to_string())
}

/// The start of a failure's body as text.
fn cut(body: &[u8]) -> String {
    let start = body.get(..FAILURE_BYTES).unwrap_or(body);
    String::from_utf8_lossy(start).into_owned()
}

impl From<http::Error> for Problem {
    fn from(error: http::Error) -> Self {
        Self::Refused(error.to_string())
    }
}
