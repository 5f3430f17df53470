#![allow(unused)]

#[hotcell::tool]
mod tool {
    #[public("https://api.example.com/v1/**")]
    pub fn no_method() {}

    #[public("GET http://api.example.com/v1/**")]
    pub fn no_tls() {}

    #[public("GET https://*.example.com/")]
    pub fn any_host() {}

    #[public("FETCH https://api.example.com/")]
    pub fn odd_method() {}
}

fn main() {}
