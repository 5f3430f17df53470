//! Codex keeps TOML. A table is added at the end, and the file is then read as a whole: all else must be as before.

use super::NAME;
use super::Start;
use super::taken;

const SERVERS: &str = "mcp_servers";

/// This server, as it stands in the file.
pub(super) fn entry(start: &Start) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut entry = format!("[{SERVERS}.{NAME}]\ncommand = {}\nargs = [\"serve\"]\n", quoted(&start.command));
    if !start.variables.is_empty() {
        entry.push_str(&format!("\n[{SERVERS}.{NAME}.env]\n"));
        for (name, value) in &start.variables {
            entry.push_str(&format!("{name} = {}\n", quoted(value)));
        }
    }
    entry
}

/// The file with this server in it; `None` if it is there already.
pub(super) fn merge(old: &str, start: &Start) -> Result<Option<String>, String> {
    let read = |text: &str| text.parse::<toml::Table>().map_err(|error| error.message().replace('\n', "; "));
    let before = read(old)?;
    let own = read(&entry(start))?;
    let server = |file: &toml::Table| file.get(SERVERS).and_then(|servers| servers.get(NAME)).cloned();
    match server(&before) {
        Some(there) if Some(&there) == server(&own).as_ref() => return Ok(None),
        Some(_) => return Err(taken()),
        None => {}
    }
    let gap = if old.is_empty() { "" } else { "\n" };
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    let text = format!("{old}{end}{gap}{}", entry(start));
    // A file with `mcp_servers = { … }` cannot be added to like this, and says so here.
    let mut after = read(&text)?;
    if let Some(servers) = after.get_mut(SERVERS).and_then(toml::Value::as_table_mut) {
        servers.remove(NAME);
        if servers.is_empty() && !before.contains_key(SERVERS) {
            after.remove(SERVERS);
        }
    }
    if after == before { Ok(Some(text)) } else { Err("it cannot be added to without changing the rest".into()) }
}
