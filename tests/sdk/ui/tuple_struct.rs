#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub struct Owner(String);

    pub struct Nothing;

    pub struct Empty {}

    pub enum Never {}

    pub fn get(owner: Owner) -> Nothing {
        Nothing
    }

    pub fn other(empty: Empty) -> Option<Never> {
        None
    }
}

fn main() {}
