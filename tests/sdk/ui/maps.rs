#![allow(unused)]

use std::collections::HashMap;

#[hotcell::tool]
mod tool {
    use super::HashMap;
    use std::collections::BTreeSet;

    pub fn labels() -> HashMap<String, u32> {
        HashMap::new()
    }

    pub fn names(of: BTreeSet<String>) {}

    pub fn nested() -> Result<Vec<Option<std::collections::BTreeMap<String, u32>>>, String> {
        Ok(Vec::new())
    }
}

fn main() {}
