#![allow(unused)]

#[hotcell::tool]
mod tool {
    pub struct Comment {
        pub text: String,
        pub replies: Vec<Comment>,
    }

    pub enum Json {
        Null,
        List(Vec<Entry>),
    }

    pub struct Entry {
        pub value: Json,
    }

    pub fn comments() -> Vec<Comment> {
        Vec::new()
    }

    pub fn json() -> Json {
        Json::Null
    }
}

fn main() {}
