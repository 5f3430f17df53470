//! Runs a language's own builder: what it says is handed on line by line, and its end is kept for when it fails.

use std::collections::VecDeque;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;

use hotcell_protocol::Code;
use hotcell_protocol::Refusal;

/// Lines that are kept of a builder that fails. A compiler's first mistake is further up, and the last ones are what is shown.
const KEPT_LINES: usize = 60;
/// Bytes of one line that are kept.
const LINE_BYTES: usize = 2_000;

/// What is heard of a build while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// The builder failed; these are the last lines of what it said.
    Failed(&'a [String]),
    /// A line of the builder.
    Line(&'a str),
    /// A step begins, for instance `compiling with cargo`.
    Step(&'a str),
}

/// Who hears it.
pub(crate) type Say<'a> = &'a dyn Fn(Heard<'_>);

/// Runs a builder to its end. Gives its standard output, whole; its standard error is handed on.
///
/// # Errors
/// [`Code::BuildFailed`] where it cannot be started (`missing` is the repair) or fails.
pub(super) fn builder(command: &mut Command, missing: &str, say: Say<'_>) -> Result<Vec<u8>, Refusal> {
    run(command, missing, say, false)
}

/// Runs a script of the project's own: it may say on standard output what is wrong, so that is handed on, too.
///
/// # Errors
/// As [`builder`].
pub(super) fn script(command: &mut Command, missing: &str, say: Say<'_>) -> Result<(), Refusal> {
    run(command, missing, say, true).map(drop)
}

fn run(command: &mut Command, missing: &str, say: Say<'_>, both: bool) -> Result<Vec<u8>, Refusal> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let why =
            if error.kind() == std::io::ErrorKind::NotFound { "it is not installed".into() } else { error.to_string() };
        Refusal::new(Code::BuildFailed, format!("`{program}` cannot be started: {why}"), missing)
    })?;
    let broken = |_| Refusal::internal("the output of a builder cannot be read");
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (send, lines) = mpsc::channel();
    let more = both.then(|| send.clone());
    let reader = std::thread::spawn(move || {
        if let Some(more) = more {
            each_line(stdout, &more);
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        stdout.map(|mut stdout| stdout.read_to_end(&mut bytes)).transpose().map(|_| bytes)
    });
    let listener = std::thread::spawn(move || each_line(stderr, &send));
    let mut kept = VecDeque::new();
    for line in lines {
        say(Heard::Line(&line));
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    drop(listener.join());
    let output = reader.join().map_err(|_| Refusal::internal("a builder's output is lost"))?.map_err(broken)?;
    let status = child.wait().map_err(broken)?;
    if status.success() {
        return Ok(output);
    }
    let kept: Vec<String> = kept.into();
    say(Heard::Failed(&kept));
    // Without an exit code it was stopped from outside, and nothing in the project is to be corrected.
    let (what, repair) = match status.code() {
        Some(_) => ("failed", "correct what it says above, then build again"),
        None => ("was stopped", "build again; if nobody stopped it, the system may have been out of memory"),
    };
    Err(Refusal::new(Code::BuildFailed, format!("`{program}` {what} ({status})"), repair))
}

/// Whether a program answers, and what.
pub(super) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn each_line(stream: Option<impl Read>, send: &mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        bytes.truncate(LINE_BYTES);
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if send.send(line).is_err() {
            return;
        }
        bytes.clear();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn shell(script: &str) -> (Result<Vec<u8>, Refusal>, Vec<String>) {
        let heard = RefCell::new(Vec::new());
        let say = |what: Heard<'_>| heard.borrow_mut().push(format!("{what:?}"));
        let ended = builder(Command::new("sh").args(["-c", script]), "install sh", &say);
        (ended, heard.into_inner())
    }

    #[test]
    fn output_is_whole_and_lines_are_heard() {
        let (ended, heard) = shell("echo out; echo one >&2; echo two >&2");
        assert_eq!(ended.unwrap(), b"out\n");
        assert_eq!(heard, ["Line(\"one\")", "Line(\"two\")"]);
    }

    #[test]
    fn of_a_script_both_outputs_are_heard() {
        let heard = RefCell::new(Vec::new());
        let say = |what: Heard<'_>| heard.borrow_mut().push(format!("{what:?}"));
        script(Command::new("sh").args(["-c", "echo out; exit 1"]), "install sh", &say).unwrap_err();
        assert_eq!(heard.into_inner(), ["Line(\"out\")", "Failed([\"out\"])"]);
    }

    #[test]
    fn a_builder_that_fails_leaves_its_last_lines() {
        let (ended, heard) = shell("i=0; while [ $i -lt 100 ]; do echo $i >&2; i=$((i+1)); done; exit 3");
        let refusal = ended.unwrap_err();
        assert_eq!(refusal.code, Code::BuildFailed);
        assert!(refusal.message.contains("`sh` failed") && refusal.message.contains('3'), "{}", refusal.message);
        let last = heard.last().unwrap();
        assert!(last.starts_with("Failed([\"40\"") && last.ends_with("\"99\"])"), "{last}");
    }

    #[test]
    fn a_builder_that_was_stopped_is_told_apart_from_one_that_fails() {
        let refusal = shell("kill -TERM $$").0.unwrap_err();
        assert!(refusal.message.contains("`sh` was stopped"), "{}", refusal.message);
        assert!(refusal.hint.starts_with("build again"), "{}", refusal.hint);
    }

    #[test]
    fn a_builder_that_is_not_there_is_named_with_the_repair() {
        let refusal = builder(&mut Command::new("no-such-builder"), "install it", &|_| {}).unwrap_err();
        assert!(refusal.message.contains("`no-such-builder`") && refusal.message.contains("not installed"));
        assert_eq!(refusal.hint, "install it");
    }

    #[test]
    fn a_line_without_end_and_a_flood_on_both_streams_do_not_block() {
        let (ended, heard) = shell("head -c 3000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' y >&2");
        assert_eq!(ended.unwrap().len(), 3_000_000);
        assert!(heard[0].len() < 3_000);
    }
}
