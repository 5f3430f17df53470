#![allow(unused)]

pub mod model {
    pub struct Issue {
        pub title: String,
    }
}

#[hotcell::tool]
mod tool {
    use super::model::Issue;

    pub fn list() -> Vec<Issue> {
        Vec::new()
    }

    pub fn get() -> Option<super::model::Issue> {
        None
    }

    pub fn raw() -> Result<hotcell::Value> {
        Err("no".into())
    }
}

fn main() {}
