#![allow(unused)]

#[hotcell::tool]
mod tool {
    /// Lists issues.
    ///
    /// # Errors
    /// If there are none.
    pub fn list_issues() -> Vec<String> {
        Vec::new()
    }
}

fn main() {}
