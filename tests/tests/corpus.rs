//! The corpus of hostile guests and servers: each row ends as its table says, in its time and memory, and gives nothing away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell::Isolation;
use hotcell_tests::corpus;
use hotcell_tests::corpus::Row;

/// Runs the rows of one group: behind both walls, as the product does, and behind the first alone.
async fn group(letter: char) {
    for isolation in [Isolation::Tool, Isolation::None] {
        group_isolated(letter, isolation).await;
    }
}

async fn group_isolated(letter: char, isolation: Isolation) {
    let rows: Vec<&Row> =
        corpus::guests().chain(corpus::upstreams()).filter(|row| row.id.starts_with(letter)).collect();
    assert!(!rows.is_empty(), "no row is of the group {letter}");
    let mut wrong = Vec::new();
    for row in rows {
        let outcome = corpus::run(row, isolation).await;
        wrong.extend(outcome.wrong.iter().map(|why| format!("{} {} ({isolation:?}): {why}", row.id, row.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A test for each group, and the list of the groups that have one.
macro_rules! groups {
    ($($letter:literal $name:ident),* $(,)?) => {
        const GROUPS: &[char] = &[$($letter),*];
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                group($letter).await;
            }
        )*
    };
}

groups! {
    'C' corpus_c1_to_c10_guests_that_take_the_processor_are_stopped_in_their_time,
    'S' corpus_s1_to_s4_guests_that_take_the_stack_trap,
    'M' corpus_m1_to_m16_guests_that_take_memory_get_their_limit_and_no_more,
    'W' corpus_w1_to_w14_guests_find_nothing_around_them,
    'H' corpus_b13_h1_to_h24_requests_with_a_second_meaning_are_refused_and_nothing_is_sent,
    'X' corpus_x1_to_x10_a_token_that_a_server_gives_back_does_not_reach_the_guest,
    'O' corpus_o1_to_o5_results_that_are_no_plain_text_end_in_their_code,
    'L' corpus_l1_to_l3_guests_that_end_badly_and_callers_that_go_away_leave_the_host_whole,
    'U' corpus_u1_to_u20_servers_that_hang_flood_lie_or_redirect_are_bounded,
}

#[test]
fn the_corpus_has_seventy_guests_and_twenty_servers_and_each_row_its_own_id_and_test() {
    let rows: Vec<&Row> = corpus::guests().chain(corpus::upstreams()).collect();
    assert!(corpus::guests().count() >= 70, "{}", corpus::guests().count());
    assert!(corpus::upstreams().count() >= 20, "{}", corpus::upstreams().count());
    for (index, row) in rows.iter().enumerate() {
        let same = rows[..index].iter().find(|other| other.id == row.id || other.name == row.name);
        assert!(same.is_none(), "{} {} is there twice", row.id, row.name);
        assert!(row.id.starts_with(GROUPS), "{} is of no group that is tested", row.id);
        assert!(row.most_ms <= 6_000 && row.most_mib <= 80, "{} is hardly bounded", row.id);
    }
    // Every number of the published lists (docs/architecture.md, SECURITY.md) has a row.
    for (letter, most) in
        [('C', 10), ('S', 4), ('M', 13), ('W', 11), ('H', 24), ('X', 10), ('O', 5), ('L', 3), ('U', 20)]
    {
        for number in 1..=most {
            let id = format!("{letter}{number}");
            let has = |row: &&Row| row.id.trim_end_matches(|c: char| c.is_ascii_lowercase()) == id;
            assert!(rows.iter().any(has), "no row is {id}");
        }
    }
}

/// A hostile guest is read before it is believed: none is longer than a screen.
const MOST_LINES: usize = 45;

#[test]
fn no_hostile_guest_has_more_than_forty_five_lines() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut guests = 0;
    for folder in ["src/corpus", "guests/hostile/src", "../host/sandbox/tests/support"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            // What runs the rows is no guest.
            if !name.ends_with(".rs") || name == "run.rs" {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            for (what, lines) in pieces(&text) {
                guests += 1;
                assert!(lines <= MOST_LINES, "{folder}/{name}: {what} has {lines} lines");
            }
        }
    }
    assert!(guests > 150, "only {guests} pieces were found");
}

/// Functions and constant texts, each with its number of lines: what guests are made of. The tables of rows are no guests.
fn pieces(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let bare = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
        let bare = bare.trim_start_matches("pub ").trim_start_matches("async ");
        let ends: &[&str] = match bare {
            bare if bare.starts_with("fn ") => &["}"],
            bare if bare.starts_with("const ") && !bare.starts_with("const fn") && bare.contains("&str") => {
                &["\";", "\"#;", "];"]
            }
            _ => continue,
        };
        let is_end = |line: &&str| match ends {
            ["}"] => {
                **line == format!("{indent}}}")
                    || line.ends_with(" }") && line.starts_with(indent) && line.contains("fn ")
            }
            ends => ends.iter().any(|end| line.ends_with(end)),
        };
        let length = lines[start..].iter().position(is_end).map_or(usize::MAX, |last| last + 1);
        found.push((bare, length));
    }
    found
}
