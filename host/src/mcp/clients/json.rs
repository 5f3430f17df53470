//! Clients that keep JSON: an object of servers by name below one key. Order and unknown keys stay; white space does not.

use std::path::Path;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::NAME;
use super::Start;
use super::taken;

/// This server, as it stands in the file.
pub(super) fn entry(key: &str, start: &Start) -> String {
    pretty(&json!({ key: { NAME: server(start) } }))
}

/// The file with this server in it; `None` if it is there already.
pub(super) fn merge(old: &str, key: &str, start: &Start) -> Result<Option<String>, String> {
    let mut file = match old.trim() {
        "" => json!({}),
        text => serde_json::from_str(text).map_err(|error| format!("it is no plain JSON ({error})"))?,
    };
    let all = file.as_object_mut().ok_or("it is no JSON object")?;
    let servers = all.entry(key).or_insert_with(|| json!({})).as_object_mut();
    let servers = servers.ok_or_else(|| format!("`{key}` is no object"))?;
    let new = server(start);
    match servers.get(NAME) {
        Some(there) if *there == new => return Ok(None),
        Some(there) if !is_ours(there) => return Err(taken()),
        _ => drop(servers.insert(NAME.to_owned(), new)),
    }
    Ok(Some(pretty(&file)))
}

fn server(start: &Start) -> Value {
    let mut server = json!({"type": "stdio", "command": start.command, "args": ["serve"]});
    if let Some(server) = server.as_object_mut()
        && !start.variables.is_empty()
    {
        let variables: Map<_, _> = start.variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        server.insert("env".into(), variables.into());
    }
    server
}

/// Whether an entry starts this command, perhaps at an earlier place: then it may be brought up to date.
fn is_ours(there: &Value) -> bool {
    let command = there.get("command").and_then(Value::as_str).map(Path::new);
    command.and_then(Path::file_stem).is_some_and(|stem| stem == NAME) && there.get("args") == Some(&json!(["serve"]))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
