//! Writes a case: what a live call asked and got, as text that [`super::read`] reads again. Characters that nobody can see, or that
//! reorder what a person reads, are written as escapes (CVE-2021-42574): a case is reviewed like code. Pure.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotcell_protocol::Answer;
use hotcell_protocol::Asked;
use hotcell_protocol::Code;
use hotcell_protocol::Header;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::text::is_odd;
use serde_json::Map;
use serde_json::Value;

use super::case::path_and_query;
use super::play::Exchange;
use super::read::CREDENTIAL;

/// Bytes of a value that is written on one line.
const ONE_LINE: usize = 120;

/// A call that was made.
pub(crate) struct Made<'a> {
    pub(crate) name: &'a str,
    pub(crate) action: &'a str,
    pub(crate) arguments: &'a Value,
    /// What the operator set and the action used, by `var.NAME`.
    pub(crate) variables: &'a Map<String, Value>,
    /// Who was signed in to what, with the scopes that the action could use.
    pub(crate) signed_in: &'a BTreeMap<String, BTreeSet<String>>,
    pub(crate) exchanges: &'a [Exchange],
    pub(crate) verdict: &'a Verdict,
    /// Origins of the operator's services: requests there are written without them, since another operator has others.
    pub(crate) origins: &'a [String],
}

/// The case as text.
pub(crate) fn case(made: &Made<'_>) -> String {
    let mut out = format!("[[case]]\nname = {}\naction = {}\n", quoted(made.name), quoted(made.action));
    if made.arguments.as_object().is_some_and(|fields| !fields.is_empty()) {
        out.push_str(&value("arguments", made.arguments));
    }
    if !made.variables.is_empty() {
        let plain = |name: &str| name.strip_prefix("var.").unwrap_or(name).to_owned();
        let set = made.variables.iter().map(|(name, value)| format!("{} = {}", key(&plain(name)), single(value)));
        out.push_str(&format!("variables = {{ {} }}\n", set.collect::<Vec<_>>().join(", ")));
    }
    let code = |exchange: &Exchange| exchange.came.as_ref().err().map(|refusal| refusal.code);
    let lacked = [Some(Code::NeedsLogin), Some(Code::InsufficientScope)];
    if made.exchanges.iter().any(|exchange| lacked.contains(&code(exchange))) {
        out.push_str(&token_scopes(made.signed_in));
    }
    match made.verdict {
        Verdict::Returned(result) => out.push_str(&value("returns", result)),
        Verdict::Failed(error) => out.push_str(&value("fails", error)),
        Verdict::Refused(refusal) => out.push_str(&format!("refused = {}\n", quoted(refusal.code.as_str()))),
    }
    for exchange in made.exchanges {
        out.push_str(&request(exchange, made.origins));
    }
    out
}

/// What the case's token must lack, as the call's did.
fn token_scopes(signed_in: &BTreeMap<String, BTreeSet<String>>) -> String {
    let scopes = |scopes: &BTreeSet<String>| scopes.iter().map(|scope| quoted(scope)).collect::<Vec<_>>().join(", ");
    let pairs: Vec<_> = signed_in.iter().map(|(name, held)| format!("{} = [{}]", key(name), scopes(held))).collect();
    match pairs.as_slice() {
        [] => "# Nobody was signed in.\ntoken_scopes = {}\n".to_owned(),
        pairs => format!("token_scopes = {{ {} }}\n", pairs.join(", ")),
    }
}

fn request(exchange: &Exchange, origins: &[String]) -> String {
    let Asked { method, url, headers, body } = &exchange.asked;
    let of_service =
        origins.iter().any(|origin| url.strip_prefix(origin.as_str()).is_some_and(|rest| rest.starts_with('/')));
    let url = if of_service { path_and_query(url) } else { url };
    let mut out = format!("\n[[case.request]]\nmethod = {}\nurl = {}\n", quoted(method.as_str()), quoted(url));
    out.push_str(&fields(headers));
    if let Some(body) = body.as_ref().filter(|body| !body.is_empty()) {
        out.push_str(&bytes(body));
    }
    match &exchange.came {
        Ok(answer) => out.push_str(&reply(answer)),
        Err(refusal) => out.push_str(&not_answered(refusal)),
    }
    out
}

fn reply(answer: &Answer) -> String {
    let mut out = format!("[case.request.reply]\nstatus = {}\n{}", answer.status, fields(&answer.headers));
    if !answer.body.is_empty() {
        out.push_str(&bytes(&answer.body));
    }
    out
}

