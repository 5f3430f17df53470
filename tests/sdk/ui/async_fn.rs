#![allow(unused)]

#[hotcell::tool]
mod tool {
    /// Waits.
    pub async fn wait(seconds: u32) -> u32 {
        seconds
    }
}

fn main() {}
