//! A key derived from a passphrase by argon2id (RFC 9106).

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Block;
use argon2::Params;
use argon2::Version;
use zeroize::Zeroize as _;
use zeroize::Zeroizing;

use crate::envelope::StoreKey;
use crate::error::StoreError;

/// What a derivation costs.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// For a new store: RFC 9106 §4, second recommended option, in one lane: this library computes lanes one by one.
    pub(super) const OF_NEW: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// The most that a file may ask for: a changed file must not take the machine's memory or minutes of its time.
    const MOST: Self = Self { memory_kib: 1024 * 1024, passes: 64, lanes: 16 };
}

/// Refuses a passphrase that protects nothing.
pub(super) fn check(phrase: &str) -> Result<(), StoreError> {
    if phrase.chars().count() < 8 { Err(StoreError::ShortPassphrase) } else { Ok(()) }
}

/// Derives the key. Takes about a tenth of a second, on purpose.
pub(super) fn derive(phrase: &str, salt: &[u8], cost: Cost) -> Result<StoreKey, StoreError> {
    let Cost { memory_kib, passes, lanes } = cost;
    if memory_kib > Cost::MOST.memory_kib || passes > Cost::MOST.passes || lanes > Cost::MOST.lanes {
        return Err(StoreError::Damaged("the passphrase's parameters are out of range"));
    }
    let broken = |_| StoreError::Damaged("the passphrase's parameters are broken");
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(broken)?;
    let mut key = Zeroizing::new([0; 32]);
    let mut blocks = vec![Block::default(); params.block_count()];
    let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        phrase.as_bytes(),
        salt,
        &mut *key,
        &mut blocks,
    );
    // The last block is the key before its last hash.
    blocks.iter_mut().for_each(|block| block.zeroize());
    derived.map_err(broken)?;
    Ok(StoreKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    #[test]
    fn another_phrase_salt_or_cost_gives_another_key() {
        let derive = |phrase, salt: &[u8], cost| *derive(phrase, salt, cost).unwrap().bytes();
        let one = derive("correct horse", b"12345678", CHEAP);
        assert_eq!(one, derive("correct horse", b"12345678", CHEAP));
        let others = [
            derive("correct horsf", b"12345678", CHEAP),
            derive("correct horse", b"12345679", CHEAP),
            derive("correct horse", b"12345678", Cost { passes: 2, ..CHEAP }),
            derive("correct horse", b"12345678", Cost { memory_kib: 65, ..CHEAP }),
        ];
        assert!(!others.contains(&one));
    }

    #[test]
    fn a_file_cannot_ask_for_the_machines_memory_or_for_nonsense() {
        let damaged = |cost, salt: &[u8]| matches!(derive("correct horse", salt, cost), Err(StoreError::Damaged(_)));
        for cost in [
            Cost { memory_kib: u32::MAX, ..CHEAP },
            Cost { passes: u32::MAX, ..CHEAP },
            Cost { lanes: 17, ..CHEAP },
            Cost { passes: 0, ..CHEAP },
            Cost { memory_kib: 0, ..CHEAP },
            Cost { lanes: 0, ..CHEAP },
        ] {
            assert!(damaged(cost, b"12345678"));
        }
        assert!(damaged(CHEAP, b"short"));
    }

    #[test]
    fn a_passphrase_has_at_least_eight_characters() {
        assert_eq!(check("1234567"), Err(StoreError::ShortPassphrase));
        assert_eq!(check("äöüßäöü"), Err(StoreError::ShortPassphrase), "characters, not bytes");
        assert_eq!(check("12345678"), Ok(()));
    }
}
