//! The command line's words: what `hotcell --help` shows.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  the tool ran and returned its own error
   2  the command line is wrong
   3  refused: not granted, not trusted, not allowed
   4  a person must sign in, or the token lacks a scope
   5  stopped at a limit: time, memory, size, or a trap
   6  bad input: component, manifest, configuration, arguments
   7  the credential store or Hotcell's folders cannot be used
   8  the upstream server cannot be reached
  70  a mistake of Hotcell itself

Folders (each made with mode 0700): HOTCELL_CONFIG for config.toml, HOTCELL_STATE for all else";

/// Runs untrusted tools with real credentials that they can never touch.
#[derive(Debug, Parser)]
#[command(name = "hotcell", version, about, after_long_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How much of Hotcell's own log goes to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFilter::Warn, env = "HOTCELL_LOG", value_name = "LEVEL")]
    pub log: LogFilter,
}

/// Levels of Hotcell's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFilter {
    /// Nothing.
    Off,
    /// Failures.
    Error,
    /// Also what deserves a look.
    Warn,
    /// Also each call and request.
    Info,
    /// Also each decision.
    Debug,
    /// Everything.
    Trace,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show all of it on a loopback server, in a folder of its own that is removed at the end
    Demo(Demo),
    /// Show what a tool asks for, ask, and record the grant
    Install(Install),
    /// List the installed tools
    List(Json),
    /// Show a tool: actions, parameters, results, grants, imports
    Inspect(Inspect),
    /// Call an action of a tool
    Call(Call),
    /// Remove a tool and its grant
    Remove(Remove),
    /// Serve the granted tools to agents over MCP, on standard input and output or over HTTP
    Serve(Serve),
    /// Make agents know this server
    #[command(subcommand)]
    Mcp(Mcp),
    /// Tokens: put in, look at, take out
    #[command(subcommand)]
    Auth(Auth),
    /// Print a completion script for a shell
    Completions(Completions),
}

/// `--json`, for commands without other options.
#[derive(Debug, Args)]
pub struct Json {
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder with the example tools' components: `cargo x guests` prints it
    #[arg(long, value_name = "DIR", env = "HOTCELL_GUESTS")]
    pub tools: PathBuf,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell install`
#[derive(Debug, Args)]
pub struct Install {
    /// The component (.wasm)
    pub file: PathBuf,
    /// The manifest, where the component carries none. Default: FILE with the ending .toml, or hotcell.toml beside it
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Grant without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell inspect`
#[derive(Debug, Args)]
pub struct Inspect {
    /// Name of an installed tool, or a component file
    pub tool: String,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell call`
#[derive(Debug, Args)]
#[command(after_help = "The result goes to standard output as JSON; everything else goes to standard error.\n\n\
    Examples:\n  hotcell call github-issues list-issues --arg owner=rust-lang --arg repo=rust\n  \
    hotcell call github-issues list-issues --json '{\"owner\": \"rust-lang\", \"repo\": \"rust\"}'\n  \
    echo '{…}' | hotcell call github-issues create-issue --json -")]
pub struct Call {
    /// Name of an installed tool
    pub tool: String,
    /// Name of one of its actions
    pub action: String,
    /// One argument. Text parameters take the value as it is, others read it as JSON; repeat it for a list
    #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE", conflicts_with = "json")]
    pub args: Vec<String>,
    /// All arguments as one JSON object; `-` reads it from standard input
    #[arg(long, value_name = "OBJECT")]
    pub json: Option<String>,
    /// Seconds that the call may take, network included
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: Option<u64>,
    /// Print the whole outcome as JSON: verdict, cost, requests, refusals
    #[arg(long)]
    pub report: bool,
    /// Do not show the tool's log and progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// `hotcell remove`
#[derive(Debug, Args)]
pub struct Remove {
    /// Name of an installed tool
    pub tool: String,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Listen for streamable HTTP instead, at http://ADDR/mcp, with a bearer token
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:8717")]
    pub http: Option<SocketAddr>,
    /// Make a new bearer token: clients with the old one are refused from now on
    #[arg(long, requires = "http")]
    pub new_token: bool,
}

/// `hotcell mcp …`
#[derive(Debug, Subcommand)]
pub enum Mcp {
    /// Write this server into a client's own configuration: shown first, merged, with a copy of the old file beside it
    Add(McpAdd),
}

/// `hotcell mcp add`
#[derive(Debug, Args)]
pub struct McpAdd {
    /// The client
    pub client: McpClient,
    /// For this project alone: its file in the current folder
    #[arg(long)]
    pub project: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub print: bool,
    /// Write without asking
    #[arg(long, short)]
    pub yes: bool,
}

/// Clients whose configuration `hotcell mcp add` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum McpClient {
    /// Claude Code
    Claude,
    /// Claude Desktop
    ClaudeDesktop,
    /// Visual Studio Code
    Vscode,
    /// Cursor
    Cursor,
    /// Codex CLI
    Codex,
    /// Goose
    Goose,
}

/// `hotcell auth …`
#[derive(Debug, Subcommand)]
pub enum Auth {
    /// Put a token into the store: typed without echo, or read from standard input. Never an argument
    Set(AuthSet),
    /// Show who is signed in where, without any secret
    Status(AuthStatus),
    /// Take a service's token out of the store
    Logout(AuthLogout),
}

/// `hotcell auth set`
#[derive(Debug, Args)]
pub struct AuthSet {
    /// Name of the service, as in config.toml
    pub service: String,
    /// A scope that the token has; repeat it for more
    #[arg(long = "scope", short, value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Seconds until the token expires; without it, it is used until the server refuses it
    #[arg(long, value_name = "SECONDS")]
    pub expires_in: Option<u64>,
    /// Where the store's key is kept. Asked for the first time, then recorded
    #[arg(long, value_enum, value_name = "KIND")]
    pub store: Option<StoreKind>,
    /// The key file, with --store key-file; made if it is missing. Variable HOTCELL_KEY_FILE
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Where the key of the credential store is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// In the system's keychain (macOS Keychain, Windows Credential Manager, Linux Secret Service)
    Keychain,
    /// Nowhere: it is derived from a passphrase that is asked for (or read from the file that HOTCELL_PASSPHRASE_FILE names)
    Passphrase,
    /// In a file that only you can read. Whoever has the disk has the tokens
    KeyFile,
}

/// `hotcell auth status`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 signed in, 1 not signed in, 2 expired, 7 the store cannot be used")]
pub struct AuthStatus {
    /// Only this service
    pub service: Option<String>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell auth logout`
#[derive(Debug, Args)]
pub struct AuthLogout {
    /// Name of the service
    pub service: String,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn g9_no_option_takes_a_token() {
        fn walk(command: &clap::Command, seen: &mut Vec<String>) {
            for argument in command.get_arguments() {
                seen.push(argument.get_id().to_string());
            }
            command.get_subcommands().for_each(|sub| walk(sub, seen));
        }
        let mut names = Vec::new();
        walk(&Cli::command(), &mut names);
        for bad in ["token", "password", "secret", "passphrase", "key"] {
            assert!(!names.iter().any(|name| name == bad), "an argument named {bad} would end in the shell's history");
        }
        assert!(names.iter().any(|name| name == "service"));
    }
}
