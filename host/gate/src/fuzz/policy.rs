//! Policy against a second reader of URLs: what two readers read differently is never allowed (threats B8, B12, C1 to C6).

use std::sync::LazyLock;

use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Method;

use super::grant;
use super::outcome;
use super::services;
use crate::policy::Grant;
use crate::policy::check;
use crate::policy::url;
use crate::policy::url::Target;
use crate::service::Services;

static ALL: LazyLock<Services> = LazyLock::new(services);
static GRANTS: LazyLock<Vec<Grant>> = LazyLock::new(|| (0..=255).map(grant).collect());

/// Method, grant, and a URL.
pub fn policy(data: &[u8]) -> u64 {
    let [method, bits, rest @ ..] = data else { return 0 };
    let Ok(text) = std::str::from_utf8(rest) else { return 1 };
    let method = Method::ALL[usize::from(*method) % Method::ALL.len()];
    let read = url::parse(text);
    if let Ok(target) = &read {
        reads_as_another_reader_does(text, target);
    }
    let decide = |bits: u8| {
        let asked = Asked { method, url: text.to_owned(), headers: Vec::new(), body: None };
        check(&ALL, &GRANTS[usize::from(bits)], asked)
    };
    let decided = decide(*bits);
    match &decided {
        Ok(allowed) => {
            assert_eq!(allowed.target.url.as_str(), text, "what is sent is not what was compared");
            assert_eq!(allowed.target, url::parse(allowed.target.url.as_str()).unwrap());
            is_within_the_operators_words(
                allowed.target.path(),
                &allowed.target.origin.to_string(),
                &allowed.terms.rule,
            );
            has_no_other_key_than_the_rule(allowed.target.url.query().unwrap_or_default(), &allowed.terms.rule);
            assert!(decide(0xff).is_ok(), "a larger grant allows less");
            assert!(allowed.terms.scope.is_none() || allowed.target.origin.may_carry_credentials());
        }
        Err(refusal) => {
            assert!(!refusal.message.is_empty() && !refusal.hint.is_empty());
            assert!(decide(0).is_err(), "a smaller grant allows more");
        }
    }
    let shape = read.map(|target| (target.segments.len().min(6), target.url.query().is_some())).ok();
    match decided {
        Ok(allowed) => outcome((allowed.terms.service, allowed.terms.scope, allowed.terms.rule, shape)),
        // Of a malformed URL the reason, which quotes nothing of it; else the code.
        Err(refusal) => outcome((refusal.code, (refusal.code == Code::BadRequest).then_some(refusal.message), shape)),
    }
}

/// `http::Uri` is what the client under us is written with.
fn reads_as_another_reader_does(text: &str, target: &Target) {
    let uri: http::Uri = text.parse().unwrap_or_else(|_| panic!("allowed by one reader, no URL to the other: {text}"));
    assert_eq!(uri.scheme_str(), Some(target.url.scheme()), "{text}");
    assert_eq!(uri.host(), target.url.host_str(), "{text}");
    assert_eq!(uri.port_u16(), target.url.port(), "{text}");
    assert_eq!(uri.path(), target.url.path(), "{text}");
    assert_eq!(uri.query(), target.url.query(), "{text}");
    assert!(!uri.authority().is_some_and(|authority| authority.as_str().contains('@')), "{text}");
}

/// A third reading, the bluntest: prefixes of text, after everything was decoded as often as a careless server might.
fn is_within_the_operators_words(path: &str, origin: &str, rule: &str) {
    let mut decoded = path.to_owned();
    for _ in 0..4 {
        decoded = percent_decoded(&decoded);
    }
    let parts: Vec<&str> = decoded.split(['/', '\\', ';']).collect();
    assert!(!parts.iter().any(|part| matches!(part.trim(), "." | "..")), "a dot segment in {path}");
    assert!(!decoded.bytes().any(|byte| byte < 0x20 || byte == 0x7f), "a control character in {path}");
    assert!(!path[1..].contains("//"), "an empty segment in {path}");
    assert!(
        !(origin.contains("api.")
            && decoded.to_ascii_lowercase().starts_with("/account")
            && matches!(decoded.as_bytes().get(8), None | Some(b'/'))),
        "always denied, and allowed: {path}"
    );
    let literal = rule
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .split('?')
        .next()
        .unwrap_or_default()
        .trim_start_matches("https://open.example.org");
    let prefix = literal.split(['{', '*']).next().unwrap_or_default();
    assert!(path.starts_with(prefix), "{path} is not below {prefix}");
    let origins = [
        "https://api.example.com",
        "https://api.example.com:8443",
        "http://127.0.0.1:8080",
        "https://other.example.com",
        "https://open.example.org",
    ];
    assert!(origins.contains(&origin), "{origin}");
}

/// Once more for queries: parted and decoded as the most careless server might, there is nothing in one that the rule does not
/// list, and nothing twice (threat B13).
fn has_no_other_key_than_the_rule(query: &str, rule: &str) {
    let Some((_, listed)) = rule.split_once('?') else { return };
    let listed: Vec<&str> = listed.split('&').map(|key| key.trim_matches(['{', '}'])).collect();
    let mut seen = Vec::new();
    for part in query.split(['&', ';']).filter(|part| !part.is_empty()) {
        let part = percent_decoded(part);
        let (key, value) = part.split_once('=').unwrap_or((&part, ""));
        let of = listed.iter().find(|known| known.split(':').next() == Some(key));
        let of = of.unwrap_or_else(|| panic!("{key} in {query} is not in {rule}"));
        let values = of.split_once(':').map(|(_, values)| values.split('|').any(|known| known == value));
        assert!(values.unwrap_or(true), "{part} is not in {rule}");
        assert!(!seen.contains(&key.to_owned()), "{key} twice in {query}");
        seen.push(key.to_owned());
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
