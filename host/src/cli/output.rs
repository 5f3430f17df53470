//! The only file that prints. Results go to standard output, the rest to standard error; colours on a terminal only.

use std::io::IsTerminal as _;
use std::io::Write as _;

use anstream::eprintln;
use anstyle::AnsiColor;
use anstyle::Style;
use comfy_table::Table;
use comfy_table::presets;
use hotcell_protocol::Refusal;
use hotcell_protocol::text;
use serde::Serialize;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();
const TITLE: Style = Style::new().bold();

/// A line of the result.
pub(crate) fn line(text: &str) {
    // Whoever reads may stop reading (`hotcell list | head -1`): that is no mistake, and no reason to panic.
    drop(writeln!(anstream::stdout(), "{text}"));
}

/// A result as JSON, indented.
///
/// # Errors
/// A refusal if the value has no JSON form: a mistake of the host.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Refusal> {
    let text = serde_json::to_string_pretty(value).map_err(|_| Refusal::internal("a result has no JSON form"))?;
    line(&escaped(&text));
    Ok(())
}

/// JSON in which no character of a tool's or a server's can steer a terminal or reorder what a person reads (threat G5,
/// CVE-2021-42574). JSON itself escapes the control characters below U+0020 alone; the others stand in its strings only, where
/// an escape means the same.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && text::is_odd(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A title over a part of the output, on standard error.
pub(crate) fn title(text: &str) {
    eprintln!("\n{TITLE}{text}{TITLE:#}");
}

/// A remark on standard error.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// A remark of lesser weight on standard error.
pub(crate) fn dim(text: &str) {
    drop(writeln!(anstream::stderr(), "{DIM}{text}{DIM:#}"));
}

/// Something that went as it should, on standard error.
pub(crate) fn good(text: &str) {
    eprintln!("{GOOD}ok{GOOD:#} {text}");
}

/// Something that did not go as it should, on standard error.
pub(crate) fn bad(text: &str) {
    eprintln!("{BAD}!!{BAD:#} {text}");
}

/// A line of the result that says whether something is as it should be.
pub(crate) fn mark(good: bool, text: &str) {
    let (style, sign) = if good { (GOOD, '✓') } else { (BAD, '✗') };
    drop(writeln!(anstream::stdout(), "{style}{sign}{style:#} {}", text.trim_end()));
}

/// A refusal in two lines: what and by which rule; how to repair it.
pub(crate) fn refusal(refusal: &Refusal) {
    eprintln!("{BAD}{}{BAD:#}: {}", refusal.code, refusal.message);
    if !refusal.hint.is_empty() {
        eprintln!("{TITLE}hint{TITLE:#}: {}", refusal.hint);
    }
}

/// Whether a person watches standard error, so that a line may be drawn over and over.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// A line on standard error that the next one takes the place of; an empty one leaves nothing behind. For terminals alone.
pub(crate) fn passing(text: &str) {
    let mut stderr = anstream::stderr().lock();
    drop(write!(stderr, "\r\u{1b}[2K{DIM}{text}{DIM:#}"));
    drop(stderr.flush());
}

/// Rows under a head, in columns as wide as the terminal allows.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::json;

    #[test]
    fn g5_no_character_of_a_result_steers_a_terminal_and_the_result_stays_the_same() {
        let value = json!({"a\u{9b}": "x\u{1b}[2J\u{202e}y\u{7f}\u{e0041}é🙂", "b": ["\n"]});
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(
            !text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}' || c == '\u{e0041}')),
            "{text:?}"
        );
        assert!(text.contains("é🙂"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
