//! What a component is, read without compiling it; and what is no component that can be used.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod support;

use hotcell_protocol::Code;
use hotcell_protocol::Imports;
use hotcell_protocol::Refusal;
use hotcell_protocol::Type;
use hotcell_protocol::World;
use hotcell_sandbox::describe;
use support::*;

fn refusal(bytes: &[u8]) -> Refusal {
    let refusal = describe(bytes, &Imports::NONE).unwrap_err();
    assert!(!refusal.hint.is_empty(), "{refusal:?}");
    refusal
}

/// A component that imports an instance of this name, and exports a function.
fn importing(name: &str) -> Vec<u8> {
    let text = format!(
        r#"(component (import "{name}" (instance)) (core module $m (func (export "run"))) (core instance $i (instantiate $m))
           (func (export "run") (canon lift (core func $i "run"))))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_no_component_is_told_apart() {
    let core = wat::parse_str("(module)").unwrap();
    let cases: [(&[u8], &str); 6] = [
        (b"", "empty"),
        (b"\0as", "empty"),
        (b"\0asm", "ends after"),
        (b"#!/bin/sh\n", "not WebAssembly"),
        (b"\0asm\x09\0\0\0", "unknown version"),
        (&core, "core WebAssembly module"),
    ];
    for (bytes, expected) in cases {
        let refusal = refusal(bytes);
        assert_eq!(refusal.code, Code::BadComponent);
        assert!(refusal.message.contains(expected), "{expected}: {}", refusal.message);
    }
    assert!(refusal(&core).hint.contains("wasm32-wasip2"));
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let whole = good();
    let whole_description = describe(&whole, &Imports::NONE).unwrap();
    let mut passed = 0;
    for cut in 8..whole.len() {
        match describe(&whole[..cut], &Imports::NONE) {
            Err(refusal) => assert_eq!(refusal.code, Code::BadComponent, "cut at {cut}"),
            // Between two sections a component ends as well as at its end, with fewer exports. The grant's digest is of
            // the whole file, so that what was granted is what runs.
            Ok(part) => {
                assert!(part.actions.len() <= whole_description.actions.len());
                passed += 1;
            }
        }
    }
    assert!(passed <= 4, "{passed} cuts passed: more than there are sections after the first action");
}

#[test]
fn changed_bytes_never_bring_the_reader_down() {
    let whole = good();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).unwrap()
    };
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random() % 4 {
            let at = 8 + random() % (bytes.len() - 8);
            bytes[at] = u8::try_from(random() & 0xff).unwrap();
        }
        drop(describe(&bytes, &Imports::NONE));
    }
}

#[test]
fn a2_a3_each_refused_import_is_named_with_what_to_use_instead() {
    let cases = [
        ("wasi:http/outgoing-handler@0.2.6", "imports = [\"wasi:http\"]"),
        ("wasi:http/types@0.2.0", "imports = [\"wasi:http\"]"),
        ("wasi:http/incoming-handler@0.2.6", "it does not serve"),
        ("wasi:http/client@0.3.0", "0.2"),
        ("near:agent/host@0.4.1", "imports = [\"near:agent\"]"),
        ("near:agent/tool@0.4.1", "hotcell:tool"),
        ("wasi:sockets/tcp@0.2.6", "inert_imports"),
        ("wasi:sockets/ip-name-lookup@0.2.6", "inert_imports"),
        ("wasi:keyvalue/store@0.2.0", "parameters"),
        ("wasi:config/store@0.2.0", "parameters"),
        ("wasi:logging/logging@0.1.0", "hotcell:tool/log"),
        ("wasi:clocks/monotonic-clock@0.3.0", "WASI 0.2"),
        ("hotcell:tool/http@0.2.0", "hotcell:tool@0.1.0"),
        ("hotcell:tool/secrets@0.1.0", "http, log and progress"),
        ("acme:thing/stuff@1.0.0", "hotcell:tool"),
        ("anything", "hotcell:tool"),
        ("env", "wasm32-wasip2"),
    ];
    for (import, instead) in cases {
        let refusal = refusal(&importing(import));
        assert_eq!(refusal.code, Code::ImportNotAllowed, "{import}");
        assert!(refusal.message.contains(import), "{}", refusal.message);
        assert!(refusal.hint.contains(instead), "{import}: {}", refusal.hint);
    }
}

#[test]
fn allowed_imports_are_listed() {
    for import in ["hotcell:tool/http@0.1.0", "wasi:cli/environment@0.2.6", "wasi:random/insecure-seed@0.2.0"] {
        assert_eq!(describe(&importing(import), &Imports::NONE).unwrap().imports, [import]);
    }
    let inert = Imports { inert: vec!["wasi:sockets".to_owned()], ..Imports::NONE };
    assert!(describe(&importing("wasi:sockets/tcp@0.2.6"), &inert).is_ok());
    assert!(describe(&importing("wasi:http/types@0.2.6"), &inert).is_err());
}

