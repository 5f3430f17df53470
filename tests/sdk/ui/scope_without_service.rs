#![allow(unused)]

#[hotcell::tool]
mod tool {
    #[scope("issues:read")]
    pub fn list_issues() {}
}

fn main() {}
