//! Requests taken apart: a table of refusals, and properties over whatever a program can set.

use hotcell_protocol::Method as Sent;
use proptest::prelude::*;

use super::*;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    Fields::of_answer(pairs.iter().map(|(name, value)| Header::new(*name, *value)).collect())
}

fn parts(headers: &[(&str, &str)]) -> Parts {
    Parts {
        method: Method::Get,
        scheme: Some(Scheme::Https),
        authority: Some("api.example.com".into()),
        path: Some("/v1/items?page=2".into()),
        headers: fields(headers),
    }
}

fn url(scheme: Option<Scheme>, authority: Option<&str>, path: Option<&str>) -> Result<String, Refused> {
    let (authority, path) = (authority.map(str::to_owned), path.map(str::to_owned));
    Parts { scheme, authority, path, ..parts(&[]) }.asked(false).map(|asked| asked.url)
}

fn code(refused: Result<Asked, Refused>) -> ErrorCode {
    refused.unwrap_err().0
}

#[test]
fn a_request_is_the_same_as_one_of_hotcell_tool() {
    let asked = parts(&[("accept", "a/b")]).asked(false).unwrap();
    let headers = vec![Header::new("accept", "a/b")];
    let url = "https://api.example.com/v1/items?page=2".to_owned();
    assert_eq!(asked, Asked { method: Sent::Get, url, headers, body: None });
    let https = |path| url_of(None, path);
    assert_eq!(https(None), "https://a.example/");
    assert_eq!(https(Some("")), "https://a.example/");
    assert_eq!(https(Some("?q=1")), "https://a.example/?q=1");
    assert_eq!(url_of(Some(Scheme::Http), Some("/x")), "http://a.example/x");
}

fn url_of(scheme: Option<Scheme>, path: Option<&str>) -> String {
    url(scheme, Some("a.example"), path).unwrap()
}

#[test]
fn b8_an_authority_with_a_second_meaning_is_no_authority() {
    for authority in [
        "",
        "user@a.example",
        "user:pass@a.example",
        "a.example/",
        "a.example/x",
        "a.example?x",
        "a.example#x",
        "a.example\\x",
        "a.example%2f",
        "a.example x",
        "a.example\t",
        "a.example\r\nhost: b",
        "a.example\0",
        "\u{e4}.example",
        "a.example,b.example",
    ] {
        assert!(
            matches!(url(None, Some(authority), Some("/")), Err((ErrorCode::HttpRequestUriInvalid, _))),
            "{authority:?}"
        );
    }
    assert!(url(None, None, Some("/")).is_err());
    assert!(url(Some(Scheme::Other("ftp".into())), Some("a.example"), Some("/")).is_err());
    for authority in ["a.example", "a.example:8443", "127.0.0.1:80", "[::1]:80"] {
        assert!(url(None, Some(authority), Some("/")).is_ok(), "{authority}");
    }
}

#[test]
fn b12_a_target_in_absolute_form_or_with_odd_characters_is_no_path() {
    for path in [
        "https://evil.example/",
        "http://evil.example",
        "*",
        "evil.example:443",
        "@evil.example/",
        ":80/",
        "x",
        " /",
        "/ x",
        "/\r\nhost: b",
        "/\t",
        "/\0",
        "/#fragment",
        "/\\evil.example",
        "/\u{e4}",
        "#",
        "\\",
        ".evil.example/",
    ] {
        assert!(
            matches!(url(None, Some("a.example"), Some(path)), Err((ErrorCode::HttpRequestUriInvalid, _))),
            "{path:?}"
        );
    }
    let long = format!("/{}", "x".repeat(limits::URL_BYTES));
    assert!(matches!(url(None, Some("a.example"), Some(&long)), Err((ErrorCode::HttpRequestUriTooLong, _))));
}

#[test]
fn b11_wasi_http_sends_no_other_method() {
    let with = |method| Parts { method, ..parts(&[]) }.asked(false);
    for method in [Method::Connect, Method::Options, Method::Trace] {
        assert!(matches!(code(with(method)), ErrorCode::HttpRequestMethodInvalid));
    }
    for name in ["", "get", "TRACE", "CONNECT", "OPTIONS", "GET /evil HTTP/1.1\r\n", "PROPFIND", "\u{0}"] {
        assert!(matches!(code(with(Method::Other(name.into()))), ErrorCode::HttpRequestMethodInvalid), "{name:?}");
    }
    assert_eq!(with(Method::Other("PATCH".into())).unwrap().method, Sent::Patch);
    for name in ["", "GET /", "A\r\nB", "\u{e4}", &"A".repeat(33)] {
        assert!(!is_method(name), "{name:?}");
    }
}

