//! `wasi:http`, the client's half: programs that were written for another host send through the same gate (threat A2).
//!
//! ```text
//! fields ─► request ─► body ─► send ──────────► Exit (the one way out) ─► answer
//!             │  parts: taken apart, pure, into one Asked
//! ```
//!
//! The engine has a crate for this, which is not used. It brings a client and a server with HTTP/2 into a room that must not be
//! able to open a connection, and hands bodies, trailers and fields on while they come. Its advisories of 2026 arose there. Here a
//! request is whole before anything looks at it, and the gate writes it anew, so that each of them is met by how this is built:
//!
//! | advisory | here |
//! |---|---|
//! | RUSTSEC-2026-0021: too many fields panic | a list, bounded before it grows ([`fields`]) |
//! | RUSTSEC-2026-0320: a timeout of zero panics | a limit of zero is over at once ([`send`]) |
//! | GHSA-5qpp-g3j2-8frx: absolute-form targets go elsewhere | a path begins with `/`, an authority has no path, and the gate reads the URL once ([`parts`]) |
//! | conflicting content-lengths | one number, which is that of the body, or no request; never sent on ([`parts`], [`body`]) |
//! | trailers that are forbidden fields | no trailers |
//! | a wrong content-length on bodies that are spliced | counted where bytes arrive, by whatever way ([`body`]) |
//! | wasmtime#13801: forbidden fields of a request that is used again | checked when a request is sent, whatever its fields were made of |

#![expect(
    unreachable_pub,
    reason = "the generated bindings hand these types on, and each of them must be public for that"
)]

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod fields;
mod held;
pub(crate) mod parts;
pub(crate) mod request;
pub(crate) mod send;
pub(crate) mod server;

use hotcell_protocol::LogLevel;
use wasmtime::Result;
use wasmtime::component::Linker;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::io::error::Error as IoError;

use crate::bindings::wasi_http::outgoing_handler;
use crate::bindings::wasi_http::types;
use crate::state::State;
pub(crate) use held::Holdings;
use types::ErrorCode;

/// Links the two interfaces that a client imports.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    types::add_to_linker::<State, State>(linker, |state| state)?;
    outgoing_handler::add_to_linker::<State, State>(linker, |state| state)
}

impl types::Host for State {
    fn http_error_code(&mut self, error: Resource<IoError>) -> Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<ErrorCode>().cloned())
    }
}

impl State {
    /// Says to the person who runs the tool why something is refused here: the tool learns a code alone. Only words of ours.
    pub(crate) fn explain(&self, why: &str) {
        self.log.write(LogLevel::Warn, &format!("wasi:http: {why}"));
    }
}
