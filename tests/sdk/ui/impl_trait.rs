#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub fn issues() -> impl Iterator<Item = String> {
        std::iter::empty()
    }

    pub fn shown(value: Vec<Box<dyn std::fmt::Display>>) {}
}

fn main() {}
