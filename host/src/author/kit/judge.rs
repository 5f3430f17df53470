//! Compares what a call did with what its case says. Pure.

use std::collections::BTreeMap;

use hotcell_gate::Fault;
use hotcell_gate::Played;
use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::LogLine;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use serde_json::Value;

use super::case::Body;
use super::case::Case;
use super::case::Expected;
use super::case::Order;
use super::case::Outcome;
use super::case::Wanted;
use super::case::path_and_query;
use super::diff;
use super::diff::Difference;
use super::play::Exchange;
use super::play::Seen;

/// Everything in which a call differs from its case. Empty: the case holds.
pub(crate) fn differences(case: &Case, seen: &Seen, verdict: &Verdict) -> Vec<Difference> {
    let mut found = outcome(&case.outcome, verdict);
    found.extend(requests(case, &seen.exchanges));
    found.extend(log(&case.log, &seen.log));
    found.truncate(diff::MOST);
    found
}

fn outcome(expected: &Outcome, verdict: &Verdict) -> Vec<Difference> {
    let other = |what: &str| vec![Difference::new("the call", what, &ended(verdict))];
    match (expected, verdict) {
        (Outcome::Returns(wanted), Verdict::Returned(value)) => diff::between(wanted, value, "returns"),
        (Outcome::Fails(wanted), Verdict::Failed(value)) => diff::between(wanted, value, "fails"),
        (Outcome::Refused(code, says), Verdict::Refused(refusal)) => {
            refused(*code, says.as_deref(), refusal, "refused")
        }
        (Outcome::Returns(wanted), _) => other(&format!("returns {}", wanted_text(wanted))),
        (Outcome::Fails(wanted), _) => other(&format!("the tool's own error {}", wanted_text(wanted))),
        (Outcome::Refused(code, _), _) => other(&format!("refused with {code}")),
    }
}

fn wanted_text(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Exactly(value) => diff::text(value),
        Wanted::Part(value) => format!("with {}", diff::text(value)),
    }
}

fn ended(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Returned(value) => format!("returned {}", diff::text(value)),
        Verdict::Failed(value) => format!("the tool's own error {}", diff::text(value)),
        Verdict::Refused(refusal) => told(refusal),
    }
}

fn told(refusal: &Refusal) -> String {
    format!("{}: {}", refusal.code, refusal.message)
}

fn refused(code: Code, says: Option<&str>, refusal: &Refusal, at: &str) -> Vec<Difference> {
    if code != refusal.code {
        return vec![Difference::new(at, code.as_str(), &told(refusal))];
    }
    let text = format!("{}\n{}", refusal.message, refusal.hint);
    match says {
        Some(says) if !text.contains(says) => {
            vec![Difference::new(&format!("{at}, which says"), says, &refusal.message)]
        }
        _ => Vec::new(),
    }
}

/// Requests, each with the one that was written for it.
fn requests(case: &Case, exchanges: &[Exchange]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut left: Vec<(usize, &Expected)> = case.requests.iter().enumerate().collect();
    for (number, exchange) in exchanges.iter().enumerate() {
        let asked = &exchange.asked;
        let is = |(_, expected): &(usize, &Expected)| expected.is(asked.method, &asked.url);
        let at = match case.order {
            Order::Any => left.iter().position(is),
            Order::Exact => left.first().filter(|next| is(next)).map(|_| 0),
        };
        let Some(at) = at else {
            let name = format!("request {}", number + 1);
            let got = format!("{} {}{}", asked.method.as_str(), asked.url, why(exchange));
            match left.first().filter(|_| case.order == Order::Exact) {
                // What follows is compared with nothing: it would differ for this reason alone.
                Some((_, next)) => {
                    found.push(Difference::new(&name, &next.shown(), &same_form(next, asked, &got)));
                    return found;
                }
                None => found.push(Difference::new(&name, "no such request", &got)),
            }
            continue;
        };
        let (written, expected) = left.remove(at);
        found.extend(one(expected, exchange, &format!("request {}", written + 1)));
    }
    let missing = left.iter().map(|(number, expected)| {
        Difference::new(&format!("request {}", number + 1), &expected.shown(), "it was not made")
    });
    found.extend(missing);
    found
}

