//! A key derived from a passphrase by argon2id (RFC 9106).

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Params;
use argon2::Version;
use zeroize::Zeroizing;

use crate::envelope::StoreKey;
use crate::error::StoreError;

/// Memory of a new store's derivation: RFC 9106 §4, second recommended option.
pub(super) const MEMORY_KIB: u32 = 64 * 1024;
/// Passes of a new store's derivation, from the same place.
pub(super) const PASSES: u32 = 3;
/// Most memory that a file may ask for: a changed file must not take the machine's memory.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
/// Most passes that a file may ask for.
const MOST_PASSES: u32 = 64;

/// Refuses a passphrase that protects nothing.
pub(super) fn check(phrase: &str) -> Result<(), StoreError> {
    if phrase.chars().count() < 8 { Err(StoreError::ShortPassphrase) } else { Ok(()) }
}

/// Derives the key. Takes about a tenth of a second, on purpose.
pub(super) fn derive(phrase: &str, salt: &[u8], memory_kib: u32, passes: u32) -> Result<StoreKey, StoreError> {
    if memory_kib > MOST_MEMORY_KIB || passes > MOST_PASSES {
        return Err(StoreError::Damaged("the passphrase's parameters are out of range"));
    }
    let broken = |_| StoreError::Damaged("the passphrase's parameters are broken");
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(broken)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(phrase.as_bytes(), salt, &mut *key)
        .map_err(broken)?;
    Ok(key)
}
