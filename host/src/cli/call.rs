//! `hotcell call`: one call of one action, its result on standard output.

use std::io::IsTerminal as _;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
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
use crate::stop;

pub(super) async fn call(host: &Host, args: &args::Call) -> Result<Exit, Refusal> {
    host.start_ahead();
    let arguments = read_arguments(host, &args.tool, &args.action, args.json.as_deref(), &args.args)?;
    let request = Request {
        tool: args.tool.clone(),
        action: args.action.clone(),
        arguments,
        deadline: args.timeout.map(Duration::from_secs),
    };
    refuse_too_long(host, args)?;
    let shown = Arc::new(Shown::start());
    let watcher: Arc<dyn Watcher> = if args.quiet { Arc::new(crate::Unwatched) } else { Arc::clone(&shown) as _ };
    let called = tokio::select! {
        called = crate::call(host, request, watcher) => called?,
        // The call is dropped, which ends the guest and puts what it sent until now on record.
        () = stop::stopped() => return Err(given_up()),
    };
    shown.finish();
    if args.report {
        output::json(&called)?;
        return Ok(exit(&called));
    }
    show(args, &called)?;
    Ok(exit(&called))
}

/// Arguments as a command line has them: one object, or pairs.
pub(super) fn read_arguments(
    host: &Host,
    tool: &str,
    action: &str,
    json: Option<&str>,
    pairs: &[String],
) -> Result<Value, Refusal> {
    match json {
        Some("-") => arguments::from_json(&read_stdin()?),
        Some(text) => arguments::from_json(text),
        // Whether the action takes none is seen where it is called: no need to read the tool for that.
        None if pairs.is_empty() => Ok(Value::Object(serde_json::Map::new())),
        None => arguments::from_pairs(&host.action(tool, action)?, pairs),
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
            let value = output::escaped(&value.to_string());
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

/// A person may ask for less time than the operator allows, and not for more.
fn refuse_too_long(host: &Host, args: &args::Call) -> Result<(), Refusal> {
    let most = host.limits().deadline.as_secs();
    match args.timeout {
        Some(seconds) if seconds > most => Err(Refusal::new(
            Code::BadArguments,
            format!("--timeout {seconds} is more than the {most} s that a call may take here"),
            "raise limits.deadline_seconds in config.toml",
        )),
        _ => Ok(()),
    }
}

fn given_up() -> Refusal {
    Refusal::new(
        Code::DeadlineExceeded,
        "the call was stopped",
        "what it sent until then may have been done: hotcell audit shows it",
    )
}

/// Lines of a tool that wait to be shown.
const WAITING_LINES: usize = 256;
/// How long the last lines may take to be shown.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Shows a tool's log and progress on standard error, as they come, from a thread of its own: whoever reads standard error
/// and does not must not stop the host in the middle of a guest's call. What does not fit is counted.
struct Shown {
    lines: Mutex<Option<SyncSender<String>>>,
    dropped: AtomicUsize,
    done: Mutex<Receiver<()>>,
}

impl Shown {
    fn start() -> Self {
        let (lines, waiting) = sync_channel::<String>(WAITING_LINES);
        let (ended, done) = sync_channel(1);
        std::thread::spawn(move || {
            waiting.iter().for_each(|line| output::dim(&line));
            ended.send(()).ok();
        });
        Self { lines: Mutex::new(Some(lines)), dropped: AtomicUsize::new(0), done: Mutex::new(done) }
    }

    fn show(&self, line: String) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.as_ref().is_none_or(|lines| lines.try_send(line).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits a moment for the last lines.
    fn finish(&self) {
        drop(self.lines.lock().unwrap_or_else(PoisonError::into_inner).take());
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = done.recv_timeout(LAST_LINES);
        let dropped = self.dropped.load(Ordering::Relaxed);
        if ended.is_ok() && dropped > 0 {
            output::dim(&format!("({dropped} further lines came too fast to be shown)"));
        }
    }
}

impl Watcher for Shown {
    fn log(&self, line: &LogLine) {
        let level = match line.level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        self.show(format!("[{level}] {}", line.text));
    }

    fn progress(&self, progress: &Progress) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let of = progress.total.map(|total| format!("/{total}")).unwrap_or_default();
        self.show(format!("… {}{of} {}", progress.done, progress.note.as_deref().unwrap_or_default()));
    }
}
