//! What an agent gets back: a result, marked as the tool's own words; a tool's error; or a refusal with the repair.

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::text;
use rmcp::model::CallToolResult;
use rmcp::model::ContentBlock;
use rmcp::model::MetaObject;
use rmcp::model::TextContent;
use serde_json::Value;
use serde_json::json;

use super::menu::Dish;
use super::schema;
use crate::Called;

/// Marks what a tool or its server said: data, never instructions.
const UNTRUSTED: &str = "hotcell/untrusted";
/// A refusal by its parts. Not in `structuredContent`: clients check that against the output's schema, errors too.
const REFUSAL: &str = "hotcell/refusal";
/// The call's id in the audit record.
const CALL: &str = "hotcell/call";
/// Which service and scope a person must sign in for.
const AUTH_REQUIRED: &str = "auth_required";
/// Bytes of a text of Hotcell's own.
const OWN_TEXT_BYTES: usize = 2_000;

/// The answer to a call that ran.
pub(super) fn called(dish: &Dish, called: &Called) -> CallToolResult {
    let mut meta = MetaObject::new();
    meta.0.insert(CALL.into(), json!(called.id));
    let mut result = match &called.outcome.verdict {
        Verdict::Returned(value) => returned(dish, value, &mut meta),
        Verdict::Failed(value) => {
            meta.0.insert(UNTRUSTED.into(), json!(true));
            CallToolResult::error(vec![untrusted(value)])
        }
        Verdict::Refused(refusal) => CallToolResult::error(vec![own(&for_agent(refusal), &mut meta)]),
    };
    if !matches!(called.outcome.verdict, Verdict::Returned(_)) {
        // What the gate refused on the way explains the tool's error, which may not know the reason.
        let further = called.refusals.iter().map(|refusal| own(&for_agent(refusal), &mut meta));
        result.content.extend(further);
    }
    if let Some(required) = auth_required(called) {
        meta.0.insert(AUTH_REQUIRED.into(), required);
    }
    result.meta = Some(meta);
    result
}

/// The answer where nothing ran.
pub(super) fn refused(refusal: &Refusal) -> CallToolResult {
    let mut meta = MetaObject::new();
    let mut result = CallToolResult::error(vec![own(&for_agent(refusal), &mut meta)]);
    result.meta = Some(meta);
    result
}

fn returned(dish: &Dish, value: &Value, meta: &mut MetaObject) -> CallToolResult {
    meta.0.insert(UNTRUSTED.into(), json!(true));
    let content = if value.is_null() { ContentBlock::text("done") } else { untrusted(value) };
    let mut result = CallToolResult::success(vec![content]);
    result.structured_content = schema::structured(&dish.action, value);
    result
}

/// Text of a tool, its odd characters visible. Structured content beside it stays as it is: programs read that.
fn untrusted(value: &Value) -> ContentBlock {
    let shown = match value {
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    };
    let mut meta = MetaObject::new();
    meta.0.insert(UNTRUSTED.into(), json!(true));
    ContentBlock::Text(TextContent::new(shown).with_meta(meta))
}

/// Text with escapes, bidirectional controls and invisible characters made visible, lines and tabs kept (threat G5).
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if text::is_odd(c) && !matches!(c, '\n' | '\t') { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// A refusal as text, and by its parts in the metadata; the first one counts.
fn own(refusal: &Refusal, meta: &mut MetaObject) -> ContentBlock {
    let parts = json!({"code": refusal.code, "message": refusal.message, "hint": refusal.hint});
    meta.0.entry(REFUSAL).or_insert(parts);
    let hint = if refusal.hint.is_empty() { String::new() } else { format!("\nhint: {}", refusal.hint) };
    ContentBlock::text(format!("{}: {}{hint}", refusal.code, refusal.message))
}

/// A refusal as an agent may see it. Which rules exist and where Hotcell's files lie is the operator's to know: an agent
/// that was told would learn what else to try.
fn for_agent(refusal: &Refusal) -> Refusal {
    let (message, hint) = match refusal.code {
        Code::AddressForbidden
        | Code::HeaderForbidden
        | Code::MethodNotGranted
        | Code::OriginNotGranted
        | Code::PathNotGranted
        | Code::QueryNotGranted => (
            "the tool asked for something that it was not granted",
            "other arguments may stay within the grant; `hotcell inspect TOOL` shows a person what is granted",
        ),
        Code::BadConfig | Code::StoreUnavailable | Code::ToolNotTrusted | Code::Internal | Code::BadComponent => (
            "hotcell itself cannot do this now",
            "nothing to repair for you: tell the person; the server's own log says what is wrong",
        ),
        _ => return Refusal::new(refusal.code, own_text(&refusal.message), own_text(&refusal.hint)),
    };
    tracing::warn!(code = refusal.code.as_str(), "refused: {refusal}");
    Refusal::new(refusal.code, message, hint)
}

fn own_text(text: &str) -> String {
    text::cut(&text::visible(text), OWN_TEXT_BYTES)
}

/// The service and scope of the first request that wanted a sign-in.
fn auth_required(called: &Called) -> Option<Value> {
    let wants = |code: Option<Code>| matches!(code, Some(Code::NeedsLogin | Code::InsufficientScope));
    let request = called.requests.iter().find(|request| wants(request.refused) && request.service.is_some())?;
    Some(json!({"service": request.service, "scope": request.scope}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g5_a_tools_text_keeps_its_lines_and_loses_its_escapes() {
        assert_eq!(shown("a\n\tb\u{1b}[2J\u{202e}c\r"), "a\n\tb\\u{1b}[2J\\u{202e}c\\r");
    }

    #[test]
    fn an_agent_learns_neither_rules_nor_places() {
        for code in [Code::PathNotGranted, Code::MethodNotGranted, Code::StoreUnavailable, Code::ToolNotTrusted] {
            let seen = for_agent(&Refusal::new(code, "GET /secret/{path} in /home/ada", "add POST /admin/**"));
            assert_eq!(seen.code, code);
            assert!(!format!("{seen:?}").contains("secret") && !format!("{seen:?}").contains("admin"), "{seen:?}");
        }
        let seen = for_agent(&Refusal::new(Code::NeedsLogin, "sign in", "hotcell auth set github"));
        assert_eq!((seen.message.as_str(), seen.hint.as_str()), ("sign in", "hotcell auth set github"));
    }
}
