//! Path templates and rules: `GET,HEAD /repos/{owner}/{repo}/issues?state&page`. Compared segment by segment, never as a prefix of
//! text and never by a pattern language: unanchored patterns have leaked tokens (microsoft/vscode#320634).

use std::fmt;

use hotcell_protocol::Method;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;

use super::query::Queries;
use super::url::Target;
use super::url::check_segment;
use super::url::decode;

/// A path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    /// Ends in `/**`: further segments may follow.
    open: bool,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    OneOf(Vec<String>),
    Any,
}

/// Methods, a template, and the queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(super) methods: Vec<Method>,
    template: Template,
    pub(super) queries: Queries,
}

impl Segment {
    fn leniently(&self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(lenient(text)),
            Self::OneOf(texts) => Self::OneOf(texts.iter().map(|text| lenient(text)).collect()),
            Self::Any => Self::Any,
        }
    }
}

/// A segment as the most lenient server reads it: in lower case, and decoded as often as something is left to decode (`%3A` is
/// `:`, and so is `%253A` behind a second server).
fn lenient(part: &str) -> String {
    let mut read = part.to_owned();
    while read.contains('%') {
        let decoded = String::from_utf8_lossy(&decode(read.as_bytes())).into_owned();
        if decoded == read {
            break;
        }
        read = decoded;
    }
    read.to_ascii_lowercase()
}

impl Template {
    /// Reads a template; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let shown = cut(&visible(text), 200);
        let path = text.strip_prefix('/').ok_or_else(|| format!("the path `{shown}` does not start with `/`"))?;
        let (path, open) = match path.strip_suffix("/**") {
            Some(path) => (path, true),
            None if path == "**" => return Ok(Self { segments: Vec::new(), open: true, text: text.to_owned() }),
            None => (path, false),
        };
        let parts: Vec<_> = path.split('/').collect();
        let last = parts.len() - 1;
        let mut segments = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if part.is_empty() && (index != last || open) {
                return Err(format!("the path `{shown}` has an empty segment"));
            }
            segments.push(segment(part).map_err(|why| format!("the path `{shown}`: {why}"))?);
        }
        Ok(Self { segments, open, text: text.to_owned() })
    }

    /// Whether a path matches. An open template wants at least one further segment.
    pub(crate) fn matches(&self, path: &[String]) -> bool {
        let further = path.len() > self.segments.len();
        (if self.open { further } else { path.len() == self.segments.len() }) && self.begins(path)
    }

    /// Whether a path matches as something denied: an open template covers its own root too.
    pub(crate) fn covers(&self, path: &[String]) -> bool {
        self.matches(path) || self.open && path.len() == self.segments.len() && self.begins(path)
    }

    /// Whether a path is denied: as [`Template::covers`], and read as the most lenient server would, which ignores case, what is
    /// percent-encoded, a slash at the end, dots and spaces at the end of a segment, and what looks like a file's ending
    /// (`/token.json`). What is allowed is compared to the letter; what is denied must not hang on how it is spelt.
    pub(crate) fn denies(&self, path: &[String]) -> bool {
        let readings: [fn(&str) -> String; 3] = [
            str::to_owned,
            |part| bare(part).to_owned(),
            |part| bare(part).rsplit_once('.').map_or_else(|| bare(part).to_owned(), |(before, _)| before.to_owned()),
        ];
        readings.into_iter().any(|read| self.denies_as(path, read))
    }

    fn denies_as(&self, path: &[String], read: fn(&str) -> String) -> bool {
        let segments = self.segments.iter().map(Segment::leniently).collect();
        let template = Self { segments, open: self.open, text: String::new() };
        let path: Vec<_> = path.iter().map(|part| read(&lenient(part))).collect();
        let without_slash = path.split_last().filter(|(last, _)| last.is_empty()).map(|(_, before)| before);
        template.covers(&path) || without_slash.is_some_and(|path| template.covers(path))
    }

    fn begins(&self, path: &[String]) -> bool {
        self.segments.iter().zip(path).all(|(segment, part)| match segment {
            Segment::Literal(text) => text == part,
            Segment::OneOf(texts) => texts.contains(part),
            Segment::Any => !part.is_empty(),
        })
    }
}

/// A segment without dots and spaces at its end.
fn bare(part: &str) -> &str {
    part.trim_end_matches(['.', ' '])
}

fn segment(text: &str) -> Result<Segment, String> {
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return literal(text).map(Segment::Literal);
    };
    let (name, choices) = inner.split_once(':').map_or((inner, None), |(name, choices)| (name, Some(choices)));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        return Err("a parameter is written {name}, or {name:a|b}".into());
    }
    match choices {
        None => Ok(Segment::Any),
        Some(choices) => {
            let choices: Vec<_> = choices.split('|').map(literal).collect::<Result<_, _>>()?;
            if choices.iter().any(String::is_empty) {
                return Err("a choice of a parameter is empty".into());
            }
            Ok(Segment::OneOf(choices))
        }
    }
}

