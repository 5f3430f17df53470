//! Rows of a measurement: printed as they come, and written to a file at the end.

#![allow(clippy::print_stdout, reason = "a table for a person")]

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

/// The middle and the far end of many times, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Half took no longer.
    pub p50: f64,
    /// All but one of a hundred took no longer.
    pub p99: f64,
}

impl Spread {
    /// # Panics
    /// Without any time.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
        Self { p50: at(50), p99: at(99) }
    }
}

/// The rows of one program.
pub struct Report {
    name: &'static str,
    rows: Vec<Value>,
}

impl Report {
    /// Begins, and prints the head of the table.
    pub fn new(name: &'static str) -> Self {
        println!("{:<66} {:>10} {:>10}", "", "p50", "p99");
        Self { name, rows: Vec::new() }
    }

    /// Times.
    pub fn times(&mut self, what: &str, spread: Spread) {
        let shown = |micros: f64| match micros {
            _ if micros < 10_000.0 => format!("{micros:.1} µs"),
            _ => format!("{:.1} ms", micros / 1000.0),
        };
        println!("{what:<66} {:>10} {:>10}", shown(spread.p50), shown(spread.p99));
        self.rows.push(json!({"what": what, "p50_us": spread.p50, "p99_us": spread.p99}));
    }

    /// One thing as a multiple of another.
    pub fn ratio(&mut self, what: &str, one: Spread, other: Spread) {
        let (p50, p99) = (one.p50 / other.p50, one.p99 / other.p99);
        println!("{what:<66} {p50:>10.2} {p99:>10.2}");
        self.rows.push(json!({"what": what, "p50_ratio": p50, "p99_ratio": p99}));
    }

    /// A figure of another kind.
    pub fn value(&mut self, what: &str, value: f64, unit: &str) {
        println!("{what:<66} {value:>10.2} {unit}");
        self.rows.push(json!({"what": what, "value": value, "unit": unit}));
    }

    /// Writes `NAME.json` beside the programs, and says where.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn finish(self) {
        let own = std::env::current_exe().unwrap();
        let file: PathBuf = own.parent().map(Path::to_owned).unwrap().join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(&json!({"program": self.name, "rows": self.rows})).unwrap();
        std::fs::write(&file, text + "\n").unwrap();
        println!("written to {}", file.display());
    }
}
