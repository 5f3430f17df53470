//! Signed → Received: the only HTTP client and the only name lookups of the product.

mod body;
mod client;
mod issuer;
#[cfg(test)]
mod rebinding;
mod resolver;
mod script;

pub(crate) use body::too_large;
pub(crate) use client::Network;
pub use issuer::IssuerNetwork;
#[cfg(test)]
pub(crate) use resolver::Told;

use std::future::Future;

use hotcell_protocol::Refusal;
use http::HeaderMap;
use tokio::time::Instant;

use crate::policy::url::Target;
use crate::scan::Reading;
use crate::sign::Signed;

/// What stands behind a gate and turns what was signed into what was received: the network, or the script of a rehearsal.
/// Nobody else can be one: the types that it takes and gives have no name outside of the gate.
pub trait Way: sealed::Sealed + Send + Sync + 'static {
    /// Whether all credentials of such a gate are made up: then what a tool asked may be shown before it was searched.
    #[doc(hidden)]
    const MADE_UP: bool;

    /// Takes a signed request and gives the whole response, with the scan's eyes on it, until the deadline.
    #[doc(hidden)]
    fn send(
        &self,
        signed: Signed,
        reading: Reading,
        deadline: Instant,
    ) -> impl Future<Output = Result<Received, Refusal>> + Send;
}

mod sealed {
    /// Keeps [`super::Way`] to the gate.
    pub trait Sealed {}
    impl Sealed for super::Network {}
    impl Sealed for crate::rehearsal::Script {}
}

/// Answers a request without a network: status, headers, body.
#[cfg(test)]
pub(crate) type Fake = Box<dyn Fn(crate::sign::Signed) -> (u16, HeaderMap, Vec<u8>) + Send + Sync>;

/// A response as it came: whole and bounded, not yet scanned. It has no `Debug`, `Clone` or `Serialize`; `scan::clean` alone
/// turns it into an answer.
pub struct Received {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// What the scan saw of the body while it came.
    pub(crate) reading: Reading,
    pub(crate) target: Target,
    /// Private: nothing outside this module makes one.
    _made: (),
}
