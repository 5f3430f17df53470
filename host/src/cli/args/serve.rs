//! The words of `hotcell serve` and `hotcell mcp`.

use std::net::SocketAddr;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

/// `hotcell serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Listen for streamable HTTP instead, at http://ADDR/mcp, with a bearer token
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:8717")]
    pub http: Option<SocketAddr>,
    /// Make a new bearer token: clients with the old one are refused from now on
    #[arg(long, requires = "http")]
    pub new_token: bool,
    /// Run tools in this process, beside the tokens: one wall less, for comparison
    #[arg(long)]
    pub in_process: bool,
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
