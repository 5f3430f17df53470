#![allow(unused)]

#[hotcell::tool]
mod tool {
    type Maybe<T> = Option<T>;

    pub fn state(of: Option<Option<String>>) {}

    pub fn other() -> Vec<Maybe<Option<u32>>> {
        Vec::new()
    }
}

fn main() {}
