//! Greets.

/// Each `pub fn` is an action. Comments are what people and agents read.
#[hotcell::tool]
mod tool {
    /// Greets somebody.
    pub fn hello(
        /// Whom to greet.
        name: String,
    ) -> String {
        hotcell::info!("greeting {name}");
        format!("Hello, {name}!")
    }
}
