#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub enum Problem {
        Mine,
    }

    pub fn own() -> Result<u8, Problem> {
        Ok(1)
    }

    pub fn which() -> Result<u8> {
        Ok(1)
    }

    pub fn theirs() -> Result<u8, hotcell::Problem> {
        Ok(1)
    }
}

fn main() {}
