//! The imports of `hotcell:tool`, generated from `wit/`. Nothing else is in this file.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "imports",
    generate_all,
});
