//! `hotcell call`: one call of one action, its result on standard output.

use std::io::IsTerminal as _;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use hotcell_protocol::Code;
use hotcell_protocol::LogLevel;
use hotcell_protocol::LogLine;
use hotcell_protocol::Progress;
use hotcell_protocol::Refusal;
use hotcell_protocol::Verdict;
use hotcell_protocol::limits;
use serde_json::Value;

use super::Exit;
use super::args;
use super::arguments;
use super::output;
use crate::Called;
use crate::Host;
use crate::Request;
use crate::Watcher;

pub(super) async fn call(host: &Host, args: &args::Call) -> Result<Exit, Refusal> {
    let arguments = read_arguments(host, args)?;
    let request = Request {
        tool: args.tool.clone(),
        action: args.action.clone(),
        arguments,
        deadline: args.timeout.map(Duration::from_secs),
    };
    let watcher: Arc<dyn Watcher> = if args.quiet { Arc::new(crate::Unwatched) } else { Arc::new(Shown) };
    let called = crate::call(host, request, watcher).await?;
    if args.report {
        output::json(&called)?;
        return Ok(exit(&called));
    }
    show(args, &called)?;
    Ok(exit(&called))
}

fn read_arguments(host: &Host, args: &args::Call) -> Result<Value, Refusal> {
    match args.json.as_deref() {
        Some("-") => arguments::from_json(&read_stdin()?),
        Some(text) => arguments::from_json(text),
        None => arguments::from_pairs(&host.action(&args.tool, &args.action)?, &args.args),
    }
}

fn read_stdin() -> Result<String, Refusal> {
    let mut text = String::new();
    let bound = u64::try_from(limits::ARGUMENT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin()
        .take(bound)
        .read_to_string(&mut text)
        .map_err(|_| Refusal::new(Code::BadArguments, "standard input is not UTF-8 text", "pipe one JSON object in"))?;
    Ok(text)
}

fn show(args: &args::Call, called: &Called) -> Result<(), Refusal> {
    match &called.outcome.verdict {
        Verdict::Returned(value) => output::json(value)?,
        Verdict::Failed(value) => {
            output::bad(&format!("{}.{} returned its own error: {value}", args.tool, args.action));
        }
        Verdict::Refused(refusal) => output::refusal(refusal),
    }
    // What the gate refused on the way explains the tool's error, which may not know the reason.
    called.refusals.iter().for_each(output::refusal);
    Ok(())
}

/// The exit code of an outcome. See `hotcell --help`.
fn exit(called: &Called) -> Exit {
    match &called.outcome.verdict {
        Verdict::Returned(_) => Exit::Done,
        Verdict::Refused(refusal) => Exit::of(refusal.code),
        Verdict::Failed(_) if called.refusals.iter().any(|refusal| Exit::of(refusal.code) == Exit::SignIn) => {
            Exit::SignIn
        }
        Verdict::Failed(_) => Exit::ToolError,
    }
}

/// Shows a tool's log and progress on standard error, as they come.
struct Shown;

impl Watcher for Shown {
    fn log(&self, line: &LogLine) {
        let level = match line.level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        output::dim(&format!("[{level}] {}", line.text));
    }

    fn progress(&self, progress: &Progress) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let of = progress.total.map(|total| format!("/{total}")).unwrap_or_default();
        output::dim(&format!("… {}{of} {}", progress.done, progress.note.as_deref().unwrap_or_default()));
    }
}
