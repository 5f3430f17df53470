//! Words of the author's test kit.

use std::path::PathBuf;

use clap::Args;

/// `hotcell test`
#[derive(Debug, Args)]
#[command(after_help = "Cases are in tests/*.toml: docs/testing.md says how to write them, `hotcell record` makes them of live calls.\n\
    Nothing is sent: replies come from the case, and the credential is made up.\n\n\
    Exit codes: 0 all cases hold, 1 some do not, 6 a case file has a mistake")]
pub struct Test {
    /// The project's folder, or one of its case files
    #[arg(default_value = ".")]
    pub path: PathBuf,
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
}
