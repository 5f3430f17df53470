//! The `hotcell` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use hotcell::cli;
use hotcell::cli::args::Cli;
use hotcell::cli::args::LogFilter;
use hotcell::compiler;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    hide_panic_messages();
    // Before everything else: this process is a compiler's or a worker, and has nothing to do with what follows.
    let command = std::env::args_os().nth(1);
    if command.as_ref().is_some_and(|command| command == compiler::COMMAND) {
        return compiler::child();
    }
    #[cfg(target_os = "linux")]
    if command.is_some_and(|command| command == hotcell::worker::COMMAND) {
        return hotcell::worker::run();
    }
    // No other process reads what this one holds. Where the system does not offer it, the work goes on: `doctor` says so.
    let hardened = hotcell_vault::harden_process();
    let cli = Cli::parse();
    start_log(cli.log);
    if let Err(error) = hardened {
        tracing::warn!(kind = %error.kind(), "this process cannot be hardened");
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(cli::run(cli));
            // Not dropped: that waits for a read of standard input, which ends when a person types.
            runtime.shutdown_background();
            exit
        }
        Err(_) => ExitCode::from(70),
    }
}

/// A panic's message may quote a value, and a value may be a secret (threat G4): only the place is shown.
fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!("a mistake of hotcell itself at {place}");
    }));
}

/// Hotcell's own log, to standard error. Libraries stay at `warn` whatever the level: at `trace`, HTTP libraries log
/// what they send (threat G1).
fn start_log(level: LogFilter) {
    let level = match level {
        LogFilter::Off => return,
        LogFilter::Error => "error",
        LogFilter::Warn => "warn",
        LogFilter::Info => "info",
        LogFilter::Debug => "debug",
        LogFilter::Trace => "trace",
    };
    let own = ["hotcell", "hotcell_gate", "hotcell_sandbox", "hotcell_vault"].map(|room| format!("{room}={level}"));
    // An agent's mistakes are answered to the agent; they are no warning to the operator, whose log they would flood.
    let others = if level == "error" { "error" } else { "warn,rmcp=error" };
    let filter = EnvFilter::new(format!("{others},{}", own.join(",")));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}
