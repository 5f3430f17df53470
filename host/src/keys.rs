//! How the key of the credential store is had: asked of a person, named by a variable, or known to the caller.

use std::path::PathBuf;

use hotcell_protocol::Refusal;
use hotcell_vault::Backend;
use hotcell_vault::Key;

/// Gives the key when the store is opened, which is only when it is needed.
pub trait Keys: Send + Sync {
    /// The key of a store that records this backend.
    ///
    /// # Errors
    /// A refusal where it cannot be had here, with what to do.
    fn key(&self, recorded: &Backend) -> Result<Key, Refusal>;
}

/// A key file at a known place, for embedding and for the demonstration.
pub(crate) struct KeyFileIn(pub(crate) PathBuf);

impl Keys for KeyFileIn {
    fn key(&self, _recorded: &Backend) -> Result<Key, Refusal> {
        Ok(Key::KeyFile(self.0.clone()))
    }
}
