#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub fn größe() {}

    pub fn _1() {}

    pub fn this_name_has_more_characters_than_any_agent_takes_in_the_name_of_a_tool() {}

    pub enum Option {
        Some,
        None,
    }

    pub fn option(of: Option) {}
}

fn main() {}