/// A literal must be written as requests must be: otherwise it could never match.
fn literal(text: &str) -> Result<String, String> {
    if text.contains(['{', '}', '*', '?', '#']) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(
            "`{`, `}`, `*`, `?`, `#`, spaces and characters outside ASCII cannot stand there (`/**` only at the end)"
                .into(),
        );
    }
    check_segment(text)?;
    Ok(text.to_owned())
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Rule {
    /// Reads a rule; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let shown = cut(&visible(text), 200);
        let (methods, path) =
            text.split_once(' ').ok_or_else(|| format!("`{shown}` is no rule: write it as `GET /path`"))?;
        let methods = methods
            .split(',')
            .map(|name| {
                Method::parse(name).ok_or_else(|| {
                    format!("`{}` is no method: GET, HEAD, POST, PUT, PATCH and DELETE are", cut(&visible(name), 40))
                })
            })
            .collect::<Result<_, _>>()?;
        let (path, queries) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let queries = queries.map_or(Ok(Queries::Any), |query| {
            Queries::parse(query).map_err(|why| format!("the rule `{shown}`: {why}"))
        })?;
        Ok(Self { methods, template: Template::parse(path)?, queries })
    }

    /// Whether the rule allows a request.
    pub(crate) fn allows(&self, method: Method, target: &Target) -> bool {
        self.allows_but_for_its_query(method, target) && self.queries.allow(target.url.query())
    }

    /// Whether the rule is about this method and path, for whatever query.
    pub(crate) fn allows_but_for_its_query(&self, method: Method, target: &Target) -> bool {
        self.methods.contains(&method) && self.template.matches(&target.segments)
    }

    /// Whether the rule is about this path, for whatever method.
    pub(crate) fn covers(&self, path: &[String]) -> bool {
        self.template.matches(path)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.methods.iter().map(|method| method.as_str()).collect();
        write!(f, "{} {}{}", methods.join(","), self.template, self.queries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.trim_start_matches('/').split('/').map(str::to_owned).collect()
    }

    #[test]
    fn templates_match_segment_by_segment() {
        let cases = [
            ("/repos/{owner}/{repo}/issues", "/repos/a/b/issues", true),
            ("/repos/{owner}/{repo}/issues", "/repos/a/b/issues/1", false),
            ("/repos/{owner}/{repo}/issues", "/repos/a/b/issuesx", false),
            ("/repos/{owner}/{repo}/issues", "/repos/a/issues", false),
            ("/repos/{owner}/{repo}/issues", "/repos//b/issues", false),
            ("/repos/{owner}/{repo}/issues", "/repos/a/b/issues/", false),
            ("/rest/v1/{table:registry|tools}", "/rest/v1/tools", true),
            ("/rest/v1/{table:registry|tools}", "/rest/v1/users", false),
            ("/rest/v1/{table:registry|tools}", "/rest/v1/tool", false),
            ("/v1/**", "/v1/a", true),
            ("/v1/**", "/v1/a/b/c", true),
            ("/v1/**", "/v1", false),
            ("/v1/**", "/v10/a", false),
            ("/**", "/", true),
            ("/", "/", true),
            ("/", "/a", false),
            ("/a/", "/a/", true),
            ("/a/", "/a", false),
        ];
        for (template, text, expected) in cases {
            assert_eq!(Template::parse(template).unwrap().matches(&path(text)), expected, "{template} on {text}");
        }
    }

    #[test]
    fn a_denied_folder_is_denied_itself() {
        let template = Template::parse("/auth/v1/**").unwrap();
        for denied in [
            "/auth/v1",
            "/auth/v1/",
            "/auth/v1/token",
            "/auth/v1/a/b",
            "/AUTH/v1",
            "/Auth/V1/Token/",
            "/auth./v1%20/x",
            "/auth/v1.json",
        ] {
            assert!(template.denies(&path(denied)), "{denied}");
        }
        assert!(!template.denies(&path("/auth/v2/token")));
        // Servers take a character and its encoding for the same.
        for (denied, asked) in [
            ("/v1/accounts:signUp", "/v1/accounts%3AsignUp"),
            ("/v1/accounts%3AsignUp", "/v1/accounts:signup"),
            ("/v1/accounts:signUp", "/v1/accounts%253Asignup"),
            ("/@me/{kind:keys|a,b}", "/%40me/a%2Cb"),
            ("/a'b", "/a%27B%20."),
        ] {
            assert!(Template::parse(denied).unwrap().denies(&path(asked)), "{denied}: {asked}");
        }
        assert!(!Template::parse("/v1/accounts:signUp").unwrap().denies(&path("/v1/accounts%3BsignUp")));
        let closed = Template::parse("/Login/{kind:A|b}").unwrap();
        for denied in ["/login/a/", "/LOGIN/B", "/login/a.json", "/login./b%20.", "/login/a.xml/"] {
            assert!(closed.denies(&path(denied)), "{denied}");
        }
        assert!(!closed.denies(&path("/login/c")) && !closed.denies(&path("/login/a/x")));
    }

    #[test]
    fn templates_that_could_never_match_or_match_too_much_are_refused() {
        for bad in [
            "", "a", "/a//b", "/a/../b", "/a/%2e", "/a/%2F", "/*", "/a*", "/**/b", "/{}", "/{a", "/{a:}", "/{a:b|}",
            "/a b", "/a?b", "//**", "/é", "/a;b",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn b11_rules_know_no_other_method() {
        for bad in ["TRACE /a", "CONNECT /a", "get /a", "GET", "GET  /a", "GET,/a", "* /a", ""] {
            assert!(Rule::parse(bad).is_err(), "{bad}");
        }
        for good in ["GET,HEAD /a/{b}", "GET /a?", "GET /**?state&{sort:up|down}"] {
            assert_eq!(Rule::parse(good).unwrap().to_string(), good);
        }
    }
}
