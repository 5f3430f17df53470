//! Name lookup inside the connector: each connection's one lookup is checked, and the checked addresses are those that are
//! connected to. A name that answers differently a moment later is never asked again (threat C2).

use std::fmt;
use std::net::SocketAddr;

use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;

use crate::policy::address;

/// Resolves names, and refuses those that lead anywhere but to public addresses.
pub(super) struct Public;

/// A name led to an address that is not public. Found again in the client's error by its type.
#[derive(Debug)]
pub(super) struct Forbidden {
    /// What the address is, in words.
    pub(super) why: &'static str,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} address", self.why)
    }
}

impl std::error::Error for Forbidden {}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One bad address fails the whole lookup: otherwise a server could mix a private one in and wait for a retry.
            if let Some(why) = found.iter().find_map(|found| address::forbidden(found.ip())) {
                return Err(Forbidden { why }.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
