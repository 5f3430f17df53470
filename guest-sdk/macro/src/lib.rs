//! The attribute `#[hotcell::tool]`: a module of plain functions becomes the exports of a component. Its documentation for
//! authors is that of `hotcell_sdk::tool`.
//!
//! ```text
//! attributes, docs ─► module, types, declared ─► model ─► wit, actions, convert ─► made
//!       (what stands there, read)               (plain)          (what comes of it)
//! ```
//!
//! What the author wrote stays as it is, so that derives, other macros and the editor see it. Beside it comes a hidden module:
//! WIT text for `wit_bindgen::generate!`, which alone knows how values cross the component's border, and code that moves
//! values between its types and the author's.

mod actions;
mod attributes;
mod convert;
mod declared;
mod docs;
mod foreign;
mod made;
mod mistakes;
mod model;
mod module;
mod names;
mod public;
mod types;
mod wit;

use proc_macro::TokenStream;

/// Turns a module into a tool: each `pub fn` in it is an action.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    made::made(arguments.into(), item.into()).into()
}
