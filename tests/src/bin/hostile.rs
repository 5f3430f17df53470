//! `cargo x hostile [--in-process] [NAME]`: the corpus of hostile guests and servers, with what each ended in, took and cost.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a table for a person")]

use std::process::ExitCode;

use hotcell::Isolation;
use hotcell_tests::corpus;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let isolation = match words.iter().position(|word| word == "--in-process") {
        Some(place) => {
            words.remove(place);
            Isolation::None
        }
        None => Isolation::Tool,
    };
    let wanted = words.first().map(|word| word.to_lowercase()).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{:<5} {:<44} {:<22} {:>15} {:>13}", "", "", "ended in", "ms of at most", "MiB of most");
    let (mut count, mut wrong) = (0, 0);
    for row in corpus::guests().chain(corpus::upstreams()) {
        if !row.name.contains(&wanted) && row.id.to_lowercase() != wanted {
            continue;
        }
        count += 1;
        // A row that cannot even be set up is wrong, and the others are run all the same.
        let Ok(outcome) = runtime.block_on(runtime.spawn(corpus::run(row, isolation))) else {
            wrong += 1;
            println!("{:<5} {:<44} wrong: it could not be run", row.id, row.name);
            continue;
        };
        let mib = outcome.mib.map_or_else(|| "?".to_owned(), |mib| mib.to_string());
        println!(
            "{:<5} {:<44} {:<22} {:>7} {:>7} {:>7} {:>5}",
            row.id, row.name, outcome.ended, outcome.ms, row.most_ms, mib, row.most_mib
        );
        for why in &outcome.wrong {
            println!("      wrong: {why}");
        }
        wrong += usize::from(!outcome.wrong.is_empty());
    }
    println!("{count} rows, {wrong} of them wrong");
    if count > 0 && wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
