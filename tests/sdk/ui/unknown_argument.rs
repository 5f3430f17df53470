#![allow(unused)]

#[hotcell::tool(services = "github")]
mod tool {
    #[scope("issues:read")]
    pub fn list_issues() {}
}

fn main() {}
