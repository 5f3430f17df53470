//! Words of the author's test kit.

use std::path::PathBuf;

use clap::Args;

use super::Executor;

/// `hotcell test`
#[derive(Debug, Args)]
#[command(
    after_help = "Cases are in tests/*.toml: docs/testing.md says how to write them, `hotcell record` makes them of live calls.\n\
    Nothing is sent: replies come from the case, and the credential is made up.\n\n\
    Exit codes: 0 all cases hold, 1 some do not, 6 a case file has a mistake"
)]
pub struct Test {
    /// The project's folder, or one of its case files. Default: the nearest project, from here upwards
    pub path: Option<PathBuf>,
    /// Only cases whose name holds this text
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,
    /// Also write the outcome as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Test dist/NAME.wasm as it is
    #[arg(long, conflicts_with = "component")]
    pub no_build: bool,
    /// Test this component instead of building one
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Where executors are
    #[command(flatten)]
    pub executor: Executor,
}

/// `hotcell record`
#[derive(Debug, Args)]
#[command(after_help = "The call is a real one: it is sent with your tokens, and what it changes is changed.\n\
    The case holds what the tool saw: its requests without the credential, and the answers. No token is in it, but answers may \
    hold personal data.")]
pub struct Record {
    /// Name of an installed tool
    pub tool: String,
    /// Name of one of its actions
    pub action: String,
    /// One argument, as for `hotcell call`
    #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE", conflicts_with = "arguments")]
    pub args: Vec<String>,
    /// All arguments as one JSON object; `-` reads it from standard input
    #[arg(long, value_name = "OBJECT")]
    pub arguments: Option<String>,
    /// The case file. Default: tests/recorded.toml of the project here
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The case's name. Default: the action and the time
    #[arg(long, value_name = "CASE")]
    pub name: Option<String>,
    /// Add the case to a file that is there
    #[arg(long, conflicts_with = "force")]
    pub append: bool,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// Seconds that the call may take, network included; at most limits.deadline_seconds of config.toml
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: Option<u64>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell dev`
#[derive(Debug, Args)]
#[command(
    after_help = "Without --action nothing is sent: cases run as for `hotcell test`. With it, each build that asks for nothing \
    more takes the place of the installed tool, and is called with your tokens; you are asked once."
)]
pub struct Dev {
    /// The project's folder. Default: the nearest one with hotcell.toml, from here upwards
    #[arg(value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Only cases whose name holds this text
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,
    /// Also call this action of the installed tool, when all cases hold
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// One argument of that call
    #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE", requires = "action", conflicts_with = "json")]
    pub args: Vec<String>,
    /// All arguments of that call as one JSON object
    #[arg(long, value_name = "OBJECT", requires = "action")]
    pub json: Option<String>,
    /// Say yes to what --action does, without being asked
    #[arg(long, short, requires = "action")]
    pub yes: bool,
    /// Code that is quicker to compile, and larger
    #[arg(long)]
    pub debug: bool,
}
