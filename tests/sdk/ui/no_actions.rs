#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub struct Issue {
        pub title: String,
    }

    fn private() {}

    pub(crate) fn not_for_callers() {}
}

fn main() {}
