#![allow(unused)]

#[hotcell::tool(service = "github")]
mod tool {
    #[scope]
    pub fn none() {}

    #[scope(issues)]
    pub fn no_text() {}

    #[scope("issues:read", "issues:write")]
    pub fn two() {}

    #[scope("issues read")]
    pub fn space() {}

    #[service("GitHub")]
    pub fn upper_case() {}
}

fn main() {}
