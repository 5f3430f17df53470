#![allow(unused)]

#[hotcell::tool(service = "github")]
mod tool {
    pub fn list_issues() {}

    #[scope("issues:read")]
    fn fetch() {}

    #[scope("issues:read")]
    pub struct Issue {
        pub title: String,
    }
}

fn main() {}
