//! Unit tests of the services' tables.

use super::*;

const GOOD: &str = r#"
[service.github]
origins = ["https://api.github.com"]
send = { x-github-api-version = "2022-11-28" }
request_headers = ["x-trace"]
deny = ["/login/**"]
[service.github.scopes]
"issues:read" = ["GET /repos/{owner}/{repo}/issues"]
[service.local]
origins = ["http://127.0.0.1:8080", "http://[::1]:8080"]
credential = { header = "private-token" }
anonymous = ["GET /public/**"]
[limits]
deadline_seconds = 5
"#;

#[test]
fn a_service_is_read() {
    let services = Services::parse(GOOD, "config.toml").unwrap();
    assert_eq!(services.names().collect::<Vec<_>>(), ["github", "local"]);
    let github = services.find("github").unwrap();
    assert_eq!((github.header.as_str(), github.prefix.as_str()), ("authorization", "Bearer "));
    assert_eq!(services.rules("github", "issues:read"), ["GET /repos/{owner}/{repo}/issues"]);
    let local = services.find("local").unwrap();
    assert_eq!((local.header.as_str(), local.prefix.as_str()), ("private-token", ""));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let cases = [
        ("origins = [\"https://api.example.com/v1\"]", "has a path"),
        ("origins = [\"http://api.example.com\"]", "not encrypted"),
        ("origins = [\"http://localhost:8080\"]", "not encrypted"),
        ("origins = [\"https://*.example.com\"]", "no origin"),
        ("origins = [\"https://10.0.0.1\"]", "no origin"),
        ("origins = [\"https://api.example.com.\"]", "no origin"),
        ("origins = [\"https://API.example.com\"]", "canonical"),
        ("origins = [\"https://api.example.com:443\"]", "canonical"),
        ("origins = []", "empty"),
        ("origins = [\"https://a.example\"]\norigin = 1", "unknown field"),
        ("origins = [\"https://a.example\"]\ncredential = { header = \"cookie\" }", "cannot travel"),
        ("origins = [\"https://a.example\"]\ncredential = { header = \"Authorization\" }", "lower case"),
        ("origins = [\"https://a.example\"]\nsend = { authorization = \"x\" }", "cannot set"),
        ("origins = [\"https://a.example\"]\nrequest_headers = [\"authorization\"]", "never set"),
        ("origins = [\"https://a.example\"]\nrequest_headers = [\"x-forwarded-host\"]", "never set"),
        ("origins = [\"https://a.example\"]\nresponse_headers = [\"set-cookie\"]", "never handed"),
        ("origins = [\"https://a.example\"]\nnew_credentials = true", "wanted string"),
        ("origins = [\"https://a.example\"]\nnew_credentials = \"allow\"", "unknown variant"),
        ("origins = [\"https://a.example\"]\ndeny = [\"login\"]", "does not start"),
        ("origins = [\"https://a.example\"]\nanonymous = [\"/x\"]", "no rule"),
        ("origins = [\"https://a.example\"]\n[service.a.scopes]\nr = [\"TRACE /x\"]", "no method"),
        ("origins = [\"https://a.example\"]\n[service.a.scopes]\n\"a b\" = []", "scope's name"),
    ];
    for (text, expected) in cases {
        let refusal = Services::parse(&format!("[service.a]\n{text}\n"), "config.toml").unwrap_err();
        assert_eq!(refusal.code, Code::BadConfig);
        assert!(refusal.message.starts_with("config.toml, line "), "{}", refusal.message);
        assert!(refusal.message.contains(expected), "{expected}: {}", refusal.message);
    }
    let refusal = Services::parse("\n[service.a]\norigins = [\n  \"https://a.example/x\"]\n", "c").unwrap_err();
    assert!(refusal.message.starts_with("c, line 4, column 3:"), "{}", refusal.message);
}

#[test]
fn i3_what_nobody_set_up_cannot_be_granted() {
    let services = Services::parse(GOOD, "config.toml").unwrap();
    let grant = |service: &str, scope: &str, public: &[&str]| Grant {
        tool: "t".into(),
        digest: hotcell_protocol::Digest::of(b""),
        action: "go".into(),
        services: [(service.to_owned(), [scope.to_owned()].into())].into(),
        public: public.iter().map(|rule| crate::PublicRule::parse(rule).unwrap()).collect(),
    };
    assert!(services.check(&grant("github", "issues:read", &["GET https://a.example/"])).is_ok());
    for bad in [
        grant("gitlab", "issues:read", &[]),
        grant("github", "admin", &[]),
        grant("github", "issues:read", &["GET https://api.github.com/login/x"]),
    ] {
        let refusal = services.check(&bad).unwrap_err();
        assert_eq!(refusal.code, Code::BadConfig);
        assert!(!refusal.hint.is_empty());
    }
}
