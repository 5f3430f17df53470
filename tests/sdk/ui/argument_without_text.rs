#![allow(unused)]

#[hotcell::tool(service)]
mod tool {
    pub fn list_issues() {}
}

fn main() {}
