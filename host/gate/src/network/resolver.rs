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
#[derive(Clone, Default)]
pub(crate) struct Public {
    /// Who answers instead of the system, in tests.
    #[cfg(test)]
    pub(crate) told: Option<std::sync::Arc<Told>>,
}

/// What a name leads to.
#[cfg(test)]
pub(crate) type Lookup = dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync;

/// Names as a test has them.
#[cfg(test)]
pub(crate) struct Told {
    /// The answer to a lookup.
    pub(crate) answers: Box<Lookup>,
    /// Which address of this machine stands for one that passed: tests send nothing into the world.
    pub(crate) stand_in: fn(SocketAddr) -> SocketAddr,
}

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
        let names = self.clone();
        Box::pin(async move {
            let found = names.lookup(name.as_str()).await?;
            // One bad address fails the whole lookup: otherwise a server could mix a private one in and wait for a retry.
            if let Some(why) = found.iter().find_map(|found| address::forbidden(found.ip())) {
                return Err(Forbidden { why }.into());
            }
            Ok(Box::new(names.checked(found).into_iter()) as Addrs)
        })
    }
}

impl Public {
    async fn lookup(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        #[cfg(test)]
        if let Some(told) = &self.told {
            return Ok((told.answers)(name));
        }
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }

    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests send what passed elsewhere"))]
    fn checked(&self, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        #[cfg(test)]
        if let Some(told) = &self.told {
            return found.into_iter().map(told.stand_in).collect();
        }
        found
    }
}
