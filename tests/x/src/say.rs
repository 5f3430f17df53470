//! The one file that prints: results on standard output, the rest on standard error. Colours on a terminal only.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::time::Duration;

use crate::run::Failed;

/// A line of the result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// A step that begins.
pub(crate) fn step(text: &str) {
    eprintln!("{} {text}", paint("1;36", "==>"));
}

/// A remark.
pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}

/// How long a step that says nothing itself has been running. On a terminal only: [`quiet`] takes it away.
pub(crate) fn waiting(since: Duration) {
    if std::io::stderr().is_terminal() {
        eprint!("\r    … {} s ", since.as_secs());
    }
}

/// Takes away what [`waiting`] wrote.
pub(crate) fn quiet() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

/// A failure in two lines: what failed, and the repair. Nothing where the program that failed has said it itself.
pub(crate) fn failed(failed: &Failed) {
    if failed.what.is_empty() {
        return;
    }
    eprintln!("{}: {}", paint("1;31", "error"), failed.what);
    if !failed.hint.is_empty() {
        eprintln!("{}: {}", paint("1;36", "hint"), failed.hint);
    }
}

fn paint(colour: &str, text: &str) -> String {
    let (no_color, term) = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
    if std::io::stderr().is_terminal() && wants_colours(no_color.as_deref(), term.as_deref()) {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// `NO_COLOR` counts when it is set and not empty (no-color.org).
fn wants_colours(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_and_a_dumb_terminal_mean_no_colours() {
        let set = OsStr::new("1");
        assert!(wants_colours(None, Some(OsStr::new("xterm"))));
        assert!(wants_colours(Some(OsStr::new("")), None));
        assert!(!wants_colours(Some(set), None));
        assert!(!wants_colours(None, Some(OsStr::new("dumb"))));
    }
}
