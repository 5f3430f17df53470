#![allow(unused)]

mod mine {
    pub type Result<T> = std::result::Result<T, String>;
}

#[hotcell::tool]
mod tool {
    use super::mine::Result;

    pub fn get() -> Result<u32> {
        Ok(1)
    }
}

fn main() {}
