//! Every threat of the model has a test with its id in the name, or a line in known-attacks.md that says why not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may panic and read files"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// Groups of the model with the number of their last threat.
const LAST: [(char, u32); 14] = [
    ('A', 9),
    ('B', 23),
    ('C', 12),
    ('D', 5),
    ('E', 12),
    ('F', 8),
    ('G', 14),
    ('H', 7),
    ('I', 10),
    ('J', 10),
    ('K', 7),
    ('L', 18),
    ('M', 12),
    ('N', 7),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names of all functions below a folder that are marked as tests.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            for (index, line) in lines.iter().enumerate() {
                let name =
                    line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
                let is_test = || lines[index.saturating_sub(4)..index].iter().any(|line| line.contains("test"));
                names.extend(name.filter(|_| is_test()).map(str::to_owned));
            }
        }
    }
}

/// The ids that a name begins with: `e12_g13_what_…` has two.
fn ids(name: &str) -> impl Iterator<Item = String> {
    let is_id = |part: &&str| part.len() > 1 && part[1..].bytes().all(|b| b.is_ascii_digit());
    name.split('_').take_while(is_id).map(str::to_uppercase)
}

#[test]
fn every_threat_has_a_test_or_a_line_that_says_why_not() {
    let mut names = BTreeSet::new();
    for folder in ["host", "tests", "guest-sdk"] {
        tests_below(&root().join(folder), &mut names);
    }
    assert!(names.len() > 300, "only {} tests were found", names.len());
    let tested: BTreeSet<String> = names.iter().flat_map(|name| ids(name)).collect();
    let table = std::fs::read_to_string(root().join("tests/known-attacks.md")).unwrap();
    let rows = table.lines().map(|line| line.split(" | ").collect::<Vec<_>>()).filter(|row| row.len() == 3);
    let without = rows.filter(|row| row[2].starts_with("not yet, because ") || row[2].starts_with("under "));
    let explained: BTreeSet<String> = without.map(|row| row[0].trim_start_matches("| ").to_owned()).collect();
    let missing: Vec<String> = LAST
        .iter()
        .flat_map(|(group, last)| (1..=*last).map(move |number| format!("{group}{number}")))
        .filter(|id| !tested.contains(id) && !explained.contains(id))
        .collect();
    assert!(missing.is_empty(), "neither a test nor a line in known-attacks.md: {missing:?}");
}
