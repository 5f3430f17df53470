#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub fn echo<T: Clone>(value: T) -> T {
        value
    }

    pub fn first<'a>(text: &'a str) -> &'a str {
        text
    }

    pub struct Page<T> {
        items: Vec<T>,
    }

    pub fn page(of: Page<String>) -> u32 {
        0
    }

    pub struct Borrowed<'a> {
        text: &'a str,
    }

    pub fn borrowed(of: Borrowed) {}
}

fn main() {}
