//! The guide for authors in Rust: each of its snippets is compiled.
