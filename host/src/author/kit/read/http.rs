//! `[[case.request]]`: a request that the tool must make, and the reply to it.

use std::collections::BTreeMap;

use axum::http::HeaderName;
use axum::http::HeaderValue;
use hotcell_gate::Fault;
use hotcell_gate::Played;
use hotcell_gate::Reply;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use serde::Deserialize;
use toml::Spanned;

use super::Reader;
use super::body;
use super::shown;
use crate::author::kit::case::Expected;
use crate::author::kit::case::Then;

/// How often a request may be written at once.
const MOST_TIMES: u32 = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    method: Option<Spanned<String>>,
    url: Spanned<String>,
    times: Option<Spanned<u32>>,
    headers: Option<BTreeMap<String, String>>,
    headers_exact: Option<Spanned<BTreeMap<String, String>>>,
    body: Option<Spanned<String>>,
    json: Option<Spanned<toml::Value>>,
    json_part: Option<Spanned<toml::Value>>,
    body_json: Option<Spanned<String>>,
    body_base64: Option<Spanned<String>>,
    body_file: Option<Spanned<String>>,
    reply: Option<Spanned<RawReply>>,
    refused: Option<Spanned<String>>,
    refused_says: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReply {
    status: Option<Spanned<u16>>,
    #[serde(default)]
    headers: BTreeMap<String, Spanned<String>>,
    body: Option<Spanned<String>>,
    json: Option<Spanned<toml::Value>>,
    body_json: Option<Spanned<String>>,
    body_base64: Option<Spanned<String>>,
    body_file: Option<Spanned<String>>,
    fails: Option<Spanned<Fails>>,
}

/// What goes wrong in place of a reply.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Fails {
    Silent,
    TimedOut,
    Unreachable,
}

impl Reader<'_> {
    /// A request, as often as it is expected.
    pub(super) fn request(&self, start: usize, raw: Raw) -> Result<Vec<Expected>, Refusal> {
        let method = match &raw.method {
            None => Method::Get,
            Some(text) => Method::parse(text.get_ref()).ok_or_else(|| {
                let what = format!("`method` is `{}`", shown(text.get_ref()));
                self.bad(text.span().start, &what, "use DELETE, GET, HEAD, PATCH, POST or PUT")
            })?,
        };
        let url = raw.url.get_ref().clone();
        if !url.starts_with('/') && !url.starts_with("https://") && !url.starts_with("http://") {
            let what = format!("`url` is `{}`", shown(&url));
            return Err(self.bad(raw.url.span().start, &what, "write the whole URL, or path and query from `/` on"));
        }
        let times = match &raw.times {
            None => 1,
            Some(times) if (1..=MOST_TIMES).contains(times.get_ref()) => *times.get_ref(),
            Some(odd) => return Err(self.bad(odd.span().start, "`times` is out of range", "use 1 to 64")),
        };
        let (headers, headers_exact) = match (raw.headers, raw.headers_exact) {
            (Some(_), Some(exact)) => return Err(self.one_of(exact.span().start, "headers or headers_exact")),
            (some, None) => (some, false),
            (None, Some(exact)) => (Some(exact.into_inner()), true),
        };
        let lower = |headers: BTreeMap<String, String>| -> BTreeMap<String, String> {
            headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
        };
        let forms = body::Forms {
            text: raw.body.as_ref(),
            json: raw.json.as_ref(),
            json_text: raw.body_json.as_ref(),
            base64: raw.body_base64.as_ref(),
            file: raw.body_file.as_ref(),
        };
        let refused = self.refused(raw.refused.as_ref(), raw.refused_says.as_ref())?;
        let reply = raw.reply.map(|reply| self.reply(reply.into_inner())).transpose()?;
        if reply.is_none() && refused.is_none() {
            let repair =
                "add `reply`, for instance reply = { status = 200 }; or `refused`, if no rule allows the request";
            return Err(self.bad(start, "the request has neither `reply` nor `refused`", repair));
        }
        let expected = Expected {
            method,
            url,
            headers: headers.map(lower),
            headers_exact,
            body: self.wanted_body(&forms, raw.json_part.as_ref())?,
            then: Then { reply, refused },
        };
        Ok(vec![expected; times as usize])
    }

    fn reply(&self, raw: RawReply) -> Result<Played, Refusal> {
        let forms = body::Forms {
            text: raw.body.as_ref(),
            json: raw.json.as_ref(),
            json_text: raw.body_json.as_ref(),
            base64: raw.body_base64.as_ref(),
            file: raw.body_file.as_ref(),
        };
        if let Some(fails) = &raw.fails {
            if forms.given().is_some() || raw.status.is_some() || !raw.headers.is_empty() {
                let repair = "leave out status, headers and body of a reply that does not come";
                return Err(self.bad(fails.span().start, "`fails` stands beside a reply", repair));
            }
            return Ok(Played::Fails(match fails.get_ref() {
                Fails::Silent => Fault::Silent,
                Fails::TimedOut => Fault::TimedOut,
                Fails::Unreachable => Fault::Unreachable,
            }));
        }
        let status = match &raw.status {
            None => 200,
            Some(status) if (200..=599).contains(status.get_ref()) => *status.get_ref(),
            Some(odd) => return Err(self.bad(odd.span().start, "`status` is out of range", "use 200 to 599")),
        };
        let is_json = forms.json.is_some() || forms.json_text.is_some();
        let mut headers = Vec::new();
        let mut has_type = false;
        for (name, value) in raw.headers {
            let fits =
                HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value.get_ref()).is_ok();
            if !fits {
                let what = format!("`headers` has `{}`, which is no header of HTTP", shown(&name));
                return Err(self.bad(value.span().start, &what, "one line of visible characters"));
            }
            has_type |= name.eq_ignore_ascii_case("content-type");
            headers.push((name, body::pieces(value.get_ref().as_bytes())));
        }
        if is_json && !has_type {
            headers.push(("content-type".to_owned(), body::pieces(b"application/json")));
        }
        Ok(Played::Reply(Reply { status, headers, body: self.reply_body(&forms)? }))
    }
}
