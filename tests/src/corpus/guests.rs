//! What guests written as text are made of.

use super::wat_guests;
use super::wat_guests::RUN;

/// A tool that works: what must still run after every attack. `run` returns `hello`.
pub(super) fn fine() -> Vec<u8> {
    wat_guests::good()
}

/// A component whose `run` is this core code.
pub(super) fn running(code: &str) -> Vec<u8> {
    wat_guests::running(code)
}

/// A component whose `run` returns a text, a list or a number, as this core code says.
pub(super) fn returning(kind: &str, code: &str) -> Vec<u8> {
    let memory = if code.contains("memory") { r#"(memory (core memory $i "memory"))"# } else { "" };
    wat_guests::component(
        code,
        &format!(r#"(func (export "run") (result {kind}) (canon lift (core func $i "run") {memory}))"#),
    )
}

/// A component that imports an interface of this name and never uses it.
pub(super) fn importing(name: &str) -> Vec<u8> {
    parsed(&format!(
        r#"(component (import "{name}" (instance)) (core module $m (func (export "run")))
        (core instance $i (instantiate $m)) {RUN})"#
    ))
}

/// A text as a component.
pub(super) fn parsed(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// `hotcell:tool/http` as a guest written as text imports it.
const HTTP: &str = r#"(import "hotcell:tool/http@0.1.0" (instance $http
    (type $m (enum "get" "head" "post" "put" "patch" "delete")) (export "method" (type $method (eq $m)))
    (type $h (record (field "name" string) (field "value" string))) (export "header" (type $header (eq $h)))
    (type $r (record (field "method" $method) (field "url" string) (field "headers" (list $header)) (field "body" (option (list u8)))))
    (export "request" (type $request (eq $r)))
    (type $a (record (field "status" u16) (field "headers" (list $header)) (field "body" (list u8))))
    (export "response" (type $response (eq $a)))
    (type $e (enum "denied" "needs-sign-in" "bad-request" "too-large" "too-many" "timed-out" "unreachable" "withheld" "broken"))
    (export "error" (type $error (eq $e)))
    (export "send" (func (param "request" $request) (result (result $response (error $error)))))))"#;

/// A component that can send: `$send` takes method, URL (address, length), headers (address, count), body (whether there is
/// one, address, length), and where the answer goes. The URL stands at 64 and is `$length` bytes long; there are 4 pages of
/// memory, the upper half of which is the host's to fill.
pub(super) fn sending(url: &str, code: &str, lifts: &str) -> Vec<u8> {
    let code = format!(
        r#"(import "host" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (data (i32.const 64) "{url}") (global $length i32 (i32.const {}))
        {code}"#,
        url.len()
    );
    wat_guests::importing(HTTP, &[("send", r#"$http "send""#)], &code, lifts)
}
