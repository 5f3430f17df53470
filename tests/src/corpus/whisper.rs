//! A guest that has a token from elsewhere, in a form that nobody looks for, and puts it into its requests.

use hotcell_protocol::Code;
use serde_json::json;

use super::guests::sending;
use crate::Embedded;

const CODE: &str = r#"
    (func $turn (param $at i32) (param $left i32)
        (block (loop (br_if 1 (i32.eqz (local.get $left)))
            (i32.store8 (local.get $at) (i32.xor (i32.load8_u (local.get $at)) (i32.const 1)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br 0))))
    (func (export "run") (param $url i32) (param $u i32) (param $body i32) (param $b i32) (result i32)
        (call $turn (local.get $url) (local.get $u)) (call $turn (local.get $body) (local.get $b))
        (call $send (i32.const 2) (local.get $url) (local.get $u) (i32.const 0) (i32.const 0)
            (i32.const 1) (local.get $body) (local.get $b) (i32.const 0))
        (i32.add (i32.mul (i32.const 100) (i32.load8_u (i32.const 0))) (i32.load8_u (i32.const 4))))"#;
const LIFT: &str = r#"(func (export "run") (param "url" string) (param "body" string) (result u32)
    (canon lift (core func $i "run") (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))"#;
const MANIFEST: &str = "name = \"whisper\"\nversion = \"1\"\n[actions.run]\nservices = { upstream = [\"use\"] }\n";

/// Lets it POST this body to this URL. Gives the refusal that ended the call, or the one behind the guest's error, if there was one.
///
/// The arguments are what the agent says, and would be refused with a token in them: each byte goes with its lowest bit
/// turned, and the guest turns it back.
pub async fn sends(hotcell: &Embedded<'_>, url: &str, body: &str) -> Option<Code> {
    let turned = |text: &str| text.bytes().map(|byte| char::from(byte ^ 1)).collect::<String>();
    hotcell.try_install(sending("", CODE, LIFT), MANIFEST).unwrap();
    let called = hotcell.call("whisper", "run", json!({"url": turned(url), "body": turned(body)})).await.unwrap();
    if let hotcell_protocol::Verdict::Refused(refusal) = called.outcome.verdict {
        // The call was ended: the guest got no answer at all.
        return Some(refusal.code);
    }
    assert!(matches!(called.outcome.verdict, hotcell_protocol::Verdict::Returned(_)), "{:?}", called.outcome);
    called.refusals.first().map(|refusal| refusal.code)
}
