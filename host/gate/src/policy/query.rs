//! Which queries a rule allows: `GET /repos/{owner}/{repo}/issues?state&page` (threat B13). A key can choose what an endpoint
//! does (`?action=delete`), so that a rule may list those that may be there; what is not on the list is refused.
//!
//! A key is compared to the letter, and once: servers differ in which of two equal keys they take, whether `;` parts keys, and
//! what they decode first. None of these readings finds a key in a query that passed which is not on the list. Of the signs that a
//! rule can have, two spellings are one: `$` and `%24`, as libraries that make queries write it.

use std::fmt;

use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;

/// The signs that keys and values of rules can have and that libraries encode.
const ENCODED: [(&str, char); 6] = [("24", '$'), ("2C", ','), ("3A", ':'), ("40", '@'), ("5B", '['), ("5D", ']')];

/// The queries that a rule allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Queries {
    /// The rule says nothing of queries.
    Any,
    /// These keys, each once or not at all. None: no query.
    Listed(Vec<Key>),
}

/// A key, with any value or one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    name: String,
    values: Option<Vec<String>>,
}

impl Queries {
    /// Reads what stands behind a rule's `?`; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Listed(Vec::new()));
        }
        let mut keys: Vec<Key> = Vec::new();
        for part in text.split('&') {
            let key = key(part)?;
            if keys.iter().any(|other| other.name == key.name) {
                return Err(format!("the query's key `{}` is listed twice", key.name));
            }
            keys.push(key);
        }
        Ok(Self::Listed(keys))
    }

    /// Whether a request's query is allowed.
    pub(crate) fn allow(&self, query: Option<&str>) -> bool {
        self.refused(query).is_none()
    }

    /// The first part of a query that is not allowed.
    pub(crate) fn refused<'a>(&self, query: Option<&'a str>) -> Option<&'a str> {
        let Self::Listed(keys) = self else { return None };
        let parts: Vec<&str> = query.filter(|query| !query.is_empty())?.split('&').collect();
        let name = |part: &'a str| signs(part.split('=').next().unwrap_or_default());
        let twice = |at: usize, part| parts.iter().take(at).any(|before| name(before) == name(part));
        let mut seen = parts.iter().enumerate();
        seen.find(|(at, part)| twice(*at, part) || !keys.iter().any(|key| key.allows(part))).map(|(_, part)| *part)
    }
}

impl Key {
    fn allows(&self, part: &str) -> bool {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let listed = |values: &Vec<String>| values.contains(&signs(value));
        // Some servers part keys at `;` too: `state=open;action=delete`.
        signs(name) == self.name && !value.contains(';') && self.values.as_ref().is_none_or(listed)
    }
}

/// A text with the signs that a rule can have as they are, where they were encoded. Nothing else is decoded, and nothing twice.
fn signs(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let sign = ENCODED.iter().find_map(|(code, sign)| Some((*sign, part.strip_prefix(code)?)));
        match sign {
            Some((sign, rest)) => {
                out.push(sign);
                out.push_str(rest);
            }
            None => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

fn key(text: &str) -> Result<Key, String> {
    let shown = || cut(&visible(text), 80);
    let (name, values) = match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        None => (text, None),
        Some(inner) => {
            let (name, values) = inner.split_once(':').ok_or_else(|| {
                format!("`{}` is no key of a query: write `key`, or `{{key:a|b}}` for some values", shown())
            })?;
            (name, Some(values.split('|').map(str::to_owned).collect::<Vec<_>>()))
        }
    };
    let plain = |text: &str, further: &[u8]| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || further.contains(&byte))
    };
    if !plain(name, b"-_.~$:@[]") {
        return Err(format!(
            "`{}` is no key of a query: letters, digits and `-_.~$:@[]`, joined by `&`, without values; no key, no query",
            shown()
        ));
    }
    if values.iter().flatten().any(|value| !plain(value, b"-_.~,:@")) {
        return Err(format!("`{}` has a value that is none: letters, digits and `-_.~,:@`, joined by `|`", shown()));
    }
    Ok(Key { name: name.to_owned(), values })
}

impl fmt::Display for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Listed(keys) = self else { return Ok(()) };
        for (index, Key { name, values }) in keys.iter().enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match values {
                None => f.write_str(name)?,
                Some(values) => write!(f, "{{{name}:{}}}", values.join("|"))?,
            }
        }
        if keys.is_empty() { f.write_str("?") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b13_a_query_passes_only_by_what_is_listed_however_servers_read_it() {
        let rows = [
            ("state&page", "state=open&page=2", true),
            ("state&page", "page=2", true),
            ("state&page", "state", true),
            ("state&page", "state=", true),
            ("state&page", "state=a%3Bb=c", true),
            ("state&page", "", true),
            ("state&page", "action=delete", false),
            ("state&page", "state=open&action=delete", false),
            ("state&page", "state=open&state=closed", false),
            ("state&page", "state=open;action=delete", false),
            ("state&page", "State=open", false),
            ("state&page", "%73tate=open", false),
            ("state&page", "state%3Dopen", false),
            ("state&page", "state[]=open", false),
            ("state&page", "state%00=open", false),
            ("state&page", "+state=open", false),
            ("state&page", "state=open&", false),
            ("state&page", "&state=open", false),
            ("state&page", "=open", false),
            ("filter[name]", "filter[name]=x", true),
            ("filter[name]", "filter=x", false),
            ("filter[name]", "filter%5Bname%5D=x", true),
            ("filter[name]", "filter%5bname%5d=x", false),
            ("$filter&$top", "%24filter=a&$top=1", true),
            ("$filter&$top", "$filter=a&%24filter=b", false),
            ("$filter&$top", "%2524filter=a", false),
            ("{fields:id,name}", "fields=id%2Cname", true),
            ("{fields:id,name}", "fields=id%2cname", false),
            ("{action:list|get}&page", "action=list&page=1", true),
            ("{action:list|get}&page", "action=delete", false),
            ("{action:list|get}&page", "action=list,delete", false),
            ("{action:list|get}&page", "action=", false),
            ("{action:list|get}&page", "action", false),
            ("{action:list|get}&page", "action=LIST", false),
            ("{action:list|get}&page", "action=%6cist", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (rule, query, expected) in rows {
            assert_eq!(Queries::parse(rule).unwrap().allow(Some(query)), expected, "?{rule} on ?{query}");
            assert!(Queries::parse(rule).unwrap().allow(None) && Queries::Any.allow(Some(query)));
        }
    }

    #[test]
    fn lists_are_written_as_they_are_read_and_mistakes_are_refused() {
        for good in ["", "a", "a&b_c", "{a:b|c}&d", "$filter&x.y", "filter[name]"] {
            assert_eq!(Queries::parse(good).unwrap().to_string(), format!("?{good}"));
        }
        for bad in [
            "&",
            "a&",
            "a=b",
            "a&a",
            "{a}",
            "{a:}",
            "{a:b|}",
            "{:b}",
            "a b",
            "*",
            "a*",
            "é",
            "a?b",
            "%61",
            "a;b",
            "{a:b}{c:d}",
        ] {
            assert!(Queries::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Queries::Any.to_string(), "");
    }
}