/// What a grant may let in besides, and in which versions.
#[test]
fn a2_interfaces_of_other_hosts_are_let_in_one_by_one_and_in_their_versions() {
    let with = |world| Imports { worlds: [world].into(), ..Imports::NONE };
    let (http, near) = (with(World::WasiHttp), with(World::NearAgent));
    for import in ["wasi:http/types@0.2.0", "wasi:http/outgoing-handler@0.2.10", "wasi:http/types@0.2.99"] {
        assert_eq!(describe(&importing(import), &http).unwrap().imports, [import]);
        assert_eq!(describe(&importing(import), &near).unwrap_err().code, Code::ImportNotAllowed, "{import}");
    }
    assert!(describe(&importing("near:agent/host@0.4.1"), &near).is_ok());
    assert_eq!(describe(&importing("near:agent/host@0.4.1"), &http).unwrap_err().code, Code::ImportNotAllowed);
    for import in [
        "wasi:http/types@0.3.0",
        "wasi:http/types@0.2.0-rc.1",
        "wasi:http/incoming-handler@0.2.0",
        "wasi:http/client@0.3.0",
    ] {
        assert_eq!(describe(&importing(import), &http).unwrap_err().code, Code::ImportNotAllowed, "{import}");
    }
    for import in [
        "near:agent/host@0.4.0",
        "near:agent/host@0.4.2",
        "near:agent/host@0.3.0",
        "near:agent/host",
        "near:agent/secrets@0.4.1",
    ] {
        assert_eq!(describe(&importing(import), &near).unwrap_err().code, Code::ImportNotAllowed, "{import}");
    }
}

#[test]
fn a_bare_function_import_is_refused() {
    let text = r#"(component (import "log" (func (param "t" string))) (core module $m (func (export "run")))
        (core instance $i (instantiate $m)) (func (export "run") (canon lift (core func $i "run"))))"#;
    assert_eq!(refusal(&wat::parse_str(text).unwrap()).code, Code::ImportNotAllowed);
}

#[test]
fn ten_thousand_imports_are_refused() {
    let imports: String = (0..10_000).map(|n| format!("(import \"wasi:io/poll@0.2.{n}\" (instance))")).collect();
    let text = format!("(component {imports})");
    assert_eq!(refusal(&wat::parse_str(text).unwrap()).code, Code::ImportNotAllowed);
}

#[test]
fn i5_an_import_hidden_in_a_nested_component_stays_unmet() {
    // The inner component imports wasi:http; the outer one must give it, and has nothing to give but its own imports.
    let text = r#"(component
        (component $inner (import "wasi:http/outgoing-handler@0.2.6" (instance)))
        (instance $empty)
        (instance (instantiate $inner (with "wasi:http/outgoing-handler@0.2.6" (instance $empty))))
        (core module $m (func (export "run"))) (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let description = describe(&wat::parse_str(text).unwrap(), &Imports::NONE).unwrap();
    assert!(description.imports.is_empty());
}

#[test]
fn actions_carry_their_types() {
    let text = r#"(component (core module $m (memory (export "memory") 1)
            (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable)))
        (core instance $i (instantiate $m))
        (func $run (param "name" string) (param "limit" (option u8)) (result (result (list u8) (error string)))
          (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
        (instance $api (export "go" (func $run)))
        (export "acme:issues/api@1.0.0" (instance $api))
        (export "bare" (func $run)))"#;
    let description = describe(&wat::parse_str(text).unwrap(), &Imports::NONE).unwrap();
    let names: Vec<_> = description.actions.iter().map(|action| action.name.as_str()).collect();
    assert_eq!(names, ["api.go", "bare"]);
    let action = description.action("api.go").unwrap();
    assert_eq!(action.interface.as_deref(), Some("acme:issues/api@1.0.0"));
    assert_eq!(action.parameters[1].kind, Type::Option(Box::new(Type::U8)));
    let bytes = Some(Box::new(Type::List(Box::new(Type::U8))));
    assert_eq!(action.result, Some(Type::Result { ok: bytes, err: Some(Box::new(Type::String)) }));
}

#[test]
fn a_component_without_a_function_is_refused() {
    assert!(refusal(&wat::parse_str("(component)").unwrap()).message.contains("no function"));
}

#[test]
fn types_that_explode_when_written_out_are_refused() {
    let mut types = String::from("(type $t0 (tuple u8 u8))");
    for n in 1..30 {
        types += &format!("(type $t{n} (tuple $t{} $t{}))", n - 1, n - 1);
    }
    let text = format!(
        r#"(component {types} (core module $m (memory (export "memory") 1) (func (export "run") (result i32) (unreachable)))
        (core instance $i (instantiate $m))
        (func (export "run") (result $t29) (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    );
    assert_eq!(refusal(&wat::parse_str(text).unwrap()).code, Code::BadComponent);
}
