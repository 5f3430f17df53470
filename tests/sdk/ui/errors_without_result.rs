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

    /// Closes an issue.
    ///
    /// # Returns
    /// Nothing of interest.
    pub fn close() -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
