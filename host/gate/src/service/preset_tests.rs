//! Unit tests of presets, sign-in descriptions, and what they deny to tools.

use std::collections::BTreeMap;

use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Digest;
use hotcell_protocol::Method;
use hotcell_vault::oauth::Flow;

use super::EnforcedBy;
use super::Services;
use crate::policy::Grant;
use crate::policy::check;

fn parse(text: &str) -> Services {
    Services::parse(text, "config.toml").unwrap()
}

fn mistake(text: &str) -> String {
    let refusal = Services::parse(text, "config.toml").unwrap_err();
    assert_eq!(refusal.code, Code::BadConfig);
    refusal.message
}

/// What becomes of a request by an action that holds every scope of the service.
fn ask(services: &Services, service: &str, method: Method, url: &str) -> Result<(), Code> {
    let scopes = services.find(service).unwrap().scopes.keys().cloned().collect();
    let grant = Grant {
        tool: "t".into(),
        digest: Digest::of(b""),
        action: "go".into(),
        services: BTreeMap::from([(service.to_owned(), scopes)]),
        public: Vec::new(),
    };
    let asked = Asked { method, url: url.to_owned(), headers: Vec::new(), body: None };
    check(services, &grant, asked).map(drop).map_err(|refusal| refusal.code)
}

#[test]
fn every_preset_is_read_and_says_what_it_is() {
    let presets = Services::presets().unwrap();
    let names: Vec<_> = presets.iter().map(|preset| preset.name.as_str()).collect();
    assert_eq!(names, ["github", "gitlab", "google", "notion", "oidc", "slack", "supabase"]);
    for preset in &presets {
        assert!(!preset.description.is_empty() && preset.preset.as_deref() == Some(preset.name.as_str()));
        assert!(preset.origins.iter().all(|origin| origin.starts_with("https://")));
        let mapped =
            preset.scopes.iter().all(|scope| (scope.enforced_by == EnforcedBy::Both) != scope.server_scopes.is_empty());
        assert!(mapped);
    }
    let missing = |name: &str| {
        let preset = presets.iter().find(|preset| preset.name == name).unwrap();
        preset.missing.iter().map(|missing| missing.field).collect::<Vec<_>>()
    };
    assert_eq!(missing("supabase"), ["origins", "issuer", "send"]);
    assert_eq!(missing("oidc"), ["origins", "client_id", "issuer"]);
    assert_eq!(missing("github"), ["client_id"]);
    assert!(missing("slack").is_empty() && missing("notion").is_empty());
}

#[test]
fn j6_no_rule_of_a_preset_is_denied_by_the_preset_itself() {
    let config = "[service.supabase]\npreset = \"supabase\"\norigins = [\"https://abc.supabase.co\"]\n".to_owned();
    let others = ["github", "gitlab", "google", "notion", "slack"]
        .map(|name| format!("[service.{name}]\npreset = \"{name}\"\n"));
    let services = parse(&(config + &others.concat()));
    for service in services.explain() {
        for rule in service.scopes.iter().flat_map(|scope| &scope.rules) {
            let (methods, path) = rule.split_once(' ').unwrap();
            let path: String = path
                .replace("**", "a")
                .split('/')
                .skip(1)
                .map(|part| if part.starts_with('{') { "/1".to_owned() } else { format!("/{part}") })
                .collect();
            let method = Method::parse(methods.split(',').next().unwrap()).unwrap();
            let url = format!("{}{path}", service.origins[0]);
            assert_eq!(ask(&services, &service.name, method, &url), Ok(()), "{} {rule}", service.name);
        }
    }
}

#[test]
fn j6_supabase_account_and_code_paths_are_denied_whatever_an_operator_grants() {
    let services = parse(
        r#"
        [service.db]
        preset = "supabase"
        origins = ["https://abc.supabase.co"]
        send = { apikey = "sb_publishable_x" }
        [service.db.scopes]
        "all" = ["GET,POST,PUT,PATCH,DELETE /**"]
        "#,
    );
    for path in [
        "/auth/v1",
        "/auth/v1/user",
        "/auth/v1/token?grant_type=password",
        "/auth/v1/logout",
        "/auth/v1/factors",
        "/auth/v1/oauth/authorizations/1/consent",
        "/functions/v1/f",
        "/rest/v1/rpc/f",
        "/storage/v1/object/sign/b/o",
        "/graphql/v1",
        "/realtime/v1/websocket",
        "/pg/meta",
    ] {
        let url = format!("https://abc.supabase.co{path}");
        assert_eq!(ask(&services, "db", Method::Post, &url), Err(Code::PathNotGranted), "{path}");
    }
    assert_eq!(ask(&services, "db", Method::Get, "https://abc.supabase.co/rest/v1/orders"), Ok(()));
}

