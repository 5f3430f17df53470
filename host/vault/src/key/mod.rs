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
use passphrase::Cost;

/// How the key of a store is had, as its file records it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Backend {
    /// In the system's keychain.
    Keychain,
    /// In the keyring of the Linux kernel, which forgets at a restart.
    KernelKeyring,
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
        /// Lanes.
        lanes: u32,
    },
}

impl Backend {
    /// The kind as the file and `--json` name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Keychain => "keychain",
            Self::KernelKeyring => "kernel-keyring",
            Self::KeyFile => "key-file",
            Self::Memory => "memory",
            Self::Passphrase { .. } => "passphrase",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keychain => "the system's keychain",
            Self::KernelKeyring => "the kernel's keyring, which forgets at a restart",
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
    /// The keyring of the Linux kernel, which forgets at a restart and after some days without use.
    KernelKeyring,
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
            Self::Keychain => Ok((keychain::make(keychain::of_system)?, Backend::Keychain)),
            Self::KernelKeyring => Ok((keychain::make(keychain::of_kernel)?, Backend::KernelKeyring)),
            Self::KeyFile(path) => Ok((file::make(path)?, Backend::KeyFile)),
            Self::Memory(key) => Ok((StoreKey::new(Zeroizing::new(*key)), Backend::Memory)),
            Self::Passphrase(phrase) => {
                passphrase::check(phrase)?;
                let salt: [u8; 16] = random()?;
                let Cost { memory_kib, passes, lanes } = Cost::OF_NEW;
                let backend = Backend::Passphrase { salt: STANDARD.encode(salt), memory_kib, passes, lanes };
                Ok((passphrase::derive(phrase, &salt, Cost::OF_NEW)?, backend))
            }
        }
    }

    /// The key of a store that records this backend.
    pub(crate) fn fetch(&self, backend: &Backend) -> Result<StoreKey, StoreError> {
        match (self, backend) {
            (Self::Keychain, Backend::Keychain) => keychain::fetch(keychain::of_system),
            (Self::KernelKeyring, Backend::KernelKeyring) => keychain::fetch(keychain::of_kernel),
            (Self::KeyFile(path), Backend::KeyFile) => file::fetch(path),
            (Self::Memory(key), Backend::Memory) => Ok(StoreKey::new(Zeroizing::new(*key))),
            (Self::Passphrase(phrase), Backend::Passphrase { salt, memory_kib, passes, lanes }) => {
                let salt = STANDARD.decode(salt).map_err(|_| StoreError::Damaged("the salt is broken"))?;
                passphrase::derive(phrase, &salt, Cost { memory_kib: *memory_kib, passes: *passes, lanes: *lanes })
            }
            _ => Err(StoreError::OtherBackend(backend.clone())),
        }
    }

    /// What a key of this kind is called where it is the wrong one.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Keychain => "keychain's key",
            Self::KernelKeyring => "kernel keyring's key",
            Self::KeyFile(_) => "key file",
            Self::Memory(_) => "key",
            Self::Passphrase(_) => "passphrase",
        }
    }
}

/// 32 bytes from base64 text.
fn decode(text: &str) -> Option<StoreKey> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != key.len() {
        return None;
    }
    key.copy_from_slice(&bytes);
    Some(StoreKey::new(key))
}

fn encode(key: &StoreKey) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(key.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_as_text_comes_back_and_nothing_else_is_a_key() {
        let key = StoreKey::random().unwrap();
        assert_eq!(decode(&format!("{}\n", *encode(&key))).unwrap().bytes(), key.bytes());
        for bad in [String::new(), STANDARD.encode([1; 31]), STANDARD.encode([1; 33]), "-".repeat(44)] {
            assert!(decode(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn no_kind_of_key_opens_a_store_of_another_kind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let keys = [Key::KeyFile(file), Key::Memory([1; 32]), Key::Passphrase("eight or more".to_owned().into())];
        let made = keys.each_ref().map(|key| key.make().unwrap());
        for (number, (key, backend)) in made.iter().enumerate() {
            for (other, source) in keys.iter().enumerate() {
                match source.fetch(backend) {
                    Ok(fetched) => assert!(number == other && fetched.bytes() == key.bytes()),
                    Err(error) => assert!(number != other && error == StoreError::OtherBackend(backend.clone())),
                }
            }
            assert!(Key::Keychain.fetch(backend).is_err());
            assert_eq!(serde_json::to_value(backend).unwrap()["kind"], backend.kind());
        }
    }
}
