//! Properties of the pure rooms over generated cases: 256 each, or as many as `PROPTEST_CASES` says.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use hotcell_protocol::Asked;
use hotcell_protocol::Method;
use proptest::prelude::*;

use super::addresses::embeddings;
use super::grant;
use super::services;
use crate::policy::Allowed;
use crate::policy::address::forbidden;
use crate::policy::check;
use crate::policy::query::Queries;
use crate::policy::template::Template;
use crate::policy::url;

/// URLs that are mostly near to what is granted.
fn urls() -> impl Strategy<Value = String> {
    let origins = prop::sample::select(vec![
        "https://api.example.com",
        "https://api.example.com:8443",
        "http://127.0.0.1:8080",
        "https://other.example.com",
        "https://open.example.org",
        "https://evil.example.org",
    ]);
    (origins, prop::collection::vec(segments(), 0..5), prop::option::of(queries())).prop_map(|(origin, path, query)| {
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        format!("{origin}/{}{query}", path.join("/"))
    })
}

/// Queries of keys that rules list, and of others.
fn queries() -> impl Strategy<Value = String> {
    let known = vec!["state=open", "page=2", "action=list", "action=delete", "state", "sort=up", ""];
    let part = prop_oneof![4 => prop::sample::select(known).prop_map(str::to_owned), 1 => "[a-z=;%0-9]{0,8}"];
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.join("&"))
}

fn segments() -> impl Strategy<Value = String> {
    let known = vec![
        "q", "none", "repos", "v1", "public", "account", "issues", "a", "b", "t", "data", "files", "..", "%2e%2e",
        "%2F", "", "A",
    ];
    prop_oneof![4 => prop::sample::select(known).prop_map(str::to_owned), 1 => "[a-zA-Z0-9%._~;-]{0,6}"]
}

fn decide(bits: u8, method: Method, url: &str) -> Option<Allowed> {
    check(&services(), &grant(bits), Asked { method, url: url.to_owned(), headers: Vec::new(), body: None }).ok()
}

fn methods() -> impl Strategy<Value = Method> {
    prop::sample::select(Method::ALL.to_vec())
}

proptest! {
    #[test]
    fn allow_is_monotone_a_larger_grant_never_allows_less(url in urls(), method in methods(), small: u8, more: u8) {
        if decide(small, method, &url).is_some() {
            prop_assert!(decide(small | more, method, &url).is_some(), "{url}");
        }
    }

    #[test]
    fn two_grants_together_allow_what_one_of_them_does_and_nothing_else(url in urls(), method in methods(), one: u8, other: u8) {
        let either = decide(one, method, &url).is_some() || decide(other, method, &url).is_some();
        prop_assert_eq!(decide(one | other, method, &url).is_some(), either, "{}", url);
    }

    #[test]
    fn the_order_of_public_rules_does_not_matter(url in urls(), method in methods()) {
        let (forward, mut backward) = (grant(0xff), grant(0xff));
        backward.public.reverse();
        let allows = |grant| check(&services(), grant, Asked { method, url: url.clone(), headers: Vec::new(), body: None }).is_ok();
        prop_assert_eq!(allows(&forward), allows(&backward));
    }

    #[test]
    fn b13_a_rule_with_a_longer_list_allows_no_less_and_one_without_a_list_all(
        query in prop::option::of(queries()), keys in prop::sample::subsequence(vec!["state", "page", "{action:list|get}"], 0..=3), more: prop::sample::Index,
    ) {
        let query = query.as_deref();
        let list = |keys: &[&str]| Queries::parse(&keys.join("&")).unwrap();
        let fewer = &keys[..more.index(keys.len() + 1)];
        prop_assert!(!list(fewer).allow(query) || list(&keys).allow(query), "{query:?}");
        prop_assert!(Queries::Any.allow(query));
        let backward: Vec<&str> = keys.iter().rev().copied().collect();
        prop_assert_eq!(list(&keys).allow(query), list(&backward).allow(query), "the order of keys matters");
        // The order of the query's parts does not matter either.
        let turned = query.map(|query| query.split('&').rev().collect::<Vec<_>>().join("&"));
        prop_assert_eq!(list(&keys).allow(query), list(&keys).allow(turned.as_deref()));
    }

    #[test]
    fn what_is_allowed_reads_again_as_the_same_target(url in urls(), method in methods()) {
        if let Some(allowed) = decide(0xff, method, &url) {
            prop_assert_eq!(allowed.target.url.as_str(), url.as_str());
            prop_assert_eq!(url::parse(allowed.target.url.as_str()).unwrap(), allowed.target);
        }
    }

    #[test]
    fn b12_c1_what_two_readers_read_differently_is_denied(text in "(https?://)?[a-zA-Z0-9.:@\\[\\]\\\\/?#%_;-]{0,40}") {
        if let Ok(target) = url::parse(&text) {
            let uri: http::Uri = text.parse().map_err(|_| TestCaseError::fail("no URL to the other reader"))?;
            prop_assert_eq!(uri.scheme_str(), Some(target.url.scheme()));
            prop_assert_eq!(uri.host(), target.url.host_str());
            prop_assert_eq!(uri.port_u16(), target.url.port());
            prop_assert_eq!(uri.path(), target.url.path());
        }
    }

    #[test]
    fn a_template_never_crosses_a_segment(path in prop::collection::vec("[a-z]{1,4}", 1..6), at in 0_usize..6) {
        let at = at % path.len();
        let mut parts: Vec<String> = path.clone();
        parts[at] = "{any}".to_owned();
        let template = Template::parse(&format!("/{}", parts.join("/"))).unwrap();
        prop_assert!(template.matches(&path));
        let mut longer = path.clone();
        longer.insert(at, "x".to_owned());
        prop_assert!(!template.matches(&longer), "a parameter took two segments");
        let mut shorter = path.clone();
        shorter.remove(at);
        prop_assert!(!template.matches(&shorter), "a parameter took none");
        let mut joined = path;
        joined[at] = String::new();
        prop_assert!(!template.matches(&joined), "a parameter took an empty segment");
    }

    #[test]
    fn c3_an_address_is_judged_alike_in_every_embedding(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        if forbidden(IpAddr::V4(v4)).is_some() {
            for embedded in embeddings(v4) {
                prop_assert!(forbidden(IpAddr::V6(embedded)).is_some(), "{} in {}", v4, embedded);
            }
        }
        // NAT64 alone reaches a public IPv4 address by design, and is as public as that.
        prop_assert_eq!(forbidden(IpAddr::V4(v4)).is_none(), forbidden(IpAddr::V6(embeddings(v4)[2])).is_none());
    }

    #[test]
    fn e2_a_form_is_found_whatever_stands_around_it(form: u8, place: u8, noise in prop::collection::vec(any::<u8>(), 0..300)) {
        super::scan(&[&[form, place, 0][..], &noise].concat());
    }
}