#[test]
fn b18_a_content_length_is_one_number_or_there_is_no_request() {
    for length in ["", " 3", "3 ", "+3", "-3", "0x3", "03", "3,3", "3, 4", "three", "99999999999999999999", "\u{663}"] {
        let refused = parts(&[("content-length", length)]).asked(true);
        assert!(matches!(code(refused), ErrorCode::HttpRequestBodySize(None)), "{length:?}");
    }
    let twice = |second| parts(&[("content-length", "3"), ("content-length", second)]).asked(true);
    assert!(matches!(code(twice("4")), ErrorCode::HttpRequestBodySize(None)));
    assert!(twice("3").is_ok());
    let bodiless = |length| parts(&[("content-length", length)]).asked(false);
    assert!(matches!(code(bodiless("1")), ErrorCode::HttpRequestBodySize(Some(0))));
    assert!(bodiless("0").is_ok());
}

#[test]
fn b3_what_runtimes_set_by_themselves_is_left_out_and_replaces_nothing() {
    let runtime =
        [("host", "api.example.com"), ("user-agent", "x/1"), ("accept-encoding", "br"), ("content-length", "0")];
    assert_eq!(parts(&runtime).asked(true).unwrap().headers, []);
    // Another host than the request goes to is a lie, and not left out.
    assert!(matches!(code(parts(&[("host", "evil.example")]).asked(false)), ErrorCode::HttpRequestDenied));
    // The gate judges all others, and records that it did.
    let judged =
        [("authorization", "Bearer x"), ("cookie", "a=b"), ("x-forwarded-for", "1"), ("expect", "100-continue")];
    assert_eq!(parts(&judged).asked(false).unwrap().headers.len(), judged.len());
}

#[test]
fn b19_fields_of_an_answer_that_are_too_many_for_a_request_are_not_sent_on() {
    let many = Fields::of_answer(vec![Header::new("link", "x"); limits::REQUEST_HEADERS + 1]);
    let refused = Parts { headers: many, ..parts(&[]) }.asked(false);
    assert!(matches!(code(refused), ErrorCode::HttpRequestHeaderSectionSize(None)));
}

#[test]
fn each_of_the_gates_words_has_a_code_of_its_own_without_text() {
    let all = [
        GuestError::BadRequest,
        GuestError::Broken,
        GuestError::Denied,
        GuestError::NeedsSignIn,
        GuestError::TimedOut,
        GuestError::TooLarge,
        GuestError::TooMany,
        GuestError::Unreachable,
        GuestError::Withheld,
    ];
    let codes: std::collections::BTreeSet<_> =
        all.into_iter().map(|error| format!("{:?}", error_code(error))).collect();
    assert_eq!(codes.len(), all.len());
    assert!(codes.iter().all(|code| !code.contains('"')), "{codes:?}");
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a.example".to_owned()),
        Just("127.0.0.1".to_owned()),
        "[/?#@:\\\\%.*\\[\\]a-z0-9]{0,6}",
        "[ -~]{0,8}",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn method() -> impl Strategy<Value = Method> {
    let known = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete, Method::Patch, Method::Options];
    prop_oneof![proptest::sample::select(known.to_vec()), text().prop_map(Method::Other)]
}

fn scheme() -> impl Strategy<Value = Option<Scheme>> {
    let known = proptest::sample::select(vec![None, Some(Scheme::Http), Some(Scheme::Https)]);
    prop_oneof![known, text().prop_map(|text| Some(Scheme::Other(text)))]
}

fn headers() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![Just("host".to_owned()), Just("content-length".to_owned()), "[a-z-]{1,8}"];
    let value = prop_oneof![Just("a.example".to_owned()), Just("3".to_owned()), "[ -~]{0,8}"];
    let header = (name, value).prop_map(|(name, value)| Header::new(name, value));
    proptest::collection::vec(header, 0..6).prop_map(Fields::of_answer)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever a program sets: what comes of it goes to the authority that it set and nowhere else, by a method of ours, within
    /// the limits, with nothing in a field that ends a line; or it is refused.
    #[test]
    fn b8_b12_a_request_goes_to_the_authority_that_was_set_or_nowhere(
        (method, scheme, authority, path) in (method(), scheme(), proptest::option::of(text()), proptest::option::of(text())),
        headers in headers(),
        has_body in any::<bool>(),
    ) {
        let parts = Parts { method, scheme, authority: authority.clone(), path: path.clone(), headers: headers.clone() };
        let Ok(asked) = parts.asked(has_body) else { return Ok(()) };
        let authority = authority.unwrap();
        let rest = asked.url.strip_prefix("https://").or_else(|| asked.url.strip_prefix("http://")).unwrap();
        let target = rest.strip_prefix(authority.as_str()).unwrap();
        prop_assert!(target.starts_with('/'));
        prop_assert_eq!(rest.split('/').next().unwrap(), authority.as_str());
        prop_assert!(!authority.contains(['@', '/', '?', '#', '\\', '%']));
        prop_assert!(target.ends_with(path.as_deref().unwrap_or_default()));
        prop_assert!(asked.url.len() <= limits::URL_BYTES && asked.url.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(asked.headers.iter().all(|header| !is_the_hosts(&header.name)));
        let kept = headers.entries().iter().filter(|(name, _)| !is_the_hosts(name)).count();
        prop_assert_eq!(asked.headers.len(), kept);
        prop_assert!(asked.body.is_none());
    }
}
