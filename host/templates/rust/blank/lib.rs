//! Greets.

wit_bindgen::generate!({ path: "wit" });

struct Tool;
export!(Tool);

impl Guest for Tool {
    fn hello(name: String) -> String {
        hotcell_sdk::log::info(&format!("greeting {name}"));
        format!("Hello, {name}!")
    }
}
