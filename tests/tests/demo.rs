//! `hotcell demo`, as `cargo x demo` runs it; and that its hostile tool would report a token if it saw one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, say what they leave out, and prepare files"
)]

use hotcell_tests::Cell;
use hotcell_tests::Embedded;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use hotcell_tests::programs;
use serde_json::json;

#[test]
fn the_demonstration_shows_work_done_a_refusal_and_empty_hands_and_leaves_nothing_behind() {
    let cell = Cell::new("hc_");
    let temporary = cell.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let tools = programs::guest("prober").parent().unwrap().display().to_string();
    let ran = cell.hotcell_with(&["demo", "--json", "--tools", &tools], "", &[("TMPDIR", temporary.to_str().unwrap())]);
    let report = ran.exits(0).json();
    assert_eq!(report["listed"], 2);
    assert_eq!(report["refused"]["code"], "insufficient-scope");
    assert_eq!(report["attacks_that_got_a_token"], 0);
    assert!(report["attacks"].as_u64().unwrap() >= 25, "{report}");
    assert!(report["authorised_requests"].as_u64().unwrap() >= 4, "the echoes were really asked: {report}");
    assert_eq!(report["places_with_a_token"], json!([]));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "the folder of the demonstration stayed");
    let places = cell.places();
    for folder in [places.config, places.state, places.cache] {
        assert!(!folder.exists(), "the demonstration used the person's own {}", folder.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prober_reports_what_looks_like_a_token_wherever_it_sees_one() {
    let cell = Cell::new("hc_");
    // A server that hands out something of its own that looks like a token: not this host's, so it may pass.
    let upstream = Upstream::start(|seen| {
        if seen.line() == "GET /repos/hotcell/demo/issues" {
            Raw::ok("look_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        } else {
            Raw::ok("nothing")
        }
    })
    .await;
    let config = format!(
        "[service.github]\norigins = [\"{}\"]\nscopes = {{ \"issues:read\" = [\"GET /repos/**\"], \"probe:echo\" = [\"GET /echo\"] }}\n",
        upstream.origin()
    );
    let hotcell = Embedded::new(&cell, &config);
    hotcell.sign_in("github", &["issues:read", "probe:echo"]);
    hotcell.install("prober", None);
    let got = |marker: &'static str| {
        let hotcell = &hotcell;
        async move {
            let findings = hotcell.returns("prober", "probe", json!({"marker": marker})).await;
            let seen = findings.as_array().unwrap().iter().filter(|finding| finding["got-token"] == true);
            seen.map(|finding| finding["attack"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(got("look_").await, ["an honest request", "all of its own memory"]);
    assert_eq!(got("hc_").await, [] as [&str; 0]);
}
