//! Mistakes of authors: each is told at their own line, with the repair. `TRYBUILD=overwrite` writes what the compiler says;
//! read it as somebody who has never heard of WIT.

#[test]
fn each_mistake_is_told_where_it_stands_with_its_repair() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
