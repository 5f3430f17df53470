#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub struct Issue {
        pub title: Box<String>,
        pub owner: std::rc::Rc<Owner>,
        pub age: std::time::Duration,
        pub path: std::path::PathBuf,
        pub nothing: (),
        pub array: [u8; 4],
        pub callback: fn(u8) -> u8,
    }

    pub struct Owner {
        pub name: String,
    }

    pub fn get() -> Option<Issue> {
        None
    }
}

fn main() {}
