//! Where the store's key comes from. The kind is chosen once, when the store is made, and recorded in its file; a kind that
//! is not to be had later is an error, never a reason to take a weaker one.

mod file;
mod keychain;
mod passphrase;

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::envelope::StoreKey;
use crate::envelope::random;
use crate::error::StoreError;

/// How the key of a store is had, as its file records it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Backend {
    /// In the system's keychain.
    Keychain,
    /// In a file that the operator names.
    KeyFile,
    /// In this process only; the store cannot be opened by another.
    Memory,
    /// Derived from a passphrase by argon2id (RFC 9106).
    Passphrase {
        /// 16 random bytes, base64.
        salt: String,
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
    },
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keychain => "the system's keychain",
            Self::KeyFile => "a key file",
            Self::Memory => "memory",
            Self::Passphrase { .. } => "a passphrase",
        })
    }
}

/// What opens a store.
pub enum Key {
    /// The system's keychain: macOS Keychain, Windows Credential Manager, Linux Secret Service.
    Keychain,
    /// A file with 32 bytes in base64, readable for its owner alone. Made when the store is made, if it is missing.
    KeyFile(PathBuf),
    /// 32 bytes of this process: for tests and demonstrations.
    Memory([u8; 32]),
    /// A passphrase of at least 8 characters.
    Passphrase(Zeroizing<String>),
}

impl Key {
    /// The key for a new store, and what its file records of it.
    pub(crate) fn make(&self) -> Result<(StoreKey, Backend), StoreError> {
        match self {
            Self::Keychain => Ok((keychain::make()?, Backend::Keychain)),
            Self::KeyFile(path) => Ok((file::make(path)?, Backend::KeyFile)),
            Self::Memory(key) => Ok((Zeroizing::new(*key), Backend::Memory)),
            Self::Passphrase(phrase) => {
                let salt: [u8; 16] = random()?;
                let backend = Backend::Passphrase {
                    salt: STANDARD.encode(salt),
                    memory_kib: passphrase::MEMORY_KIB,
                    passes: passphrase::PASSES,
                };
                passphrase::check(phrase)?;
                Ok((passphrase::derive(phrase, &salt, passphrase::MEMORY_KIB, passphrase::PASSES)?, backend))
            }
        }
    }

    /// The key of a store that records this backend.
    pub(crate) fn fetch(&self, backend: &Backend) -> Result<StoreKey, StoreError> {
        match (self, backend) {
            (Self::Keychain, Backend::Keychain) => keychain::fetch(),
            (Self::KeyFile(path), Backend::KeyFile) => file::fetch(path),
            (Self::Memory(key), Backend::Memory) => Ok(Zeroizing::new(*key)),
            (Self::Passphrase(phrase), Backend::Passphrase { salt, memory_kib, passes }) => {
                let salt = STANDARD.decode(salt).map_err(|_| StoreError::Damaged("the salt is broken"))?;
                passphrase::derive(phrase, &salt, *memory_kib, *passes)
            }
            _ => Err(StoreError::OtherBackend(backend.clone())),
        }
    }

    /// What a key of this kind is called where it is the wrong one.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Keychain => "keychain's key",
            Self::KeyFile(_) => "key file",
            Self::Memory(_) => "key",
            Self::Passphrase(_) => "passphrase",
        }
    }
}

/// 32 bytes from base64 text.
fn decode(text: &str) -> Option<StoreKey> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
    let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(Zeroizing::new(key))
}

fn encode(key: &StoreKey) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(**key))
}
