//! What a tool may import beyond what every tool may.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Interfaces of another host, behind which the gate stands. A tool's manifest names them, and a person's yes lets them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum World {
    /// `near:agent/host` 0.4.1: tools written for IronClaw.
    #[serde(rename = "near:agent")]
    NearAgent,
    /// `wasi:http` 0.2, the client's half: programs that use `fetch` and the like.
    #[serde(rename = "wasi:http")]
    WasiHttp,
}

impl World {
    /// The name, as manifests and grants write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NearAgent => "near:agent",
            Self::WasiHttp => "wasi:http",
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one tool may import beyond what every tool may, as its grant says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Imports {
    /// Interfaces that are linked although each call of them fails: `wasi:sockets`.
    pub inert: Vec<String>,
    /// Interfaces of other hosts.
    pub worlds: BTreeSet<World>,
}

impl Imports {
    /// Nothing more.
    pub const NONE: Self = Self { inert: Vec::new(), worlds: BTreeSet::new() };
}
