//! What holds for every template and every value: origin and number of segments stay, keys of the query are the template's, a
//! body's fields are the template's, and a header is one line.

use hotcell_fuzz::Target;
use hotcell_fuzz::outcome;
use proptest::prelude::*;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use url::Url;

use crate::Expanded;
use crate::Method;
use crate::Request;

const ORIGIN: &str = "https://api.example.com:8443";

fn request() -> Request {
    let text = "method = \"PUT\"\nurl = \"${service.s}/v1/${a}/x-${b}-y/${a}${c}/end\"\n\
        headers = { prefer = \"p=${c}\" }\nquery = { fixed = 1, q = \"${a}\", mixed = \"x ${b} y\" }\n\
        [body]\nfirst = \"${a}\"\nsecond = { deep = \"${b} ${c}\" }\n";
    toml::from_str(text).unwrap()
}

/// Panics where a promise is broken.
fn holds(expanded: &Expanded, values: &Map<String, Value>) {
    let url = Url::parse(&expanded.url).unwrap();
    assert_eq!(url.as_str(), expanded.url, "the URL is canonical: what is compared is what is sent");
    assert_eq!(url.origin().ascii_serialization(), ORIGIN);
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    let segments: Vec<_> = url.path_segments().unwrap().collect();
    assert_eq!((segments.len(), segments[0], segments[4]), (5, "v1", "end"), "{url}");
    let keys: Vec<_> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(keys, ["fixed", "mixed", "q"]);
    let q = url.query_pairs().find(|(key, _)| key == "q").unwrap().1.into_owned();
    assert_eq!(q, values["a"].as_str().unwrap(), "the server reads what was given");
    for (name, value) in &expanded.headers {
        assert!(name == "prefer" || name == "content-type");
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
    let body: Value = serde_json::from_slice(expanded.body.as_ref().unwrap()).unwrap();
    let text = |name: &str| values[name].as_str().unwrap();
    assert_eq!(body, json!({"first": text("a"), "second": {"deep": format!("{} {}", text("b"), text("c"))}}));
    assert_eq!(expanded.method, Method::Put);
}

fn values(a: &str, b: &str, c: &str) -> Map<String, Value> {
    Map::from_iter([("a".to_owned(), a.into()), ("b".to_owned(), b.into()), ("c".to_owned(), c.into())])
}

proptest! {
    #[test]
    fn b17_no_value_changes_origin_segments_keys_or_fields(a in "\\PC*", b in any::<String>(), c in "[ -~]{0,20}") {
        let values = values(&a, &b, &c);
        if let Ok(expanded) = request().expand(ORIGIN, &values) {
            holds(&expanded, &values);
        }
    }
}

/// As [`b17_no_value_changes_origin_segments_keys_or_fields`], with values that are made of what attackers write.
#[test]
fn fuzz_template() {
    let target = Target {
        name: "template",
        seeds: &[b"a\0b\0c", b"rust-lang\0rust\0x", "ü\0你\0x".as_bytes()],
        words: &[
            b"..",
            b"/",
            b"%2e",
            b"%2F",
            b"?",
            b"#",
            b"@",
            b"\r\n",
            b"${a}",
            b"${var.x}",
            b"$${",
            b";",
            b"\\",
            b"%00",
            b"%25",
            b"\0",
        ],
    };
    target.drive(|input| {
        let text = String::from_utf8_lossy(input);
        let mut parts = text.splitn(3, '\0').map(str::to_owned).chain(std::iter::repeat_with(String::new));
        let mut next = || parts.next().unwrap();
        let values = values(&next(), &next(), &next());
        // The same text as a template: read or refused, and what was read can be filled in.
        let template = Request { url: format!("${{service.s}}/{text}"), ..request() };
        let read = template.uses().map(|uses| uses.len());
        let ended = request().expand(ORIGIN, &values).map(|expanded| holds(&expanded, &values));
        outcome((read.is_ok(), read.unwrap_or(0), ended.map_err(|problem| (problem.name, problem.why)).is_ok()))
    });
}
