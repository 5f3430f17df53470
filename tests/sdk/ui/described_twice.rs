#![allow(unused)]

#[hotcell::tool]
mod tool {
    /// Lists issues.
    ///
    /// * `owner`: who owns the repository
    pub fn list_issues(
        /// Person or organisation.
        owner: String,
    ) {
    }
}

fn main() {}
