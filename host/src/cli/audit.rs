//! `hotcell audit`: what tools did. Shows the record's lines as they are, or in columns; follows it on demand.

use std::time::Duration;

use hotcell_protocol::Refusal;
use hotcell_protocol::text::visible;
use serde_json::Value;

use super::args;
use super::output;
use crate::Host;
use crate::record::Reader;

/// How often `--follow` looks for new lines.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn audit(host: &Host, args: &args::Audit) -> Result<(), Refusal> {
    let mut reader = host.record().reader();
    let mut lines: Vec<String> = reader.new_lines()?;
    lines.retain(|line| wanted(line, args));
    let first = lines.len().saturating_sub(args.last);
    let known = lines.split_off(first);
    if known.is_empty() && !args.follow {
        output::note("nothing is on record");
        return Ok(());
    }
    show(&known, args);
    if args.follow { follow(reader, args).await } else { Ok(()) }
}

async fn follow(mut reader: Reader<'_>, args: &args::Audit) -> Result<(), Refusal> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            // Ctrl-C ends it, as it does everywhere.
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        let mut lines = reader.new_lines()?;
        lines.retain(|line| wanted(line, args));
        show(&lines, args);
    }
}

fn wanted(line: &str, args: &args::Audit) -> bool {
    // A torn line, of a machine that lost power while it was written, is shown rather than hidden.
    let Ok(value) = serde_json::from_str::<Value>(line) else { return true };
    let is = |field: &str, wanted: &Option<String>| {
        wanted.as_deref().is_none_or(|wanted| value.get(field).and_then(Value::as_str) == Some(wanted))
    };
    let user = value.pointer("/user/subject").and_then(Value::as_str);
    is("tool", &args.tool)
        && args.user.as_deref().is_none_or(|wanted| user == Some(wanted))
        && is("call", &args.call)
        && (!args.denied || value.get("refused").is_some_and(|refused| !refused.is_null()))
}

fn show(lines: &[String], args: &args::Audit) {
    if args.json {
        lines.iter().for_each(|line| output::line(&visible(line)));
    } else if !lines.is_empty() {
        let rows: Vec<_> = lines.iter().map(|line| row(line)).collect();
        output::line(&output::table(&["WHEN (UTC)", "CALL", "WHAT", "ENDED", "WHERE, BY WHICH RULE", "MS"], &rows));
    }
}

fn row(line: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(line) else {
        return vec![
            String::new(),
            String::new(),
            "(a line that is no record)".into(),
            String::new(),
            String::new(),
            String::new(),
        ];
    };
    let text = |field: &str| match value.get(field) {
        Some(Value::String(text)) => visible(text),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    let when = text("at").get(..19).unwrap_or_default().replace('T', " ");
    let call = text("call").get(..8).unwrap_or_default().to_owned();
    let is_request = value.get("event").is_some_and(|event| event == "request");
    let what = match is_request {
        true => format!("  {} {}", text("method"), [text("service"), text("scope")].join("/").trim_matches('/')),
        false => match value.pointer("/user/subject").and_then(Value::as_str) {
            Some(user) => format!("{}.{}, {}", text("tool"), text("action"), visible(user)),
            None => format!("{}.{}", text("tool"), text("action")),
        },
    };
    let ended = match (value.get("refused"), is_request) {
        (Some(Value::String(code)), _) => visible(code),
        (_, true) => text("status"),
        (_, false) => text("verdict"),
    };
    let place = [text("origin"), text("rule")].join(" ").trim().to_owned();
    vec![when, call, what, ended, place, text("ms")]
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = r#"{"at":"2026-11-24T10:11:12.5Z","call":"0123456789","tool":"t","action":"a","event":"request","service":"github","scope":"read","origin":"https://a.example","rule":"GET /x","method":"GET","status":200,"refused":null,"ms":7}"#;
    const CALL: &str = r#"{"at":"2026-11-24T10:11:12.5Z","call":"0123456789","tool":"t","action":"a","event":"call","verdict":"refused","refused":"guest-trapped","ms":9}"#;

    fn args(denied: bool, tool: Option<&str>) -> args::Audit {
        args::Audit {
            follow: false,
            json: false,
            denied,
            tool: tool.map(str::to_owned),
            user: None,
            call: None,
            last: 50,
        }
    }

    #[test]
    fn lines_become_rows() {
        assert_eq!(
            row(REQUEST),
            ["2026-11-24 10:11:12", "01234567", "  GET github/read", "200", "https://a.example GET /x", "7"]
        );
        assert_eq!(row(CALL), ["2026-11-24 10:11:12", "01234567", "t.a", "guest-trapped", "", "9"]);
        let of_user = CALL.replace("\"tool\"", "\"user\":{\"issuer\":\"i\",\"subject\":\"ada\"},\"tool\"");
        assert_eq!(row(&of_user)[2], "t.a, ada");
        let ada = args::Audit { user: Some("ada".into()), ..args(false, None) };
        assert!(wanted(&of_user, &ada) && !wanted(CALL, &ada));
        assert_eq!(row("{torn").len(), 6);
    }

    #[test]
    fn only_what_is_asked_for_is_shown_and_torn_lines_are_never_hidden() {
        assert!(wanted(CALL, &args(true, None)) && !wanted(REQUEST, &args(true, None)));
        assert!(wanted(REQUEST, &args(false, Some("t"))) && !wanted(REQUEST, &args(false, Some("u"))));
        assert!(wanted("{torn", &args(true, Some("u"))));
    }
}