fn not_answered(refusal: &Refusal) -> String {
    let code = refusal.code;
    match code {
        Code::DeadlineExceeded => "reply = { fails = \"silent\" }\n".to_owned(),
        Code::UpstreamTimedOut => "reply = { fails = \"timed-out\" }\n".to_owned(),
        Code::UpstreamUnreachable => "reply = { fails = \"unreachable\" }\n".to_owned(),
        Code::LeakStopped => format!(
            "# The answer was withheld, so it is not here. This one stands for it.\nrefused = \"leak-stopped\"\n\
             reply = {{ body = \"{CREDENTIAL}\" }}\n"
        ),
        _ => format!("refused = {}\n", quoted(code.as_str())),
    }
}

/// Header fields. A name that is there twice cannot be written, and is left out with a word.
fn fields(headers: &[Header]) -> String {
    let once = |header: &&Header| {
        let same = headers.iter().filter(|other| other.name.eq_ignore_ascii_case(&header.name));
        // `{{credential}}` in a value of a server's own would be read as a place for it.
        same.count() == 1 && !header.value.contains(CREDENTIAL)
    };
    let written: Vec<_> = headers.iter().filter(once).collect();
    let pairs: Vec<_> = written.iter().map(|one| format!("{} = {}", key(&one.name), quoted(&one.value))).collect();
    let left_out = if written.len() == headers.len() { "" } else { "# A header that came twice is left out.\n" };
    if pairs.is_empty() { left_out.to_owned() } else { format!("{left_out}headers = {{ {} }}\n", pairs.join(", ")) }
}

/// A body: as JSON that people can read, as text, or as base64.
fn bytes(body: &[u8]) -> String {
    let text = std::str::from_utf8(body).ok().filter(|text| !text.contains(CREDENTIAL));
    let Some(text) = text else { return format!("body_base64 = \"{}\"\n", STANDARD.encode(body)) };
    // A number's digits must stay, and a name that is there twice: what cannot be written again just so is kept as text.
    let json = serde_json::from_str::<Value>(text).ok().filter(|value| value.is_object() || value.is_array());
    match json.filter(|json| without_texts(&json.to_string()) == without_texts(text)) {
        Some(json) => match serde_json::to_string_pretty(&json) {
            Ok(pretty) => format!("body_json = {}\n", block(&pretty)),
            Err(_) => format!("body = {}\n", block(text)),
        },
        None => format!("body = {}\n", block(text)),
    }
}

/// JSON without its texts and spaces: names, numbers and brackets in their order.
fn without_texts(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => {
                in_text = !in_text;
                out.push(c);
            }
            c if in_text || c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// A value as TOML on one line, where TOML has it and it is short; else as JSON.
fn value(name: &str, value: &Value) -> String {
    match inline(value).filter(|text| text.len() <= ONE_LINE) {
        Some(text) => format!("{name} = {text}\n"),
        None => {
            let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
            format!("{name}_json = {}\n", block(&pretty))
        }
    }
}

/// `None` for what TOML has not: null, and whole numbers beyond 63 bits.
fn inline(value: &Value) -> Option<String> {
    Some(match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Option<Vec<_>>>()?.join(", ")),
        Value::Bool(value) => value.to_string(),
        Value::Null => return None,
        Value::Number(number) => number.as_i64().map(|number| number.to_string())?,
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(name, value)| Some(format!("{} = {}", key(name), inline(value)?)));
            let pairs = pairs.collect::<Option<Vec<_>>>()?;
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
        Value::String(text) => quoted(text),
    })
}

