#![allow(unused)]

#[hotcell::tool]
mod tool {
    #[cfg(debug_assertions)]
    pub fn only_sometimes() {}

    pub struct Issue {
        pub title: String,
        #[cfg(debug_assertions)]
        pub debug: String,
    }

    pub fn get(issue: Issue) {}
}

fn main() {}
