//! The command line's words: what `hotcell --help` shows.

mod auth;
mod author;
mod kit;
mod serve;

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

pub use auth::Auth;
pub use auth::AuthDefault;
pub use auth::AuthLogout;
pub use auth::AuthRefresh;
pub use auth::AuthServices;
pub use auth::AuthSet;
pub use auth::AuthSignin;
pub use auth::AuthStatus;
pub use auth::KeyChoice;
pub use auth::StoreKind;
pub use author::Build;
pub use author::Check;
pub use author::New;
pub use kit::Dev;
pub use kit::Record;
pub use kit::Test;
pub use serve::Mcp;
pub use serve::McpAdd;
pub use serve::McpClient;
pub use serve::Serve;

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

Folders (each made with mode 0700): HOTCELL_CONFIG for config.toml, HOTCELL_CACHE for compiled\ncode, HOTCELL_STATE for all else";

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
    /// Write a small tool to begin with: a project in a folder of its own
    New(New),
    /// Build a tool: the language's own builder, then the manifest and what is said of the actions packed in
    Build(Build),
    /// Check a tool as it was built: what would be refused, what agents would stumble over, what changed
    Check(Check),
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
    /// Run the cases of a tool's project, in the sandbox and without a network
    Test(Test),
    /// Make a case of a live call, without secrets
    Record(Record),
    /// Build and test a tool each time that its sources change
    Dev(Dev),
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
    /// Show what tools did: calls, requests, refusals
    Audit(Audit),
    /// Walk the decision on a request of a tool, without sending it
    Explain(Explain),
    /// Give a tool back what was taken from its grant
    Grant(Change),
    /// Take parts of a tool's grant back; the tool stays installed
    Revoke(Change),
    /// Let a suspended tool work again
    Resume(Resume),
    /// Check everything that Hotcell stands on, and say which walls stand
    Doctor(Json),
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

/// Where executors are found: what runs tools without code.
#[derive(Debug, Default, Args)]
pub struct Executor {
    /// The executor of a tool without code
    #[arg(id = "executor", long = "executor", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The folder of executors. Default: `executors` beside hotcell itself
    #[arg(long = "executors", value_name = "DIR", env = "HOTCELL_EXECUTORS")]
    pub folder: Option<PathBuf>,
}

/// `hotcell install`
#[derive(Debug, Args)]
pub struct Install {
    /// The component (.wasm), or the manifest of a tool without code (.toml)
    pub file: PathBuf,
    /// What runs a tool without code
    #[command(flatten)]
    pub executor: Executor,
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
#[command(after_help = "Exit codes of --chain: 0 every link holds, 3 one is broken, 6 there is no such tool")]
pub struct Inspect {
    /// Name of an installed tool, or a component or manifest file
    pub tool: String,
    /// Show what an installed tool is link by link, from manifest to compiled code, each digest computed anew
    #[arg(long)]
    pub chain: bool,
    /// What runs a tool without code
    #[command(flatten)]
    pub executor: Executor,
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
    /// Seconds that the call may take, network included; at most limits.deadline_seconds of config.toml
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: Option<u64>,
    /// Print the whole outcome as JSON: verdict, cost, requests, refusals
    #[arg(long)]
    pub report: bool,
    /// Do not show the tool's log and progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Run the tool in this process, beside the tokens: one wall less, for comparison
    #[arg(long)]
    pub in_process: bool,
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

/// `hotcell audit`
#[derive(Debug, Args)]
#[command(after_help = "A line never holds a query, a path, a header's value, an argument or a body.")]
pub struct Audit {
    /// Wait for new lines, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Print the record's own lines, one JSON object each
    #[arg(long)]
    pub json: bool,
    /// Only what was refused
    #[arg(long)]
    pub denied: bool,
    /// Only this tool
    #[arg(long, value_name = "TOOL")]
    pub tool: Option<String>,
    /// Only calls of this user, by the subject that its tokens name
    #[arg(long, value_name = "SUBJECT")]
    pub user: Option<String>,
    /// Only this call, by its whole id
    #[arg(long, value_name = "ID")]
    pub call: Option<String>,
    /// At most so many lines of what there is
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 50)]
    pub last: usize,
}

/// `hotcell explain`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 some action may send it, 3 none may, 6 there is no such tool")]
pub struct Explain {
    /// Name of an installed tool
    pub tool: String,
    /// The request's URL
    pub url: String,
    /// The request's method
    #[arg(default_value = "GET")]
    pub method: String,
    /// Only this action
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell grant` and `hotcell revoke`
#[derive(Debug, Args)]
pub struct Change {
    /// Name of an installed tool
    pub tool: String,
    /// Only for this action
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only this service
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Only this scope of the service
    #[arg(long, value_name = "SCOPE", requires = "service")]
    pub scope: Option<String>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell resume`
#[derive(Debug, Args)]
pub struct Resume {
    /// Name of an installed tool
    pub tool: String,
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
