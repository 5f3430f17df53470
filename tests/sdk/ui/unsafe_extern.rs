#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub unsafe fn peek(at: u32) -> u8 {
        0
    }

    pub extern "C" fn call() {}
}

fn main() {}
