//! A rehearsal: a gate before a script. A tool's author sees what the tool's requests would meet, and no request leaves.
//!
//! Every step is the gate's own: the same policy, the same signature, the same scan. Only the last step before the answer,
//! [`crate::network`], is another type: [`Script`], which holds no client, no connection and no name lookup, so that what is
//! rehearsed cannot be sent. Nor can a real token be in it: its store is made here, under a key that is made here and forgotten,
//! and holds credentials that are made here.
//!
//! A gate of the network is another type than that of a rehearsal, so neither takes the other's place:
//!
//! ```compile_fail
//! // Compiles as soon as a call of the product could be given a script.
//! fn quietly(gate: std::sync::Arc<hotcell_gate::Gate<hotcell_gate::Script>>) -> std::sync::Arc<hotcell_gate::Gate> {
//!     gate
//! }
//! ```
//! ```compile_fail
//! // Compiles as soon as a store of somebody's can be put before a script.
//! use std::sync::Arc;
//! fn real(services: Arc<hotcell_gate::Services>, store: Arc<hotcell_vault::AuthStore>, play: Arc<dyn hotcell_gate::Play>) {
//!     let _ = hotcell_gate::Rehearsal::new(store, services, &Default::default(), play);
//! }
//! ```
//! ```compile_fail
//! // Compiles as soon as another crate can stand behind the gate and see what was signed.
//! struct Mine;
//! impl hotcell_gate::Way for Mine {}
//! ```

mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use cap_std::fs::Dir;
use hotcell_protocol::Code;
use hotcell_protocol::Method;
use hotcell_protocol::Refusal;
use hotcell_protocol::text::cut;
use hotcell_protocol::text::visible;

use crate::gate::Gate;
use crate::service::Services;
use crate::sign::Signed;
use crate::strikes::StrikesInMemory;
pub(crate) use store::FakeStore;
use store::Fakes;

/// What a made-up credential begins with. The rest are random letters and digits.
pub const FAKE: &str = "fake_";

/// A request that would be sent now: it passed the policy and was signed. What was added to it is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent<'a> {
    /// The method.
    pub method: Method,
    /// The whole URL, in canonical form.
    pub url: &'a str,
}

/// Answers in place of servers.
pub trait Play: Send + Sync {
    /// What becomes of a request.
    ///
    /// # Errors
    /// A refusal, where nobody wrote an answer for it: the tool learns what it would of a server that cannot be reached.
    fn play(&self, sent: Sent<'_>) -> Result<Played, Refusal>;
}

/// What a script has for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// Something goes wrong.
    Fails(Fault),
    /// The server answers.
    Reply(Reply),
}

/// What can go wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It says nothing until the call's time is over.
    Silent,
    /// It does not answer in time.
    TimedOut,
    /// There is no connection.
    Unreachable,
}

/// A whole answer, as a server would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, Vec<Piece>)>,
    /// Body.
    pub body: Vec<Piece>,
}

/// A part of a header's value or of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// The credential that the request carried: what a server sends that gives it back. Who writes the script does not know it.
    Credential,
}

/// What stands in place of the network: answers that somebody wrote, and the made-up credentials that are to come by.
pub struct Script {
    play: Arc<dyn Play>,
    fakes: Fakes,
}

impl Script {
    /// What the script has for a request.
    pub(crate) fn play(&self, signed: &Signed) -> Result<Played, Refusal> {
        self.play.play(Sent { method: signed.method, url: signed.target.url.as_str() })
    }

    /// The credential that a request carries, `None` if it carries none.
    ///
    /// # Errors
    /// [`Code::Internal`] for a credential that is none of this rehearsal's: nothing of it goes on.
    pub(crate) fn credential(&self, signed: &Signed) -> Result<Option<&str>, Refusal> {
        let Some(value) = signed.headers.values().find(|value| value.is_sensitive()) else { return Ok(None) };
        let fake = signed.terms.service.as_ref().and_then(|service| self.fakes.get(service));
        // Invariant: what is signed here was made here.
        let own = fake.filter(|fake| value.as_bytes().ends_with(fake.as_bytes()));
        own.map(|fake| Some(fake.as_str()))
            .ok_or_else(|| Refusal::internal("a rehearsal met a credential that is not its own"))
    }
}

/// A gate before a script, with made-up credentials. One for each case: it remembers strikes as any gate does.
pub struct Rehearsal {
    gate: Arc<Gate<Script>>,
}

impl Rehearsal {
    /// A rehearsal of these services. `folder` is empty and the caller's own: a store of made-up credentials is written there,
    /// one for each service in `signed_in`, with those scopes.
    ///
    /// # Errors
    /// [`Code::BadConfig`] for a service or scope that is not described; [`Code::StoreUnavailable`] if the folder cannot be
    /// used, or holds a store already.
    pub fn new(
        folder: Dir,
        services: Arc<Services>,
        signed_in: &BTreeMap<String, BTreeSet<String>>,
        play: Arc<dyn Play>,
    ) -> Result<Self, Refusal> {
        let (store, fakes) = FakeStore::make(folder, &services, signed_in)?;
        let strikes = Arc::<StrikesInMemory>::default();
        let gate = Gate::rehearsing(services, store, Script { play, fakes }, strikes)?;
        Ok(Self { gate: Arc::new(gate) })
    }

    /// The gate, for a [`crate::Session`].
    #[must_use]
    pub fn gate(&self) -> Arc<Gate<Script>> {
        Arc::clone(&self.gate)
    }
}

/// The refusal of a request that nobody wrote an answer for.
#[must_use]
pub fn unanswered(sent: Sent<'_>, why: &str) -> Refusal {
    Refusal::new(
        Code::UpstreamUnreachable,
        format!("no answer is written for {} {}: {why}", sent.method.as_str(), cut(&visible(sent.url), 500)),
        "write one, or correct the request",
    )
}
