//! The sweep that ends every test can fail: a canary that is put somewhere is found there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use std::panic::AssertUnwindSafe;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotcell_tests::Cell;
use serde_json::json;

#[test]
fn a_canary_that_lies_about_fails_the_test_that_left_it() {
    let places: [fn(&Cell); 5] = [
        |cell| cell.sinks.keep("somewhere", format!("x{}y", cell.canary().token())),
        |cell| cell.sinks.keep("somewhere", STANDARD.encode(format!("Bearer {}", cell.canary().token()))),
        |cell| cell.sinks.keep("somewhere", STANDARD.encode(format!("a {} b", cell.canary().token()))),
        |cell| cell.sinks.keep("somewhere", STANDARD.encode(format!("ab {} b", cell.canary().token()))),
        |cell| std::fs::write(cell.path().join("file"), cell.canary().token()).unwrap(),
    ];
    let forms = hotcell_tests::Canary::new("ghp_").forms().len();
    let in_form =
        |number: usize| move |cell: &Cell| cell.sinks.keep("somewhere", cell.canary().forms()[number].1.clone());
    let each_form = (0..forms).map(|number| Box::new(in_form(number)) as Box<dyn Fn(&Cell)>);
    for place in places.map(|place| Box::new(place) as Box<dyn Fn(&Cell)>).into_iter().chain(each_form) {
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let cell = Cell::new("ghp_");
            assert!(cell.search().is_empty());
            place(&cell);
        }));
        let message = ended.expect_err("the sweep found nothing");
        assert!(message.downcast_ref::<String>().unwrap().starts_with("the canary was found in: "));
    }
}

#[test]
fn what_a_log_line_of_this_process_holds_is_found() {
    let ended = std::panic::catch_unwind(|| {
        let cell = Cell::new("ghp_");
        tracing::trace!(token = cell.canary().token(), "a mistake");
    });
    assert!(ended.expect_err("the sweep found nothing").downcast_ref::<String>().unwrap().contains("TRACE"));
}

#[test]
fn what_the_command_prints_is_swept() {
    let cell = Cell::new("ghp_");
    let before = cell.sinks.count();
    cell.config("");
    cell.hotcell(&["list"]).exits(0);
    assert_eq!(cell.sinks.count(), before + 2, "standard output and standard error");
    assert_eq!(json!(cell.search()), json!([]));
}
