#![allow(unused)]

#[hotcell::tool]
mod tool {
    #[flags]
    pub struct Rights {
        pub read: bool,
        pub write: u8,
    }

    #[flags]
    pub enum Right {
        Read,
        Write,
    }

    pub fn get(rights: Rights, right: Right) {}
}

fn main() {}
