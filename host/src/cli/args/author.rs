//! The words of the author's commands: `hotcell new`, `build`, `check`.

use std::path::PathBuf;

use clap::Args;

use crate::author::Kind;
use crate::author::Lang;

/// `hotcell new`
#[derive(Debug, Args)]
#[command(after_help = "Then: cd NAME, hotcell build, hotcell test, hotcell install dist/NAME.wasm")]
pub struct New {
    /// The tool's name, and that of its folder: lower-case letters, digits and `-`, a letter first
    pub name: String,
    /// The language
    #[arg(long, short, value_enum, default_value_t = Lang::Rust)]
    pub lang: Lang,
    /// What to begin with
    #[arg(long, short, value_enum, default_value_t = Kind::Api)]
    pub template: Kind,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell build`
#[derive(Debug, Args)]
pub struct Build {
    /// The project's folder. Default: the nearest one with hotcell.toml, from here upwards
    #[arg(value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Small and fast code (the default)
    #[arg(long, overrides_with = "debug")]
    pub release: bool,
    /// Code that is quicker to compile, and larger
    #[arg(long, overrides_with = "release")]
    pub debug: bool,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `hotcell check`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing must be repaired (warnings are listed), 6 something must")]
pub struct Check {
    /// The project's folder, a component (.wasm), or the manifest of a tool without code (.toml). Default: the nearest project, from
    /// here upwards
    #[arg(value_name = "DIR|FILE")]
    pub target: Option<PathBuf>,
    /// What runs a tool without code
    #[command(flatten)]
    pub executor: super::Executor,
    /// The version to compare with. Default: the installed tool of the same name
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}
