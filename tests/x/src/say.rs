//! The one file that prints. Colours on a terminal only, and not with `NO_COLOR`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]

use std::io::IsTerminal as _;

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

/// A failure in two lines: what failed, and the repair.
pub(crate) fn failed(failed: &Failed) {
    eprintln!("{}: {}", paint("1;31", "error"), failed.what);
    if !failed.hint.is_empty() {
        eprintln!("{}: {}", paint("1", "hint"), failed.hint);
    }
}

fn paint(colour: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
