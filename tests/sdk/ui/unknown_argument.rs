#![allow(unused)]

#[hotcell::tool(services = "github")]
mod tool {
    pub fn list_issues() {}
}

fn main() {}
