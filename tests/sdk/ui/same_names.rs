#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub fn list_all(page_size: u32, pageSize: u32) {}

    pub fn listAll() {}

    pub struct Issue {
        pub html_url: String,
        pub htmlUrl: String,
    }

    pub enum State {
        Open,
        OPEN,
    }

    pub fn get(issue: Issue, state: State) {}
}

fn main() {}
