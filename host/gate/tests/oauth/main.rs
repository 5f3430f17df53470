//! Signing in, refreshing and signing out, over the real network client: against a real authorisation server (npm
//! oidc-provider), and against servers that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may panic"
)]

mod browser;
mod callback;
mod faults;
mod flows;
mod real;
mod store;
mod supabase;
mod support;
mod tls;
mod wire;
