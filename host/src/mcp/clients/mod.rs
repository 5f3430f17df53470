//! The configuration files of MCP clients: where each keeps its own, and how this server stands in it.
//!
//! A file is merged, never written over: what a person wrote stays, and what cannot be read is left alone.

mod json;
mod toml;
mod yaml;

use std::path::Path;
use std::path::PathBuf;

use directories::BaseDirs;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

use crate::cli::args::McpClient;
use crate::folders;

/// The name of this server in every client.
const NAME: &str = "hotcell";
/// Claude Code keeps its whole history in the same file.
const FILE_BYTES: usize = 64 * 1024 * 1024;
/// Variables that say where this user's Hotcell is, and name no secret: a server that a client starts needs the same.
const VARIABLES: [&str; 5] =
    ["HOTCELL_CONFIG", "HOTCELL_STATE", "HOTCELL_CACHE", "HOTCELL_KEY_FILE", "HOTCELL_PASSPHRASE_FILE"];

/// How a client starts this server.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Start {
    command: String,
    variables: Vec<(String, String)>,
}

/// What would be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The file.
    pub(crate) path: PathBuf,
    /// The part of it that is this server.
    pub(crate) entry: String,
    /// The whole file as it would be; `None` if it says just this already.
    pub(crate) text: Option<String>,
}

