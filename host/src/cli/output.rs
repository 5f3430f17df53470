//! The only file that prints. Results go to standard output, the rest to standard error; colours on a terminal only.

use anstream::eprintln;
use anstream::println;
use anstyle::AnsiColor;
use anstyle::Style;
use comfy_table::Table;
use comfy_table::presets;
use hotcell_protocol::Refusal;
use serde::Serialize;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();
const TITLE: Style = Style::new().bold();

/// A line of the result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// A result as JSON, indented.
///
/// # Errors
/// A refusal if the value has no JSON form: a mistake of the host.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Refusal> {
    let text = serde_json::to_string_pretty(value).map_err(|_| Refusal::internal("a result has no JSON form"))?;
    println!("{text}");
    Ok(())
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
    eprintln!("{DIM}{text}{DIM:#}");
}

/// Something that went as it should, on standard error.
pub(crate) fn good(text: &str) {
    eprintln!("{GOOD}ok{GOOD:#} {text}");
}

/// Something that did not go as it should, on standard error.
pub(crate) fn bad(text: &str) {
    eprintln!("{BAD}!!{BAD:#} {text}");
}

/// A refusal in two lines: what and by which rule; how to repair it.
pub(crate) fn refusal(refusal: &Refusal) {
    eprintln!("{BAD}{}{BAD:#}: {}", refusal.code, refusal.message);
    if !refusal.hint.is_empty() {
        eprintln!("{TITLE}hint{TITLE:#}: {}", refusal.hint);
    }
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
