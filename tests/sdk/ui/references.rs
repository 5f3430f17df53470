#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub fn text(text: &str) {}

    pub fn slice(items: &[u8]) {}

    pub fn record(issue: &Issue) -> &'static str {
        ""
    }

    pub struct Issue {
        pub title: &'static str,
    }
}

fn main() {}