/// How a client writes its file.
#[derive(Clone, Copy)]
enum Form {
    /// JSON, servers below this key.
    Json(&'static str),
    /// Codex's TOML.
    Toml,
    /// Goose's YAML.
    Yaml,
}

impl Plan {
    /// What `hotcell mcp add` would write for a client. Reads the file, writes nothing.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for a file that cannot be read as what it should be, or that has another server of this name.
    pub(crate) fn of(client: McpClient, project: bool) -> Result<Self, Refusal> {
        let (path, form) = place(client, project)?;
        let old = folders::read_foreign_file(&path, FILE_BYTES)?;
        merged(path, form, old.as_deref().unwrap_or_default(), &start()?)
    }
}

fn merged(path: PathBuf, form: Form, old: &str, start: &Start) -> Result<Plan, Refusal> {
    let old = old.strip_prefix('\u{feff}').unwrap_or(old);
    let mistake = |why: String| broken(&path, &why);
    let (entry, text) = match form {
        Form::Json(key) => (json::entry(key, start), json::merge(old, key, start).map_err(mistake)?),
        Form::Toml => (toml::entry(start), toml::merge(old, start).map_err(mistake)?),
        Form::Yaml => (yaml::entry(start), yaml::merge(old, start).map_err(mistake)?),
    };
    Ok(Plan { path, entry, text })
}

/// Where a client's file is, and how it is written.
fn place(client: McpClient, project: bool) -> Result<(PathBuf, Form), Refusal> {
    let here = |path: &str| PathBuf::from(path);
    let user = BaseDirs::new().ok_or_else(|| {
        Refusal::new(Code::BadConfig, "this user has no home folder", "use --project, or --print and paste it")
    })?;
    let home = user.home_dir();
    let config = user.config_dir();
    Ok(match (client, project) {
        (McpClient::Claude, false) => (home.join(".claude.json"), Form::Json("mcpServers")),
        (McpClient::Claude, true) => (here(".mcp.json"), Form::Json("mcpServers")),
        (McpClient::ClaudeDesktop, false) => {
            (config.join("Claude/claude_desktop_config.json"), Form::Json("mcpServers"))
        }
        (McpClient::Vscode, false) => (config.join("Code/User/mcp.json"), Form::Json("servers")),
        (McpClient::Vscode, true) => (here(".vscode/mcp.json"), Form::Json("servers")),
        (McpClient::Cursor, false) => (home.join(".cursor/mcp.json"), Form::Json("mcpServers")),
        (McpClient::Cursor, true) => (here(".cursor/mcp.json"), Form::Json("mcpServers")),
        (McpClient::Codex, false) => (home.join(".codex/config.toml"), Form::Toml),
        (McpClient::Codex, true) => (here(".codex/config.toml"), Form::Toml),
        (McpClient::Goose, false) if cfg!(windows) => (config.join("Block/goose/config/config.yaml"), Form::Yaml),
        (McpClient::Goose, false) => (home.join(".config/goose/config.yaml"), Form::Yaml),
        (McpClient::ClaudeDesktop | McpClient::Goose, true) => {
            let hint = "leave --project out";
            return Err(Refusal::new(Code::BadArguments, "this client has no configuration of a project's own", hint));
        }
    })
}

fn start() -> Result<Start, Refusal> {
    let own =
        std::env::current_exe().map_err(|_| Refusal::internal("the system does not say where this command is"))?;
    let command = own.to_str().ok_or_else(|| {
        Refusal::new(Code::BadConfig, "this command's own path is no text", "put it at a path of plain characters")
    })?;
    let variables = VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    Ok(Start { command: command.to_owned(), variables: variables.filter(|(_, value)| !value.is_empty()).collect() })
}

fn broken(path: &Path, why: &str) -> Refusal {
    Refusal::new(
        Code::BadConfig,
        format!("{}: {}", path.display(), hotcell_protocol::text::visible(why)),
        "nothing was changed; correct the file, or add the entry by hand: hotcell mcp add CLIENT --print",
    )
}

/// The refusal of a file that has a server of our name which is not ours.
fn taken() -> String {
    format!("there is another server named `{NAME}` already")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_wrote_stays_and_a_second_time_changes_nothing() {
        let start = Start { command: "/a b/hotcell".into(), variables: vec![("HOTCELL_STATE".into(), "/s".into())] };
        let json = r#"{"zeta": 1, "mcpServers": {"other": {"command": "x", "odd": [1, {"k": null}]}}, "big": 12345678901234567}"#;
        let toml = "# mine\nmodel = \"m\" # why\n[mcp_servers.other]\ncommand = \"x\"\n";
        let yaml = "# mine\nextensions:\n  other:\n    enabled: true\nGOOSE_MODEL: m\n";
        for (form, old, kept) in [
            (Form::Json("mcpServers"), json, vec!["\"zeta\": 1", "\"odd\": [", "12345678901234567"]),
            (Form::Toml, toml, vec!["# mine", "# why", "[mcp_servers.other]"]),
            (Form::Yaml, yaml, vec!["# mine", "  other:\n    enabled: true", "GOOSE_MODEL: m"]),
        ] {
            for old in [old, ""] {
                let first = merged(PathBuf::from("f"), form, old, &start).unwrap();
                let text = first.text.unwrap();
                if !old.is_empty() {
                    assert!(kept.iter().all(|part| text.contains(part)), "{text}");
                }
                assert!(text.contains("/a b/hotcell") && text.contains("HOTCELL_STATE"), "{text}");
                assert_eq!(merged(PathBuf::from("f"), form, &text, &start).unwrap().text, None, "{text}");
            }
        }
    }

    #[test]
    fn a_file_that_is_broken_or_has_another_hotcell_is_left_alone() {
        let start = Start { command: "/bin/hotcell".into(), variables: Vec::new() };
        for (form, old) in [
            (Form::Json("mcpServers"), "{\"mcpServers\": "),
            (Form::Json("mcpServers"), "// a comment\n{}"),
            (Form::Json("mcpServers"), "[]"),
            (Form::Json("mcpServers"), r#"{"mcpServers": []}"#),
            (Form::Json("mcpServers"), r#"{"mcpServers": {"hotcell": {"command": "evil"}}}"#),
            (Form::Toml, "[mcp_servers"),
            (Form::Toml, "mcp_servers = 1"),
            (Form::Toml, "mcp_servers = { other = { command = \"x\" } }"),
            (Form::Toml, "[mcp_servers.hotcell]\ncommand = \"evil\"\n"),
            (Form::Yaml, "extensions: {}\n"),
            (Form::Yaml, "extensions:\n\thotcell: 1\n"),
            (Form::Yaml, "extensions:\n  hotcell:\n    cmd: evil\n"),
            (Form::Yaml, "extensions:\n  a: 1\nextensions:\n  b: 1\n"),
        ] {
            let refusal = merged(PathBuf::from("f"), form, old, &start).unwrap_err();
            assert_eq!(refusal.code, Code::BadConfig, "{old}");
        }
    }
}
