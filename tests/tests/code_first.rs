//! Tools written code first: what `#[hotcell::tool]` makes of a module is what a caller meets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic, and read files"
)]

use hotcell::Ask;
use hotcell::Manifest;
use hotcell_protocol::Description;
use hotcell_protocol::Imports;
use hotcell_protocol::Type;
use hotcell_protocol::Verdict;
use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use hotcell_tests::programs;
use serde_json::Value;
use serde_json::json;

/// The section that the macro's own tests hold.
const SECTION: &str = include_str!("../../guest-sdk/macro/golden/every-type.toml");

fn described(guest: &str) -> Description {
    hotcell_sandbox::describe(&std::fs::read(programs::guest(guest)).unwrap(), &Imports::default()).unwrap()
}

#[test]
fn a_module_becomes_actions_with_its_names_and_imports_nothing_but_hotcell_and_wasi() {
    let every = described("every-type");
    let names: Vec<_> = every.actions.iter().map(|action| action.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "anonymous",
            "bytes",
            "everything",
            "fail",
            "letter",
            "many",
            "maybe",
            "memory",
            "nothing",
            "nothing-or",
            "numbers",
            "outcome",
            "outcomes",
            "pair",
            "read",
            "rights",
            "scoped",
            "send",
            "shapes",
            "state",
            "text",
            "truth",
            "type",
        ]
    );
    let of = |name: &str| every.action(name).unwrap();
    let parameters: Vec<_> = of("type").parameters.iter().map(|field| (field.name.as_str(), &field.kind)).collect();
    let expected = [("use", &Type::String), ("list", &Type::U8), ("func", &Type::Bool), ("page-2", &Type::Char)];
    assert_eq!(parameters, expected);
    assert_eq!(of("state").result, Some(Type::Enum(vec!["open".into(), "closed".into()])));
    assert_eq!(of("rights").result, Some(Type::Flags(["read", "write-all", "type"].map(String::from).into())));
    assert_eq!(of("nothing").result, None);
    for (guest, described) in [("every-type", &every), ("supabase-registry", &described("supabase-registry"))] {
        let known = ["hotcell:tool/", "wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/"];
        let others: Vec<_> =
            described.imports.iter().filter(|import| !known.iter().any(|known| import.starts_with(known))).collect();
        assert!(others.is_empty(), "{guest} imports {others:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_type_come_back_as_they_went_in() {
    let cell = Cell::new("cf_");
    let hotcell = Embedded::new(&cell, "");
    hotcell.install("every-type", None);
    let point = json!({"x": -1.5, "y": 1e300});
    let shapes = json!([
        {"empty": null}, {"dot": point}, {"box": [point, {"x": 0.0, "y": 0.1}]},
        {"circle": {"radius": 0.5, "middle": point}}, {"named": null}, {"named": "é\u{0}\u{10ffff}"},
    ]);
    let numbers = |a: u8, b: u16, c: u32, d: &Value, e: i8, f: i16, g: i32, h: &Value, i: f64, j: f64| json!({"a": a, "b": b, "c": c, "d": d, "e": e, "f": f, "g": g, "h": h, "i": i, "j": j});
    let most = numbers(
        255,
        65_535,
        u32::MAX,
        &json!("18446744073709551615"),
        127,
        32_767,
        i32::MAX,
        &json!("9223372036854775807"),
        // As it is written with the digits that a 32-bit number needs.
        3.402_823_5e38,
        f64::MAX,
    );
    let least = numbers(
        0,
        0,
        0,
        &json!(0),
        -128,
        -32_768,
        i32::MIN,
        &json!("-9223372036854775808"),
        -3.402_823_5e38,
        f64::MIN_POSITIVE,
    );
    let everything = json!({
        "numbers": most, "text": "two\nlines", "letter": "é", "bytes": "AAEC/w==", "corners": [[1, -2], [i32::MIN, i32::MAX]],
        "shapes": shapes, "state": "closed", "rights": ["write-all"],
        "outcomes": [{"ok": point}, {"err": "no"}], "plain": {"err": null},
        "nested": [[], [null, [true, ["a", ""]]]],
    });
    let mut without = everything.clone();
    without["state"] = Value::Null;
    without["rights"] = json!([]);
    without["plain"] = json!({"ok": null});
    for (action, value) in [
        ("everything", everything),
        ("everything", without),
        ("numbers", most),
        ("numbers", least),
        ("text", json!("")),
        ("text", json!("é".repeat(10_000))),
        ("letter", json!("\u{10ffff}")),
        ("truth", json!(true)),
        ("truth", json!(false)),
        ("bytes", json!("")),
        ("bytes", json!("/wA=")),
        ("shapes", shapes),
        ("shapes", json!([])),
        ("state", json!("open")),
        ("rights", json!([])),
        ("rights", json!(["read", "write-all", "type"])),
        ("maybe", Value::Null),
        ("maybe", point.clone()),
        ("pair", json!(["closed", null, ["x"]])),
        ("pair", json!(["open", 255, [""]])),
        ("outcomes", json!([{"ok": 7}, {"err": "seven"}])),
        ("read", json!("as C's read")),
        ("send", json!("as C's send")),
        ("memory", json!("as the memory")),
    ] {
        let called = hotcell.call("every-type", action, json!({"value": value})).await.unwrap();
        assert_eq!(called.outcome.verdict, Verdict::Returned(value), "{action}");
    }
    for (action, arguments, verdict) in [
        ("outcome", json!({"value": {"ok": point}}), Verdict::Returned(point)),
        ("outcome", json!({"value": {"err": {"empty": null}}}), Verdict::Failed(json!({"empty": null}))),
        ("fail", json!({"with": {"invalid": "why"}}), Verdict::Failed(json!({"invalid": "why"}))),
        ("fail", json!({"with": {"needs-sign-in": null}}), Verdict::Failed(json!({"needs-sign-in": null}))),
        ("nothing", json!({}), Verdict::Returned(Value::Null)),
        ("nothing-or", json!({"fails": false}), Verdict::Returned(Value::Null)),
        ("nothing-or", json!({"fails": true}), Verdict::Failed(json!("told so"))),
        (
            "many",
            json!({"a": "a", "b": "b", "c": "c", "d": "d", "e": "e", "f": "f", "g": "g", "h": "h", "i": 9}),
            Verdict::Returned(json!("abcdefgh9")),
        ),
        ("type", json!({"use": "u", "list": 3, "func": true, "page-2": "é"}), Verdict::Returned(json!("u 3 true é"))),
    ] {
        let called = hotcell.call("every-type", action, arguments).await.unwrap();
        assert_eq!(called.outcome.verdict, verdict, "{action}");
    }
}

#[test]
fn the_components_section_is_the_golden_one_and_a_manifest_takes_all_of_it() {
    let component = std::fs::read(programs::guest("every-type")).unwrap();
    let whole = [b"\x0fhotcell:actions", SECTION.as_bytes()].concat();
    assert!(component.windows(whole.len()).any(|part| part == whole), "the section is not in the component");
    let text = format!("name = \"every-type\"\nversion = \"0.1.0\"\n{SECTION}");
    let manifest = Manifest::parse(&text, "the section").unwrap();
    // Each path leads somewhere, and each service, scope and rule can be written so.
    manifest.check_against(&described("every-type")).unwrap();
    let texts = |ask: &Ask| ask.parameters.len() + ask.returns.len();
    assert!(manifest.actions.values().map(texts).sum::<usize>() > 100, "{manifest:?}");
    let misled = text.replace("value.shapes[].circle.radius", "value.shapes[].circle.diameter");
    let misled = Manifest::parse(&misled, "the section").unwrap();
    assert!(misled.check_against(&described("every-type")).unwrap_err().message.contains("diameter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_written_code_first_works_through_the_gate() {
    let row = r#"[{"name": "left-pad", "version": "1.0.0", "path": "packages/left-pad/1.0.0.tgz"}]"#;
    let upstream = Upstream::start(move |seen| match seen.line() {
        line if line.starts_with("GET /rest/v1/registry?") => Raw::ok(row),
        "POST /rest/v1/registry" if seen.body.windows(5).any(|part| part == b"taken") => {
            Raw::answer("409 Conflict", &[], r#"{"message": "duplicate key"}"#)
        }
        "POST /rest/v1/registry" | "POST /storage/v1/object/packages/left-pad/1.0.0.tgz" => Raw::ok(row),
        _ => Raw::answer("404 Not Found", &[], ""),
    })
    .await;
    let cell = Cell::new("cf_");
    let config = format!(
        "[service.supabase]\norigins = [\"{}\"]\nanonymous = [\"GET /rest/v1/registry\"]\n[service.supabase.scopes]\n\
         \"registry:write\" = [\"POST /storage/v1/object/packages/{{name}}/{{file}}\", \"POST /rest/v1/registry\"]\n",
        upstream.origin()
    );
    let hotcell = Embedded::new(&cell, &config);
    hotcell.install("supabase-registry", None);
    let call = async |action: &str, arguments: Value| {
        hotcell.call("supabase-registry", action, arguments).await.unwrap().outcome.verdict
    };
    let entry =
        json!({"name": "left-pad", "version": "1.0.0", "description": "", "path": "packages/left-pad/1.0.0.tgz"});
    assert_eq!(call("search", json!({"query": "le*ft", "limit": 500})).await, Verdict::Returned(json!([entry])));
    let publish = |name: &str| json!({"name": name, "version": "1.0.0", "description": "pads"});
    assert_eq!(call("publish", publish("left-pad")).await, Verdict::Failed(json!({"needs-sign-in": null})));
    hotcell.sign_in("supabase", &["registry:write"]);
    assert_eq!(call("publish", publish("left-pad")).await, Verdict::Returned(entry));
    assert_eq!(call("publish", publish("taken")).await, Verdict::Failed(json!({"exists": null})));
    let upload = json!({"name": "left-pad", "version": "1.0.0", "content": "AAEC"});
    assert_eq!(call("upload", upload).await, Verdict::Returned(json!("packages/left-pad/1.0.0.tgz")));
    let seen = upstream.seen();
    let lines: Vec<_> = seen.iter().map(|seen| seen.line().to_owned()).collect();
    let search = "GET /rest/v1/registry?select=name%2Cversion%2Cdescription%2Cpath&name=ilike.%2Aleft%2A&order=name.asc&limit=100";
    assert_eq!(lines[0], search);
    assert_eq!(seen.last().unwrap().body, [0, 1, 2]);
    let with_token: Vec<_> = seen.iter().map(|seen| !seen.header("authorization").is_empty()).collect();
    assert_eq!(with_token, [false, true, true, true]);
}
