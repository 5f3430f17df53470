#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub fn count(of: Vec<String>) -> usize {
        of.len()
    }

    pub fn offset(by: isize) {}

    pub fn large(number: u128) -> i128 {
        0
    }
}

fn main() {}
