#![allow(unused)]

#[hotcell::tool(service = "github")]
mod tool {
    #[scopes("issues:read")]
    pub fn list_issues() {}
}

fn main() {}
