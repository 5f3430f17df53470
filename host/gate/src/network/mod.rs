//! Signed → Received: the only HTTP client and the only name lookups of the product.

mod body;
mod client;
mod issuer;
#[cfg(test)]
mod rebinding;
mod resolver;

pub(crate) use body::too_large;
pub(crate) use client::Network;
pub use issuer::IssuerNetwork;
#[cfg(test)]
pub(crate) use resolver::Told;

use http::HeaderMap;

use crate::policy::url::Target;
use crate::scan::Reading;

/// Answers a request without a network: status, headers, body.
#[cfg(test)]
pub(crate) type Fake = Box<dyn Fn(crate::sign::Signed) -> (u16, HeaderMap, Vec<u8>) + Send + Sync>;

/// A response as it came: whole and bounded, not yet scanned. It has no `Debug`, `Clone` or `Serialize`; `scan::clean` alone
/// turns it into an answer.
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// What the scan saw of the body while it came.
    pub(crate) reading: Reading,
    pub(crate) target: Target,
    /// Private: nothing outside this module makes one.
    _made: (),
}
