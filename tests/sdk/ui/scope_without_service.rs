#![allow(unused)]

#[hotcell::tool]
mod tool {
    #[scope("issues:read")]
    pub fn list_issues() {}

    #[service("github")]
    #[service("gitlab")]
    #[scope("issues:read")]
    pub fn compare() {}
}

fn main() {}
