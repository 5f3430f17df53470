//! What a hostile guest asks of the gate, and what reaches the server of it: looked at byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell_protocol::Code;
use hotcell_tests::Raw;
use hotcell_tests::Scene;
use hotcell_tests::Upstream;
use hotcell_tests::asks;
use hotcell_tests::is;
use hotcell_tests::programs;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_added_once_in_its_place_and_the_rest_arrives_as_it_was_asked() {
    let scene = Scene::new(|_, _| Raw::ok("hello")).await;
    let hotcell = scene.open();
    let arguments = scene.arguments("post", "/api/a%20b?q=1&r=%2F", &[("Accept", "text/x")], Some("body \u{1f980}"));
    let (got, _) = asks(&hotcell, arguments).await;
    assert!(got.unwrap().starts_with("200\n"));
    let seen = &scene.upstream.seen()[0];
    assert_eq!(seen.line(), "POST /api/a%20b?q=1&r=%2F");
    assert_eq!(seen.body, "body \u{1f980}".as_bytes());
    assert_eq!(seen.header("accept"), ["text/x"]);
    assert_eq!(seen.header("authorization"), [format!("Bearer {}", scene.cell.canary().token())]);
    assert_eq!(seen.header("host"), [scene.upstream.origin().replace("http://", "")]);
    assert_eq!(seen.header("accept-encoding"), ["identity"]);
    let names: Vec<_> = seen
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.to_lowercase())
        .collect();
    for name in &names {
        let known = ["accept", "accept-encoding", "authorization", "host", "content-length", "user-agent"];
        assert!(known.contains(&name.as_str()), "nobody asked for {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_b2_b3_b5_b7_headers_that_are_not_the_guests_are_refused_and_nothing_is_sent() {
    let scene = Scene::new(|_, _| Raw::ok("hello")).await;
    let hotcell = scene.open();
    let names = [
        "Authorization",
        "authorization",
        "AUTHORIZATION",
        "Proxy-Authorization",
        "X-Authorization",
        "X-Forwarded-Authorization",
        "X-Original-Authorization",
        "X-Amz-Security-Token",
        "X-Api-Key",
        "apikey",
        "Private-Token",
        "DPoP",
        "Cookie",
        "Cookie2",
        "Host",
        "Forwarded",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-HTTP-Method",
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Expect",
        "Upgrade",
        "Connection",
        "Keep-Alive",
        "HTTP2-Settings",
        "Proxy-Connection",
        "Range",
        "If-Range",
        "Accept-Encoding",
        "Accept-Charset",
        "Referer",
        "Origin",
        "Sec-Fetch-Site",
        "Via",
        "User-Agent",
        "X-GitHub-Api-Key",
        "X-Auth-Token",
        "X-Csrf-Token",
        "X-Session",
        "X-Real-IP",
        "True-Client-IP",
        "X-Client-IP",
        "X-Host",
        "X-Anything",
        "Max-Forwards",
        "Access-Control-Request-Headers",
        "Alt-Used",
        "Early-Data",
        "Date",
        "Server",
        "Content-Encoding",
    ];
    assert!(names.len() >= 60, "{}", names.len());
    for name in names {
        let (got, code) = asks(&hotcell, scene.arguments("get", "/api/x", &[(name, "x")], None)).await;
        assert!(is(&got, "denied"), "{name}: {got:?}");
        assert_eq!(code, Some(Code::HeaderForbidden), "{name}");
    }
    for name in [" authorization", "authorization ", "authorization\t", "a:b", "a\r\nb", "a\0", "", "ä"] {
        let (got, code) = asks(&hotcell, scene.arguments("get", "/api/x", &[(name, "x")], None)).await;
        assert!(is(&got, "badrequest"), "{name:?}: {got:?}");
        assert_eq!(code, Some(Code::BadRequest), "{name:?}");
    }
    assert_eq!(scene.upstream.connections(), 0, "something was sent");
}

/// A server that ignores the length of a GET would take its body for the next request of the connection: for another tool's.
#[tokio::test(flavor = "multi_thread")]
async fn b5_c8_a_get_has_no_body_and_no_two_tools_share_a_connection() {
    let scene = Scene::new(|_, _| Raw::ok("hello")).await;
    let hotcell = scene.open();
    let smuggled = "POST /api/notes HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n";
    for method in ["get", "head"] {
        let (got, code) = asks(&hotcell, scene.arguments(method, "/api/x", &[], Some(smuggled))).await;
        assert!(is(&got, "badrequest") && code == Some(Code::BadRequest), "{got:?}");
    }
    assert_eq!(scene.upstream.connections(), 0, "something was sent");
    asks(&hotcell, scene.arguments("get", "/api/x", &[], Some(""))).await.0.unwrap();
    asks(&hotcell, scene.arguments("post", "/api/x", &[], Some(smuggled))).await.0.unwrap();
    assert_eq!(scene.upstream.connections(), 1, "one tool's connection is kept");
    let manifest = std::fs::read_to_string(programs::guest("hostile").with_extension("toml")).unwrap();
    hotcell.install("hostile", Some(&manifest.replace("name = \"hostile\"", "name = \"other\"")));
    let arguments = scene.arguments("get", "/api/x", &[], None);
    hotcell.call("other", "ask", arguments).await.unwrap();
    assert_eq!((scene.upstream.seen().len(), scene.upstream.connections()), (3, 2));
}

/// Each header costs a look for every secret: what is too much is refused before anything looks at it.
#[tokio::test(flavor = "multi_thread")]
async fn more_headers_than_a_request_has_cost_no_look_at_each() {
    let scene = Scene::new(|_, _| Raw::ok("hello")).await;
    let hotcell = scene.open();
    let many = vec![("", ""); 20_000];
    let (got, code) = asks(&hotcell, scene.arguments("get", "/api/x", &many, None)).await;
    assert!(is(&got, "toolarge") && code == Some(Code::RequestTooLarge), "{got:?}");
    assert_eq!(scene.upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_line_ends_and_nul_in_values_are_refused_and_nothing_is_sent() {
    let scene = Scene::new(|_, _| Raw::ok("hello")).await;
    let hotcell = scene.open();
    for value in ["a\r\nAuthorization: b", "a\nb", "a\rb", "a\0b", "\u{7f}", "é", " a", "a ", "\u{2028}"] {
        let (got, _) = asks(&hotcell, scene.arguments("get", "/api/x", &[("accept", value)], None)).await;
        assert!(is(&got, "badrequest"), "{value:?}: {got:?}");
    }
    let twice = [("accept", "a"), ("Accept", "b")];
    let (got, _) = asks(&hotcell, scene.arguments("get", "/api/x", &twice, None)).await;
    assert!(is(&got, "badrequest"), "b6, twice: {got:?}");
    assert_eq!(scene.upstream.connections(), 0, "something was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn b8_b12_c1_c6_urls_with_a_second_meaning_are_refused_and_nothing_is_sent() {
    let scene = Scene::new(|_, _| Raw::ok("hello")).await;
    let hotcell = scene.open();
    let port = scene.upstream.port();
    let paths = [
        "/api/../secret",
        "/api/./x",
        "/api/%2e%2e/secret",
        "/api/..%20/secret",
        "/api/.../secret",
        "/api/%2E%2E/secret",
        "/api/..%2fsecret",
        "/api/%252e%252e/x",
        "/api//x",
        "/api/x;y",
        "/api/x%3By",
        "/api\\x",
        "/api/%5cx",
        "/api/%00",
        "/api/x%0d%0ay",
        "/api/x y",
        "/api/x\r\ny",
        "/api/x#y",
        "/api/%",
        "/api/%zz",
        "/api/%c0%ae",
        "/api/%61",
        "/api/%2fx",
        "/api/x%2Fy",
        "/api/é",
        "/api/{x}",
    ];
    for path in paths {
        let (got, code) = asks(&hotcell, scene.arguments("get", path, &[], None)).await;
        assert!(is(&got, "badrequest") || is(&got, "denied"), "{path}: {got:?}");
        assert!(matches!(code, Some(Code::BadRequest | Code::PathNotGranted)), "{path}: {code:?}");
    }
    let urls = [
        format!("http://a@127.0.0.1:{port}/api/x"),
        format!("http://a:b@127.0.0.1:{port}/api/x"),
        format!("http://127.0.0.1:{port}@evil.example/api/x"),
        format!("http://127.1:{port}/api/x"),
        format!("http://2130706433:{port}/api/x"),
        format!("http://0x7f000001:{port}/api/x"),
        format!("http://0177.0.0.1:{port}/api/x"),
        format!("http://127.0.0.1.:{port}/api/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/api/x"),
        format!("http://[::1]:{port}/api/x"),
        format!("http://localhost:{port}/api/x"),
        format!("http://127.0.0.1:0{port}/api/x"),
        format!("HTTP://127.0.0.1:{port}/api/x"),
        format!("//127.0.0.1:{port}/api/x"),
        format!("https://127.0.0.1:{port}/api/x"),
        "http://127.0.0.1/api/x".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://evil.example/api/x".to_owned(),
        "file:///etc/passwd".to_owned(),
        "/api/x".to_owned(),
        String::new(),
    ];
    for url in urls {
        let arguments = json!({"method": "get", "url": url, "headers": [], "body": null});
        let (got, code) = asks(&hotcell, arguments).await;
        assert!(is(&got, "badrequest") || is(&got, "denied"), "{url}: {got:?}");
        assert!(code.is_some(), "{url}");
    }
    assert_eq!(scene.upstream.connections(), 0, "something was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn j6_what_the_operator_denies_stays_denied_whatever_a_scope_says() {
    let scene = Scene::new(|_, _| Raw::ok("hello")).await;
    let hotcell = scene.open();
    for path in ["/api/admin", "/api/admin/users", "/api/admin/"] {
        let (got, code) = asks(&hotcell, scene.arguments("get", path, &[], None)).await;
        assert!(is(&got, "denied") && code == Some(Code::PathNotGranted), "{path}: {got:?}");
    }
    let (got, code) = asks(&hotcell, scene.arguments("get", "/other", &[], None)).await;
    assert!(is(&got, "denied") && code == Some(Code::PathNotGranted), "{got:?}");
    assert_eq!(scene.upstream.connections(), 0);
}

#[test]
fn k2_g12_proxy_and_key_log_variables_change_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (scene, proxy) = runtime
        .block_on(async { (Scene::new(|_, _| Raw::ok("x")).await, Upstream::start(|_| Raw::ok("proxied")).await) });
    drop(runtime.block_on(async { scene.open().lines.all() }));
    let key_log = scene.cell.path().join("keys.log").display().to_string();
    let to = proxy.origin();
    let mut variables = vec![("SSLKEYLOGFILE", key_log.as_str())];
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        variables.push((name, to.as_str()));
    }
    let arguments = scene.arguments("get", "/api/x", &[], None).to_string();
    let ran = scene.cell.hotcell_with(&["call", "hostile", "ask", "--json", "-"], &arguments, &variables).exits(0);
    assert!(ran.json().as_str().unwrap().ends_with("\n\nx"), "{ran:?}");
    assert_eq!((proxy.connections(), scene.upstream.seen().len()), (0, 1));
    assert!(!std::path::Path::new(&key_log).exists(), "somebody wrote TLS keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_a_service_that_was_not_granted_looks_like_one_that_does_not_exist() {
    let scene = Scene::new(|_, _| Raw::ok("x")).await;
    let other = Upstream::start(|_| Raw::ok("x")).await;
    let hotcell =
        scene.open_with(&format!("[service.other]\norigins = [\"{}\"]\nanonymous = [\"GET /**\"]\n", other.origin()));
    let mut answers = Vec::new();
    for url in
        [format!("{}/x", other.origin()), "http://127.0.0.1:9/x".to_owned(), "https://nobody.example/x".to_owned()]
    {
        let arguments = json!({"method": "get", "url": url, "headers": [], "body": null});
        answers.push(asks(&hotcell, arguments).await.0);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(other.connections(), 0);
}
