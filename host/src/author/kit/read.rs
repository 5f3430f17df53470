//! Reads case files. A mistake is told with file, line, column, key and repair; unknown keys are refused. A case file is the
//! author's own, but may come with somebody else's project: it names no file outside of it, and is bounded.

mod body;
mod http;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::limits;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::case::Case;
use super::case::Order;
use super::case::Outcome;
use super::case::Wanted;
use crate::catalog::place;
use crate::config::variables;
pub(crate) use body::CREDENTIAL;

/// Bytes of a case file. Longer bodies stand in files of their own.
pub(crate) const FILE_BYTES: usize = 4 * 1024 * 1024;
/// Cases of one file.
const CASES: usize = 1_000;
/// Characters of a case's name.
const NAME: usize = 200;
/// Seconds that a call may be given. A case that takes longer is no test.
const MOST_SECONDS: f64 = 300.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Spanned<Raw>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: Spanned<String>,
    action: String,
    arguments: Option<Spanned<toml::Value>>,
    arguments_json: Option<Spanned<String>>,
    token_scopes: Option<BTreeMap<String, BTreeSet<String>>>,
    #[serde(default)]
    variables: variables::Raw,
    deadline_seconds: Option<Spanned<f64>>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    request: Vec<Spanned<http::Raw>>,
    returns: Option<Spanned<toml::Value>>,
    returns_json: Option<Spanned<String>>,
    returns_part: Option<Spanned<toml::Value>>,
    fails: Option<Spanned<toml::Value>>,
    fails_json: Option<Spanned<String>>,
    fails_part: Option<Spanned<toml::Value>>,
    refused: Option<Spanned<String>>,
    refused_says: Option<Spanned<String>>,
    #[serde(default)]
    log: Vec<String>,
}

/// Reads the cases of one file. `file` is the name that errors show; `project` is where files that it names are.
///
/// # Errors
/// [`Code::BadConfig`] with file, line, column, key and repair.
pub(crate) fn cases(text: &str, file: &str, project: &Dir) -> Result<Vec<Case>, Refusal> {
    let reader = Reader { text, file, project, read_bytes: Cell::new(0) };
    let raw: File = toml::from_str(text).map_err(|error| reader.toml(&error))?;
    if raw.case.is_empty() {
        return Err(reader.bad(0, "it has no case", "write one: [[case]] with `name`, `action` and what it `returns`"));
    }
    if raw.case.len() > CASES {
        return Err(reader.bad(0, &format!("it has more than {CASES} cases"), "make several files of it"));
    }
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for case in raw.case {
        let start = case.span().start;
        let case = reader.case(start, case.into_inner())?;
        if !names.insert(case.name.clone()) {
            let what = format!("two cases are named `{}`", visible(&case.name));
            return Err(reader.bad(start, &what, "give each `name` once in a file"));
        }
        cases.push(case);
    }
    Ok(cases)
}

/// What the readers of parts share: the whole text, to say where a mistake is.
struct Reader<'a> {
    text: &'a str,
    file: &'a str,
    project: &'a Dir,
    /// Bytes of the files that were named so far.
    read_bytes: Cell<usize>,
}

