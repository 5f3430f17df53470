//! How the key of the credential store is had: asked of a person, named by a variable, or known to the caller.

use std::path::PathBuf;

use hotcell_protocol::Code;
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

    /// Where the key of a new store can be kept without a word of anybody's, for a person to choose from. None, unless this
    /// says so.
    fn places(&self) -> Vec<KeyPlace> {
        Vec::new()
    }

    /// The key of a new store, to be kept at the place of this name, which a person chose.
    ///
    /// # Errors
    /// A refusal where there is no such place, or where it cannot be used.
    fn new_key(&self, _place: &str) -> Result<Key, Refusal> {
        Err(Refusal::new(
            Code::StoreUnavailable,
            "there is no credential store yet, and no place for its key",
            "make it with: hotcell auth signin SERVICE",
        ))
    }
}

/// A place for the key of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPlace {
    /// Its name.
    pub name: &'static str,
    /// What a person who chooses is told.
    pub words: &'static str,
}

/// A key file at a known place, for embedding and for the demonstration.
pub(crate) struct KeyFileIn(pub(crate) PathBuf);

impl Keys for KeyFileIn {
    fn key(&self, _recorded: &Backend) -> Result<Key, Refusal> {
        Ok(Key::KeyFile(self.0.clone()))
    }
}