/// A text, a number or a boolean: what a variable can be.
fn single(value: &Value) -> String {
    inline(value).unwrap_or_else(|| value.to_string())
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_odd(c) => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text of several lines as it is, where TOML's literal form can hold it.
fn block(text: &str) -> String {
    let literal = text.contains('\n') && !text.contains("'''") && !text.ends_with('\'');
    if literal && !text.chars().any(|c| c != '\n' && is_odd(c)) { format!("'''\n{text}'''") } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use hotcell_protocol::Method;
    use serde_json::json;

    use super::*;
    use crate::author::kit::case::Case;
    use crate::author::kit::judge;
    use crate::author::kit::play::Seen;
    use crate::author::kit::read;

    fn exchange(url: &str, body: &[u8], came: Result<Answer, Code>) -> Exchange {
        let headers = vec![Header::new("accept", "a \"b\" \\ c"), Header::new("x", "1"), Header::new("X", "2")];
        let asked = Asked { method: Method::Post, url: url.to_owned(), headers, body: Some(body.to_vec()) };
        Exchange { asked, came: came.map_err(|code| Refusal::new(code, "a reason", "a repair")) }
    }

    fn answer(body: &[u8]) -> Result<Answer, Code> {
        Ok(Answer { status: 201, headers: vec![Header::new("etag", "\"1\"")], body: body.to_vec() })
    }

    fn read(text: &str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        read::cases(text, "t", &dir).unwrap_or_else(|refusal| panic!("{refusal:?}\n{text}")).remove(0)
    }

    #[test]
    fn what_is_written_is_read_again_and_holds_for_the_call_that_it_was_written_of() {
        let bodies: [&[u8]; 10] = [
            b"",
            b"plain",
            b"two\nlines\n",
            b"{\"a\": null, \"b\": [1.50, 18446744073709551615]}",
            b"'''",
            b"a\nb'",
            b"\xff\x00",
            "\u{202e}\u{1b}[2J\r\n\u{e0041}".as_bytes(),
            b"{{credential}}",
            b"\\u0041 \"\"\" \\",
        ];
        for body in bodies {
            for verdict in [
                Verdict::Returned(
                    json!({"a b": null, "c": "\u{202e}'''\"\"\"\\", "n": 18_446_744_073_709_551_615_u64}),
                ),
                Verdict::Returned(json!([])),
                Verdict::Returned(Value::Null),
                Verdict::Failed(json!({"other": 1.5})),
                Verdict::Refused(Refusal::new(Code::GuestTrapped, "a", "b")),
            ] {
                let exchanges = [
                    exchange("https://api.example/v1/x?q=%22", body, answer(body)),
                    exchange("https://other.example/", body, Err(Code::PathNotGranted)),
                    exchange("https://api.example/gone", body, Err(Code::UpstreamUnreachable)),
                ];
                let arguments = json!({"owner": "a\"b", "list": [1, 2], "none": null});
                let set = json!({"region": "e\"u\n", "limit": 5, "part": 0.5, "on": true});
                let variables =
                    set.as_object().unwrap().iter().map(|(name, value)| (format!("var.{name}"), value.clone()));
                let variables = variables.collect();
                let origins = ["https://api.example".to_owned()];
                let made = Made {
                    name: "a name, \"quoted\"",
                    action: "api.list",
                    arguments: &arguments,
                    variables: &variables,
                    signed_in: &BTreeMap::new(),
                    exchanges: &exchanges,
                    verdict: &verdict,
                    origins: &origins,
                };
                let text = case(&made);
                let case = read(&text);
                assert_eq!((case.name.as_str(), &case.arguments), (made.name, &arguments));
                assert_eq!(json!(case.variables), set);
                assert!(!text.chars().any(|c| c != '\n' && is_odd(c)), "{text:?}");
                assert_eq!(case.requests[0].url, "/v1/x?q=%22");
                assert_eq!(case.requests[1].url, "https://other.example/");
                let seen = Seen { exchanges: exchanges.to_vec(), log: Vec::new() };
                assert!(judge::differences(&case, &seen, &verdict).is_empty(), "{text}");
                let Some(hotcell_gate::Played::Reply(reply)) = &case.requests[0].then.reply else { panic!("{text}") };
                let written: Vec<u8> = reply
                    .body
                    .iter()
                    .flat_map(|piece| match piece {
                        hotcell_gate::Piece::Bytes(bytes) => bytes.to_vec(),
                        hotcell_gate::Piece::Credential => panic!("a place for the credential was made of {body:?}"),
                    })
                    .collect();
                let same = match (serde_json::from_slice::<Value>(&written), serde_json::from_slice::<Value>(body)) {
                    (Ok(written), Ok(body)) => written == body,
                    _ => written == body,
                };
                assert!(same, "{written:?} {body:?}");
            }
        }
    }

    #[test]
    fn digits_and_names_that_json_would_change_are_kept_as_text() {
        for body in ["{\"id\":12345678901234567890123}", "[1E2]", "[1.50]", "{\"a\":1,\"a\":2}"] {
            assert_eq!(bytes(body.as_bytes()), format!("body = {}\n", block(body)));
        }
        assert!(bytes(b"{\"a\": [1.5, \"\\u00e9, 1E2\"]}").starts_with("body_json = "));
    }

    #[test]
    fn a_withheld_answer_is_stood_for_and_says_so() {
        let exchanges = [exchange("https://api.example/echo", b"", Err(Code::LeakStopped))];
        let verdict = Verdict::Failed(json!("withheld"));
        let made = Made {
            name: "a",
            action: "b",
            arguments: &json!({}),
            variables: &Map::new(),
            signed_in: &BTreeMap::new(),
            exchanges: &exchanges,
            verdict: &verdict,
            origins: &[],
        };
        let text = case(&made);
        assert!(text.contains("# The answer was withheld"), "{text}");
        assert_eq!(read(&text).requests[0].then.refused, Some((Code::LeakStopped, None)));
    }
}
