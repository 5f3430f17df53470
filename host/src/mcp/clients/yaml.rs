//! Goose keeps YAML. Lines are added below `extensions:` where the file is plain enough for that to be certain; any other
//! file is left alone.

use super::NAME;
use super::Start;
use super::taken;

const EXTENSIONS: &str = "extensions:";

/// This server, as it stands in the file.
pub(super) fn entry(start: &Start) -> String {
    format!("{EXTENSIONS}\n{}", below(start, "  "))
}

/// The file with this server in it; `None` if it is there already.
pub(super) fn merge(old: &str, start: &Start) -> Result<Option<String>, String> {
    if old.contains('\t') || old.lines().any(|line| line == "---" || line == "..." || line.starts_with(['{', '%'])) {
        return Err("it is no plain YAML file".into());
    }
    let lines: Vec<&str> = old.lines().collect();
    let heads: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.starts_with("extensions")).map(|(index, _)| index).collect();
    let head = match heads.as_slice() {
        [] => {
            let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
            return Ok(Some(format!("{old}{end}{}", entry(start))));
        }
        [head] if lines.get(*head).is_some_and(|line| line.trim_end() == EXTENSIONS) => *head,
        _ => return Err("`extensions` is not written line by line".into()),
    };
    let (above, rest) = lines.split_at(head + 1);
    let first = rest.iter().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let indent = first.map_or("  ", |line| line.get(..line.len() - line.trim_start().len()).unwrap_or_default());
    let indent = if indent.is_empty() { "  " } else { indent };
    let own = below(start, indent);
    let key = format!("{indent}{NAME}:");
    if rest.iter().any(|line| line.starts_with(&key)) {
        let there = old.replace("\r\n", "\n").contains(&own);
        return if there { Ok(None) } else { Err(taken()) };
    }
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    Ok(Some(format!("{}{own}{}", joined(above), joined(rest))))
}

fn below(start: &Start, indent: &str) -> String {
    // JSON's strings are YAML's double-quoted ones (YAML 1.2 §1.3).
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut lines = vec![
        "enabled: true".to_owned(),
        "type: stdio".to_owned(),
        format!("name: {NAME}"),
        "description: Sandboxed tools with credentials that they never see".to_owned(),
        format!("cmd: {}", quoted(&start.command)),
        "args: [serve]".to_owned(),
        "timeout: 300".to_owned(),
    ];
    if !start.variables.is_empty() {
        let variables: Vec<_> =
            start.variables.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
        lines.push(format!("envs: {{ {} }}", variables.join(", ")));
    }
    let body: String = lines.iter().map(|line| format!("{indent}{indent}{line}\n")).collect();
    format!("{indent}{NAME}:\n{body}")
}
