#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub fn pair((owner, repo): (String, String)) {}

    pub fn ignored(_: String) {}
}

fn main() {}