#[test]
fn e9_a_providers_endpoints_are_denied_to_tools_on_every_service_with_their_origin() {
    let services = parse(
        r#"
        [service.a]
        origins = ["https://a.example"]
        [service.a.scopes]
        all = ["GET,POST /**"]
        [service.a.oauth]
        issuer = "https://a.example"
        authorization_endpoint = "https://a.example/oauth/authorize"
        token_endpoint = "https://a.example/oauth/token/"
        revocation_endpoint = "https://b.example/revoke"
        client_id = "cli"
        [service.b]
        origins = ["https://a.example", "https://b.example"]
        [service.b.scopes]
        all = ["GET,POST /**"]
        "#,
    );
    for service in ["a", "b"] {
        for path in ["/oauth/token", "/oauth/token/", "/oauth/token?a=b", "/oauth/token/x", "/oauth/authorize"] {
            let url = format!("https://a.example{path}");
            assert_eq!(ask(&services, service, Method::Post, &url), Err(Code::PathNotGranted), "{service} {path}");
        }
        assert_eq!(ask(&services, service, Method::Get, "https://a.example/oauth/tokens"), Ok(()));
    }
    assert_eq!(ask(&services, "b", Method::Post, "https://b.example/revoke"), Err(Code::PathNotGranted));
}

#[test]
fn l16_discovery_on_an_origin_that_tools_reach_needs_a_token_endpoint_to_deny() {
    let config = |further: &str| {
        format!(
            "[service.a]\norigins = [\"https://a.example\"]\n[service.a.oauth]\nissuer = \"https://a.example\"\ndiscovery = true\n{further}"
        )
    };
    assert!(mistake(&config("")).contains("write `token_endpoint`"));
    let services = parse(&config("token_endpoint = \"https://a.example/t\""));
    assert_eq!(services.explain()[0].denied, ["/t/**"]);
}

#[test]
fn an_operator_completes_and_overrides_a_preset() {
    let services = parse(
        r#"
        [service.work]
        preset = "github"
        deny = ["/search/**"]
        [service.work.scopes]
        "issues:read" = ["GET /repos/acme/{repo}/issues"]
        "events:read" = ["GET /repos/{owner}/{repo}/events"]
        [service.work.oauth]
        client_id = "Iv1.abc"
        "#,
    );
    let work = &services.explain()[0];
    assert_eq!((work.name.as_str(), work.preset.as_deref()), ("work", Some("github")));
    assert!(work.missing.is_empty());
    assert_eq!(services.rules("work", "issues:read"), ["GET /repos/acme/{repo}/issues"]);
    assert_eq!(services.rules("work", "events:read").len(), 1);
    assert!(!services.rules("work", "pulls:read").is_empty());
    assert!(work.denied.contains(&"/user/**".to_owned()) && work.denied.contains(&"/search/**".to_owned()));
    let provider = services.sign_in("work").unwrap();
    assert!(provider.offers(Flow::Device) && provider.client() == Some("Iv1.abc"));
    assert!(provider.is_enforced_by_server("issues:read") && !provider.is_enforced_by_server("events:read"));
    assert_eq!(services.providers().len(), 1);
    let json = serde_json::to_value(work).unwrap();
    assert_eq!(json["sign_in"]["grants"], serde_json::json!(["device"]));
    assert_eq!(json["scopes"][1]["enforced_by"], "hotcell");
}

#[test]
fn what_a_preset_leaves_open_is_said_where_it_is_needed() {
    let services = parse(
        "[service.supabase]\npreset = \"supabase\"\n[service.github]\npreset = \"github\"\n[service.slack]\npreset = \"slack\"\n",
    );
    for (service, expected) in [
        ("supabase", "lacks `origins`, which the preset supabase"),
        ("github", "lacks `client_id`"),
        ("slack", "has no sign-in"),
        ("other", "is not set up"),
    ] {
        let refusal = services.sign_in(service).unwrap_err();
        assert!(refusal.message.contains(expected) && !refusal.hint.is_empty(), "{}", refusal.message);
    }
    let grant = |service: &str| Grant {
        tool: "t".into(),
        digest: Digest::of(b""),
        action: "go".into(),
        services: BTreeMap::from([(service.to_owned(), Default::default())]),
        public: Vec::new(),
    };
    assert!(services.check(&grant("supabase")).unwrap_err().message.contains("lacks `origins`"));
    // Tools work with a key, too: a client id is for signing in alone.
    assert!(services.check(&grant("github")).is_ok());
}

#[test]
fn mistakes_in_a_sign_in_are_named_with_their_place() {
    let at = |text: &str| mistake(&format!("[service.a]\norigins = [\"https://a.example\"]\n{text}"));
    for (text, place, expected) in [
        ("[service.a.oauth]\ntoken_endpoint = \"http://a.example/t\"", "line 4, column 18", "use https"),
        ("[service.a.oauth]\n client_secret = \"s3cr3t\"", "line 4", "does not belong into a file"),
        ("[service.a.oauth]\nclient = \"x\"", "line 4, column 1", "unknown field"),
        ("[service.a.oauth.scopes]\nread = [\"r\"]", "line 3", "no scope of the service"),
        ("[service.a.oauth]\ndiscovery = true\nissuer = \"https://a.example\"", "line 3", "token_endpoint"),
        ("[service.a.oauth.authorization_parameters]\nscope = \"x\"", "line 3", "set by the flow"),
        ("preset = \"githup\"", "line 3, column 10", "there are github, gitlab"),
        ("send = { apikey = \"sb_secret_abc\" }", "line 3", "secret key"),
        ("send = { apikey = \"e30.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln\" }", "line 3", "secret key"),
    ] {
        let message = at(text);
        assert!(message.contains(place) && message.contains(expected), "{place} {expected}: {message}");
        assert!(!message.contains("s3cr3t") && !message.contains("sb_secret_abc"), "{message}");
    }
}
