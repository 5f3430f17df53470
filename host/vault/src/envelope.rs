//! Boxes: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a key of the box's own (HKDF-SHA256, RFC 5869), with the
//! record's identity and epoch as associated data, so that a box opens in its own place only (threat M7).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::KeyInit as _;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::aead::Payload;
use hkdf::Hkdf;
use serde::Deserialize;
use serde::Serialize;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::StoreError;

/// The store's key: 32 bytes, wiped when dropped.
pub(crate) type StoreKey = Zeroizing<[u8; 32]>;

/// What a box holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Check,
    Meta,
    Secrets,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Meta => "meta",
            Self::Secrets => "secrets",
        }
    }
}

/// Whose box it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) kind: Kind,
    pub(crate) service: &'a str,
    pub(crate) account: &'a str,
    pub(crate) epoch: u64,
}

/// A closed box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sealed {
    salt: String,
    nonce: String,
    text: String,
}

/// Closes a box.
pub(crate) fn seal(key: &StoreKey, place: Place<'_>, plain: &[u8]) -> Result<Sealed, StoreError> {
    let (salt, nonce): ([u8; 16], [u8; 24]) = (random()?, random()?);
    let text = cipher(key, &salt, place.kind)?
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &associated(place) })
        .map_err(|_| StoreError::Damaged("a record is too large"))?;
    Ok(Sealed { salt: STANDARD.encode(salt), nonce: STANDARD.encode(nonce), text: STANDARD.encode(text) })
}

/// Opens a box; an error if one bit of it, its place or its key is another.
pub(crate) fn open(key: &StoreKey, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let damaged = StoreError::Damaged("a record does not open");
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| damaged.clone());
    let nonce: [u8; 24] = decode(&sealed.nonce)?.try_into().map_err(|_| damaged.clone())?;
    cipher(key, &decode(&sealed.salt)?, place.kind)?
        .decrypt(&XNonce::from(nonce), Payload { msg: &decode(&sealed.text)?, aad: &associated(place) })
        .map(Zeroizing::new)
        .map_err(|_| damaged)
}

/// The name under which a record stands in the file: names of services and accounts are not readable there.
pub(crate) fn record_id(key: &StoreKey, service: &str, account: &str) -> Result<String, StoreError> {
    let mut id = [0; 16];
    let place = Place { kind: Kind::Check, service, account, epoch: 0 };
    expand(key, b"hotcell record id", &associated(place), &mut id)?;
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Io("random numbers", std::io::ErrorKind::Unsupported))?;
    Ok(bytes)
}

fn cipher(key: &StoreKey, salt: &[u8], kind: Kind) -> Result<XChaCha20Poly1305, StoreError> {
    let mut own = Zeroizing::new([0; 32]);
    expand(key, salt, format!("hotcell store v1 {}", kind.label()).as_bytes(), &mut *own)?;
    Ok(XChaCha20Poly1305::new((&*own).into()))
}

fn expand(key: &StoreKey, salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), StoreError> {
    Hkdf::<Sha256>::new(Some(salt), &**key)
        .expand(info, out)
        .map_err(|_| StoreError::Damaged("a key cannot be derived"))
}

/// Each part with its length before it, so that no two places have the same bytes.
fn associated(place: Place<'_>) -> Vec<u8> {
    let epoch = place.epoch.to_be_bytes();
    let parts: [&[u8]; 5] = [
        b"hotcell-store-v1",
        place.kind.label().as_bytes(),
        place.service.as_bytes(),
        place.account.as_bytes(),
        &epoch,
    ];
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { kind: Kind::Secrets, service: "github", account: "default", epoch: 3 };

    fn key(byte: u8) -> StoreKey {
        Zeroizing::new([byte; 32])
    }

    #[test]
    fn a_box_opens_in_its_own_place_only() {
        let sealed = seal(&key(1), PLACE, b"text").unwrap();
        assert_eq!(open(&key(1), PLACE, &sealed).unwrap().as_slice(), b"text");
        let others = [
            Place { kind: Kind::Meta, ..PLACE },
            Place { service: "gitlab", ..PLACE },
            Place { account: "other", ..PLACE },
            Place { epoch: 4, ..PLACE },
            Place { service: "githubd", account: "efault", ..PLACE },
        ];
        for place in others {
            assert!(open(&key(1), place, &sealed).is_err(), "m7 {place:?}");
        }
        assert!(open(&key(2), PLACE, &sealed).is_err());
    }

    #[test]
    fn i2_a_flipped_bit_anywhere_is_noticed() {
        let sealed = seal(&key(1), PLACE, b"some text").unwrap();
        let fields: [fn(&mut Sealed) -> &mut String; 3] = [|s| &mut s.salt, |s| &mut s.nonce, |s| &mut s.text];
        for field in fields {
            let mut changed = sealed.clone();
            let mut bytes = STANDARD.decode(&*field(&mut changed)).unwrap();
            for index in 0..bytes.len() {
                bytes[index] ^= 1;
                *field(&mut changed) = STANDARD.encode(&bytes);
                assert!(open(&key(1), PLACE, &changed).is_err());
                bytes[index] ^= 1;
            }
        }
    }

    #[test]
    fn the_same_text_never_gives_the_same_box() {
        assert_ne!(seal(&key(1), PLACE, b"a").unwrap(), seal(&key(1), PLACE, b"a").unwrap());
    }
}
