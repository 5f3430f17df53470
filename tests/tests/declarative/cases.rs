//! Cases of a tool without code: the operator's variables stand in them, and `hotcell record` writes them down.

use std::path::PathBuf;

use hotcell_tests::Cell;
use hotcell_tests::Ran;

use super::example;
use super::executor;
use super::install;
use super::mirror;
use super::service;

/// The project of the example, with these cases.
fn project(cell: &Cell, cases: &str) -> PathBuf {
    let folder = cell.path().join("project");
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    for name in ["hotcell.toml", "service.toml"] {
        std::fs::write(folder.join(name), example(&format!("registry/{name}"))).unwrap();
    }
    std::fs::write(folder.join("tests/cases.toml"), cases).unwrap();
    folder
}

fn test(cell: &Cell, cases: &str) -> Ran {
    let folder = project(cell, cases).display().to_string();
    cell.hotcell(&["test", &folder, "--executor", &executor(), "--json"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_sets_what_the_operator_would() {
    let cell = Cell::new("sbp_");
    let case = "[[case]]\nname = \"finds\"\naction = \"search\"\narguments = { query = \"js\" }\n\
        variables = { table = \"registry\" }\nreturns = []\n[[case.request]]\n\
        url = \"/rest/v1/registry?limit=20&name=ilike.%2Ajs%2A&order=name.asc&select=name%2Cversion%2Cdescription%2Cpath\"\n\
        reply = { json = [] }\n";
    assert_eq!(test(&cell, case).exits(0).json()["passed"], 1);
    // The variable is what the request is made of.
    let other = case.replace("table = \"registry\"", "table = \"other\"");
    let report = test(&cell, &other).exits(1).json();
    assert_eq!((&report["passed"], &report["failed"]), (&0.into(), &1.into()), "{report}");
    let none = case.replace("variables = { table = \"registry\" }\n", "");
    test(&cell, &none).exits(6).says("needs the variable `table`").says("cases.toml, line 1").says("variables = {");
    for (set, says) in [
        ("{ tabel = \"registry\" }", "sets `tabel`, which the tool has not"),
        ("{ table = [1] }", "line 5, column 23: the variable `table` is no single value"),
        ("{ table_token = \"x\" }", "is named like a secret"),
    ] {
        test(&cell, &case.replace("{ table = \"registry\" }", set)).exits(6).says(says);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_has_the_variables_that_it_used() {
    let upstream = mirror().await;
    let cell = Cell::new("sbp_");
    cell.config(&service("registry", "https://project.supabase.co", &upstream));
    install(&cell, &example("registry/hotcell.toml")).exits(0);
    let out = cell.path().join("case.toml");
    let shown = out.display().to_string();
    cell.hotcell(&["record", "registry", "search", "-a", "query=js", "--name", "a", "--out", &shown])
        .exits(0)
        .says("is written: 1 request\n");
    let case = std::fs::read_to_string(&out).unwrap();
    assert!(case.contains("variables = { table = \"registry\" }\n"), "{case}");
    assert_eq!(test(&cell, &case).exits(0).json()["passed"], 1);
}