/// A request is shown as the expected one is written: by path alone, or whole.
fn same_form(expected: &Expected, asked: &Asked, whole: &str) -> String {
    if expected.url.starts_with('/') {
        whole.replacen(&asked.url, path_and_query(&asked.url), 1)
    } else {
        whole.to_owned()
    }
}

fn why(exchange: &Exchange) -> String {
    match &exchange.came {
        Err(refusal) if refusal.code != Code::UpstreamUnreachable => format!(" ({})", told(refusal)),
        _ => String::new(),
    }
}

/// One request that was expected and made.
fn one(expected: &Expected, exchange: &Exchange, name: &str) -> Vec<Difference> {
    let mut found = headers(expected, &exchange.asked, name);
    if let Some(wanted) = &expected.body {
        found.extend(body(wanted, exchange.asked.body.as_deref().unwrap_or_default(), &format!("{name} body")));
    }
    match (&expected.then.refused, &exchange.came) {
        (Some((code, says)), Err(refusal)) => {
            found.extend(refused(*code, says.as_deref(), refusal, &format!("{name}, refused")));
        }
        (Some((code, _)), Ok(answer)) => {
            let got = format!("status {} came to the tool", answer.status);
            found.push(Difference::new(name, &format!("refused with {code}"), &got));
        }
        (None, Err(refusal)) if !fails_so(expected, refusal) => {
            found.push(Difference::new(name, "the reply comes to the tool", &told(refusal)));
        }
        (None, _) => {}
    }
    found
}

/// Whether a request failed because its case says so.
fn fails_so(expected: &Expected, refusal: &Refusal) -> bool {
    let Some(Played::Fails(fault)) = expected.then.reply else { return false };
    let code = match fault {
        Fault::Silent => Code::DeadlineExceeded,
        Fault::TimedOut => Code::UpstreamTimedOut,
        Fault::Unreachable => Code::UpstreamUnreachable,
    };
    refusal.code == code
}

fn headers(expected: &Expected, asked: &Asked, name: &str) -> Vec<Difference> {
    let Some(wanted) = &expected.headers else { return Vec::new() };
    let mut got = BTreeMap::<String, Vec<&str>>::new();
    for header in &asked.headers {
        got.entry(header.name.to_ascii_lowercase()).or_default().push(&header.value);
    }
    let mut found = Vec::new();
    for (field, value) in wanted {
        let values = got.remove(field).unwrap_or_default();
        if values != [value.as_str()] {
            let values = if values.is_empty() { "nothing".to_owned() } else { values.join("; ") };
            found.push(Difference::new(&format!("{name} header {field}"), value, &values));
        }
    }
    if expected.headers_exact {
        let more = got
            .iter()
            .map(|(field, values)| Difference::new(&format!("{name} header {field}"), "nothing", &values.join("; ")));
        found.extend(more);
    }
    found
}

fn body(wanted: &Body, got: &[u8], at: &str) -> Vec<Difference> {
    match wanted {
        Body::Bytes(bytes) if &**bytes == got => Vec::new(),
        Body::Bytes(bytes) => vec![Difference::new(at, &readable(bytes), &readable(got))],
        Body::Json(wanted) => match serde_json::from_slice::<Value>(got) {
            Ok(value) => diff::between(wanted, &value, at),
            Err(_) => vec![Difference::new(at, &wanted_text(wanted), &readable(got))],
        },
    }
}

/// Bytes, for people: as text, or counted where they are none.
fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => "no body".to_owned(),
        Ok(text) => text.to_owned(),
        Err(_) => format!("{} bytes that are no text", bytes.len()),
    }
}

/// Each text in a line of its own, in order.
fn log(wanted: &[String], lines: &[LogLine]) -> Vec<Difference> {
    let mut rest = lines.iter();
    let missing =
        wanted.iter().enumerate().find(|(_, text)| !rest.by_ref().any(|line| line.text.contains(text.as_str())));
    let Some((number, text)) = missing else { return Vec::new() };
    let all: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let got =
        if all.is_empty() { "no line at all".to_owned() } else { format!("no such line in: {}", all.join(" | ")) };
    vec![Difference::new(&format!("log[{number}]"), text, &got)]
}

#[cfg(test)]
mod tests;
