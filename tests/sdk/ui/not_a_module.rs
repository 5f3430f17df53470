#![allow(unused)]

#[hotcell::tool]
pub fn list_issues(owner: String) -> Vec<String> {
    vec![owner]
}

fn main() {}
