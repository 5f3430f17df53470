//! A whole response.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;
use crate::Problem;
use crate::bindings::hotcell::tool::http as host;

/// A server's own words are cut behind so many characters.
const WORDS: usize = 500;

/// A whole response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    headers: Vec<host::Header>,
    /// The body.
    pub body: Vec<u8>,
}

impl From<host::Response> for Response {
    fn from(response: host::Response) -> Self {
        Self { status: response.status, headers: response.headers, body: response.body }
    }
}

impl Response {
    /// The response, if its status is below 400.
    ///
    /// # Errors
    /// [`Error::Status`].
    pub fn ok(self) -> Result<Self, Error> {
        if self.status < 400 { Ok(self) } else { Err(Error::Status(self.status)) }
    }

    /// The response, if its status is below 400; otherwise what you make of the server's answer, whose body is at hand:
    /// `answer.ok_or_else(|answer| answer.json::<ApiError>().map_or(MyError::Unknown, MyError::from))`.
    ///
    /// # Errors
    /// What `read` returns.
    pub fn ok_or_else<E>(self, read: impl FnOnce(&Self) -> E) -> Result<Self, E> {
        if self.status < 400 { Ok(self) } else { Err(read(&self)) }
    }

    /// The response, if its status is below 400.
    ///
    /// # Errors
    /// The [`Problem`] that the status means, with the server's own words where it has some.
    pub fn or_problem(self) -> Result<Self, Problem> {
        self.ok_or_else(|answer| Problem::of_status(answer.status, answer.words()))
    }

    /// A header's value. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    }

    /// All headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// The URL that the header `link` gives for a relation, for instance `next` where there is a further page (RFC 8288).
    pub fn link(&self, relation: &str) -> Option<String> {
        let links = self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("link"));
        links
            .flat_map(|header| links_of(&header.value))
            .find(|(_, of)| of.iter().any(|of| of == relation))
            .map(|(url, _)| url)
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

    /// What the server says of an error, if its body is JSON in one of the usual forms: `message`, `detail` or `title`
    /// (RFC 9457), `error_description` (RFC 6749), `error` as text or with a `message`, the first of `errors`.
    pub fn words(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        words(&body, 3).map(|text| text.chars().take(WORDS).collect())
    }
}

fn words(body: &Value, levels: usize) -> Option<&str> {
    if let Value::String(text) = body {
        return Some(text.trim()).filter(|text| !text.is_empty());
    }
    let keys = ["message", "detail", "error_description", "title", "error", "errors"];
    let parts = keys.iter().filter_map(|key| body.get(key)).chain(body.get(0));
    if levels == 0 { None } else { parts.into_iter().find_map(|part| words(part, levels - 1)) }
}

/// URLs and their relations: `<https://…?page=2>; rel="next", <…>; rel="last"`.
fn links_of(value: &str) -> Vec<(String, Vec<String>)> {
    let mut links = Vec::new();
    let mut rest = value;
    while let Some((url, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        // Up to the next link. A quoted text may hold a comma, and no `<` in what servers send.
        let (parameters, next) = after.find('<').map_or((after, ""), |at| after.split_at(at));
        let relations = parameters.split(';').filter_map(|parameter| {
            let (name, value) = parameter.trim().trim_end_matches(',').split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_owned())
        });
        let relations =
            relations.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
        links.push((url.to_owned(), relations));
        rest = next;
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let header = |(name, value): &(&str, &str)| host::Header { name: (*name).into(), value: (*value).into() };
        Response { status, headers: headers.iter().map(header).collect(), body: body.into() }
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let response = answer(404, &[("content-type", "text/plain")], "[1]");
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        assert_eq!(response.json::<Vec<u8>>(), Ok(vec![1]));
        assert_eq!(response.ok().err(), Some(Error::Status(404)));
    }

    #[test]
    fn links_are_found_by_their_relation() {
        let value = "<https://a.example/x?page=2&q=a,b>; rel=\"next\", <https://a.example/x?page=9>; title=\"z\"; REL=\"last end\"";
        let response = answer(200, &[("link", value)], "");
        assert_eq!(response.link("next").as_deref(), Some("https://a.example/x?page=2&q=a,b"));
        assert_eq!(response.link("end").as_deref(), Some("https://a.example/x?page=9"));
        assert_eq!(response.link("prev"), None);
        assert_eq!(answer(200, &[("link", "<<>;;, rel=next")], "").link("prev"), None);
    }

    #[test]
    fn a_servers_own_words_are_found_in_the_usual_forms() {
        for body in [
            r#"{"message": "no"}"#,
            r#"{"type": "about:blank", "title": "Bad", "detail": "no"}"#,
            r#"{"error": "invalid", "error_description": "no"}"#,
            r#"{"error": {"code": 5, "message": "no"}}"#,
            r#"{"errors": [{"message": "no"}]}"#,
            r#"{"message": " ", "error": "no"}"#,
        ] {
            assert_eq!(answer(400, &[], body).words().as_deref(), Some("no"), "{body}");
        }
        for body in ["", "no", "{}", "[]", "5", r#"{"a": {"message": "no"}}"#] {
            assert_eq!(answer(400, &[], body).words(), None, "{body}");
        }
        let long = format!("{{\"message\": \"{}\"}}", "é".repeat(2_000));
        assert_eq!(answer(400, &[], &long).words().map(|text| text.chars().count()), Some(WORDS));
    }

    #[test]
    fn an_error_answer_can_be_read() {
        let refused = answer(422, &[], r#"{"message": "title is missing"}"#);
        assert_eq!(refused.clone().or_problem().err(), Some(Problem::Invalid("title is missing".into())));
        assert_eq!(refused.ok_or_else(|answer| answer.body.len()).err(), Some(31));
        assert!(answer(204, &[], "").or_problem().is_ok());
    }
}
