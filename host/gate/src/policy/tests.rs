use super::*;
use hotcell_protocol::Digest;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const SERVICES: &str = r#"
[service.api]
origins = ["https://api.example.com"]
anonymous = ["GET /public/**"]
scopes = { read = ["GET /**"], write = ["POST /items"] }
[service.zone]
origins = ["https://api.example.com"]
deny = ["/account/**"]
"#;

fn grant(services: &[(&str, &[&str])], public: &[&str]) -> Grant {
    let scopes = |scopes: &[&str]| scopes.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    Grant {
        tool: "tool".into(),
        digest: Digest::of(b"tool"),
        action: "act".into(),
        services: services.iter().map(|(name, of)| ((*name).to_owned(), scopes(of))).collect::<BTreeMap<_, _>>(),
        public: public.iter().map(|rule| PublicRule::parse(rule).unwrap()).collect(),
    }
}

fn decide(grant: &Grant, method: Method, url: &str) -> Result<(Option<String>, String), Code> {
    let services = Services::parse(SERVICES, "config.toml").unwrap();
    let asked = Asked { method, url: url.to_owned(), headers: Vec::new(), body: None };
    let allowed = check(&services, grant, asked).map_err(|refusal| refusal.code)?;
    assert_eq!(allowed.target.url.as_str(), url, "what is sent is not what was compared");
    Ok((allowed.terms.scope, allowed.terms.rule))
}

#[test]
fn what_any_service_of_an_origin_denies_no_other_service_and_no_public_rule_allows() {
    let public = ["GET https://api.example.com/**"];
    for grant in [grant(&[("api", &["read"])], &[]), grant(&[("zone", &[])], &[]), grant(&[], &public)] {
        for path in ["account", "account/keys", "Account/Keys", "account/"] {
            let url = format!("https://api.example.com/{path}");
            assert_eq!(decide(&grant, Method::Get, &url), Err(Code::PathNotGranted), "{path}");
        }
    }
}

#[test]
fn an_origin_that_became_a_services_is_no_public_one_any_more() {
    let grant = grant(&[], &["GET https://api.example.com/items", "GET https://other.example/items"]);
    assert_eq!(decide(&grant, Method::Get, "https://api.example.com/items"), Err(Code::OriginNotGranted));
    assert!(decide(&grant, Method::Get, "https://other.example/items").is_ok());
}

#[test]
fn a_rule_with_a_token_beats_one_without_where_the_action_asked_for_it() {
    let with = grant(&[("api", &["read"])], &[]);
    let without = grant(&[("api", &[])], &[]);
    let url = "https://api.example.com/public/a";
    assert_eq!(decide(&with, Method::Get, url), Ok((Some("read".into()), "GET /**".into())));
    assert_eq!(decide(&without, Method::Get, url), Ok((None, "GET /public/**".into())));
}

#[test]
fn each_miss_has_its_own_code() {
    let grant = grant(&[("api", &["read"])], &[]);
    assert_eq!(decide(&grant, Method::Post, "https://api.example.com/items"), Err(Code::InsufficientScope));
    assert_eq!(decide(&grant, Method::Delete, "https://api.example.com/items"), Err(Code::MethodNotGranted));
    assert_eq!(decide(&grant, Method::Get, "https://api.example.com:8443/items"), Err(Code::OriginNotGranted));
    assert_eq!(decide(&grant, Method::Get, "https://other.example/items"), Err(Code::OriginNotGranted));
}

#[test]
fn c4_j1_no_other_host_than_the_exact_one_matches() {
    let grant = grant(&[("api", &["read"])], &[]);
    for host in [
        "evilapi.example.com",
        "api.example.com.evil.com",
        "example.com",
        "a.api.example.com",
        "api-example.com",
        "api.example.co",
        "xn--api-example-com",
        "api.example.net",
    ] {
        assert_eq!(
            decide(&grant, Method::Get, &format!("https://{host}/items")),
            Err(Code::OriginNotGranted),
            "{host}"
        );
    }
    for odd in ["https://API.example.com/items", "https://api.example.com./items", "https://api.example.com:443/items"]
    {
        assert_eq!(decide(&grant, Method::Get, odd), Err(Code::BadRequest), "{odd}");
    }
}

#[test]
fn adding_a_grant_never_takes_a_permission_away() {
    let urls = ["https://api.example.com/public/a", "https://api.example.com/items", "https://other.example/x"];
    let small = [grant(&[], &[]), grant(&[("api", &[])], &[]), grant(&[("api", &["read"])], &[])];
    let large = grant(&[("api", &["read", "write"])], &["GET https://other.example/**"]);
    for url in urls {
        for method in Method::ALL {
            for grant in &small {
                if decide(grant, method, url).is_ok() {
                    assert!(decide(&large, method, url).is_ok(), "{method:?} {url}");
                }
            }
        }
    }
}

#[test]
fn b13_a_query_that_no_rule_lists_is_refused_with_the_rule_and_what_to_write() {
    let services = r#"
[service.api]
origins = ["https://api.example.com"]
scopes = { read = ["GET /items?state&{action:list|get}", "GET /old"], admin = ["GET /items"] }
"#;
    let services = Services::parse(services, "config.toml").unwrap();
    let ask = |grant: &Grant, url: &str| {
        let asked = Asked { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: None };
        check(&services, grant, asked).map(|allowed| allowed.terms.rule)
    };
    let read = grant(&[("api", &["read"])], &["GET https://open.example/a?page"]);
    for good in ["items", "items?state=open", "items?action=get&state=x", "old?whatever=1"] {
        assert!(ask(&read, &format!("https://api.example.com/{good}")).is_ok(), "{good}");
    }
    // Another scope would allow it: that is what is missing.
    let refusal = ask(&read, "https://api.example.com/items?action=delete").unwrap_err();
    assert_eq!(refusal.code, Code::InsufficientScope);
    assert!(ask(&grant(&[("api", &["read", "admin"])], &[]), "https://api.example.com/items?action=delete").is_ok());

    let refusal = ask(&read, "https://open.example/a?page=1&callback=5ecret").unwrap_err();
    assert_eq!(refusal.code, Code::QueryNotGranted);
    assert!(refusal.message.contains("GET https://open.example/a?page") && refusal.message.contains("`callback`"));
    assert!(refusal.hint.contains("[actions.act]") && !format!("{refusal:?}").contains("5ecret"));

    let only = services_of("scopes = { read = [\"GET /items?state\"] }");
    let asked = Asked {
        method: Method::Get,
        url: "https://api.example.com/items?action=5ecret".into(),
        headers: Vec::new(),
        body: None,
    };
    let refusal = check(&only, &grant(&[("api", &["read"])], &[]), asked).err().unwrap();
    assert_eq!(refusal.code, Code::QueryNotGranted);
    assert!(refusal.message.contains("GET /items?state ") && refusal.hint.contains("[service.api]"), "{refusal:?}");
    assert!(!format!("{refusal:?}").contains("5ecret"));
}

fn services_of(text: &str) -> Services {
    Services::parse(&format!("[service.api]\norigins = [\"https://api.example.com\"]\n{text}\n"), "config.toml")
        .unwrap()
}