impl Reader<'_> {
    fn case(&self, start: usize, raw: Raw) -> Result<Case, Refusal> {
        let arguments = match (&raw.arguments, &raw.arguments_json) {
            (Some(value), None) => self.json_of(value, "arguments")?,
            (None, Some(text)) => self.json_in(text, "arguments_json")?,
            (None, None) => Value::Object(serde_json::Map::new()),
            (Some(_), Some(second)) => return Err(self.one_of(second.span().start, "arguments or arguments_json")),
        };
        let at = raw.arguments.as_ref().map(|value| value.span().start);
        if !arguments.is_object() {
            let at = at.or(raw.arguments_json.as_ref().map(|text| text.span().start));
            return Err(self.bad(at.unwrap_or(start), "`arguments` is no table", "write a field for each parameter"));
        }
        let outcome = self.outcome(start, &raw)?;
        let deadline = match &raw.deadline_seconds {
            None => limits::DEADLINE,
            Some(seconds) if *seconds.get_ref() >= 0.01 && *seconds.get_ref() <= MOST_SECONDS => {
                Duration::from_secs_f64(*seconds.get_ref())
            }
            Some(odd) => {
                return Err(self.bad(odd.span().start, "`deadline_seconds` is out of range", "use 0.01 to 300"));
            }
        };
        let name = raw.name.get_ref().trim();
        if name.is_empty() || name.chars().count() > NAME || name.chars().any(hotcell_protocol::text::is_odd) {
            let what = "`name` is empty, too long, or has a character that cannot be seen";
            return Err(self.bad(raw.name.span().start, what, "write one short line, for instance \"lists issues\""));
        }
        let mut requests = Vec::new();
        for request in raw.request {
            let start = request.span().start;
            requests.extend(self.request(start, request.into_inner())?);
        }
        if requests.len() > limits::REQUESTS as usize * 2 {
            return Err(self.bad(start, "it has more requests than a call may make", "a call has 64 requests"));
        }
        Ok(Case {
            name: name.to_owned(),
            file: self.file.to_owned(),
            line: self.text.get(..start).unwrap_or_default().matches('\n').count() + 1,
            action: raw.action,
            arguments,
            token_scopes: raw.token_scopes,
            variables: variables::read(self.text, &visible(self.file), raw.variables)?,
            deadline,
            order: raw.order,
            requests,
            outcome,
            log: raw.log,
        })
    }

    /// The one of seven keys that says how the call ends.
    fn outcome(&self, start: usize, raw: &Raw) -> Result<Outcome, Refusal> {
        let mut found = Vec::new();
        for (key, value, part, fails) in [
            ("returns", &raw.returns, false, false),
            ("returns_part", &raw.returns_part, true, false),
            ("fails", &raw.fails, false, true),
            ("fails_part", &raw.fails_part, true, true),
        ] {
            if let Some(value) = value {
                let json = self.json_of(value, key)?;
                let wanted = if part { Wanted::Part(json) } else { Wanted::Exactly(json) };
                found.push((value.span().start, if fails { Outcome::Fails(wanted) } else { Outcome::Returns(wanted) }));
            }
        }
        if let Some(text) = &raw.returns_json {
            let wanted = Wanted::Exactly(self.json_in(text, "returns_json")?);
            found.push((text.span().start, Outcome::Returns(wanted)));
        }
        if let Some(text) = &raw.fails_json {
            let wanted = Wanted::Exactly(self.json_in(text, "fails_json")?);
            found.push((text.span().start, Outcome::Fails(wanted)));
        }
        if let Some((code, says)) = self.refused(raw.refused.as_ref(), raw.refused_says.as_ref())? {
            found.push((raw.refused.as_ref().map_or(start, |code| code.span().start), Outcome::Refused(code, says)));
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some((_, outcome)), None) => Ok(outcome),
            (Some(_), Some((second, _))) => Err(self.one_of(second, "returns, fails or refused, in one form")),
            (None, _) => Err(self.bad(
                start,
                "the case says not how the call ends",
                "add `returns`, `fails` or `refused`; for an action without a result: returns_json = \"null\"",
            )),
        }
    }

    /// `refused` and `refused_says`.
    fn refused(
        &self,
        code: Option<&Spanned<String>>,
        says: Option<&Spanned<String>>,
    ) -> Result<Option<(Code, Option<String>)>, Refusal> {
        match (code, says) {
            (None, None) => Ok(None),
            (None, Some(says)) => {
                let repair = "add the code: refused = \"path-not-granted\"";
                Err(self.bad(says.span().start, "`refused_says` stands without `refused`", repair))
            }
            (Some(code), says) => {
                let read = serde_json::from_value(Value::String(code.get_ref().clone())).map_err(|_| {
                    let what = format!("`refused` is `{}`, which is no code of Hotcell's", shown(code.get_ref()));
                    let repair = "write a code as `hotcell call` prints it, for instance \"path-not-granted\"";
                    self.bad(code.span().start, &what, repair)
                })?;
                Ok(Some((read, says.map(|says| says.get_ref().clone()))))
            }
        }
    }

    /// A TOML value as JSON.
    fn json_of(&self, value: &Spanned<toml::Value>, key: &str) -> Result<Value, Refusal> {
        json(value.get_ref()).map_err(|why| {
            let what = format!("`{key}` holds {why}");
            self.bad(value.span().start, &what, &format!("JSON has no such value; `{key}_json` takes any JSON text"))
        })
    }

    /// JSON in a text.
    fn json_in(&self, text: &Spanned<String>, key: &str) -> Result<Value, Refusal> {
        serde_json::from_str(text.get_ref()).map_err(|error| {
            let what = format!("`{key}` is not JSON (its line {}, column {})", error.line(), error.column());
            self.bad(text.span().start, &what, "correct the JSON")
        })
    }

    fn one_of(&self, start: usize, keys: &str) -> Refusal {
        self.bad(start, "two keys say the same thing", &format!("keep one of {keys}"))
    }

    fn toml(&self, error: &toml::de::Error) -> Refusal {
        let start = error.span().map_or(0, |span| span.start);
        let what = cut(&visible(&error.message().replace('\n', "; ")), 500);
        self.bad(start, &what, "correct that line; docs/testing.md lists the keys")
    }

    fn bad(&self, start: usize, what: &str, repair: &str) -> Refusal {
        Refusal::new(Code::BadConfig, format!("{}: {what}", place(self.text, &visible(self.file), start)), repair)
    }
}

/// A TOML value as JSON; the error says which value has none.
fn json(value: &toml::Value) -> Result<Value, &'static str> {
    Ok(match value {
        toml::Value::Array(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(_) => return Err("a date without quotes"),
        toml::Value::Float(value) => {
            Value::Number(serde_json::Number::from_f64(*value).ok_or("a number that is none, or infinite")?)
        }
        toml::Value::Integer(value) => Value::from(*value),
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Table(table) => {
            let fields = table.iter().map(|(name, value)| Ok((name.clone(), json(value)?)));
            Value::Object(fields.collect::<Result<_, &'static str>>()?)
        }
    })
}

/// A text of the file, short and fit to be shown.
fn shown(text: &str) -> String {
    cut(&visible(text), 80)
}

#[cfg(test)]
mod tests;
