//! Scripted MCP clients: they speak JSON-RPC by hand, so that they can also say what no SDK would. Whatever goes over the
//! wire, in both directions, is kept for the sweep.

mod http;
mod proxy;
mod stdio;

use serde_json::Value;
use serde_json::json;

pub use http::Got;
pub use http::Serving;
pub use stdio::Agent;

/// The revisions of the protocol that clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    /// 2025-06-18: sessions, `initialize`.
    June2025,
    /// 2025-11-25: sessions, `initialize`.
    November2025,
    /// 2026-07-28: stateless.
    July2026,
}

impl Revision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::June2025, Self::November2025, Self::July2026];

    /// As it stands in messages.
    pub fn text(self) -> &'static str {
        match self {
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
            Self::July2026 => "2026-07-28",
        }
    }

    /// Parameters with what each request of this revision carries. A list, which is none, stays as it is.
    pub fn with_meta(self, mut params: Value, capabilities: &Value) -> Value {
        if self == Self::July2026 && !params.is_array() {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = json!(self.text());
            meta["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "1"});
        }
        params
    }

    /// The parameters of `initialize`.
    pub fn initialize(self, capabilities: &Value) -> Value {
        let info = json!({"name": "test", "version": "1"});
        json!({"protocolVersion": self.text(), "capabilities": capabilities, "clientInfo": info})
    }
}

/// A request as it goes over the wire.
fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}
