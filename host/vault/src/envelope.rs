//! Boxes and tags, all under the store's key.
//!
//! A box is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a key of its own (HKDF-SHA256, RFC 5869), with the record's
//! identity and epoch as associated data, so that it opens in its own place only (threat M7). A tag is what only the holder
//! of the key can compute: the names of records, and the seal of the file.

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

/// The error of a box that does not open.
pub(crate) const DOES_NOT_OPEN: StoreError = StoreError::Damaged("a record does not open");

/// The store's key: 32 bytes, wiped when dropped. Not a bare `Zeroizing`, which has `Debug` and prints what it holds.
pub(crate) struct StoreKey(Zeroizing<[u8; 32]>);

impl StoreKey {
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// A new key from the system's random numbers.
    pub(crate) fn random() -> Result<Self, StoreError> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a box holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Which accounts were chosen.
    Defaults,
    /// Whose record it is. It must be known before the other boxes can be opened: their places name it.
    Name,
    Meta,
    Secrets,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Name => "name",
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

impl Sealed {
    /// The box as it stands in the file, for the seal of the file.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        [self.salt.as_bytes(), self.nonce.as_bytes(), self.text.as_bytes()]
    }
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
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| DOES_NOT_OPEN);
    let nonce: [u8; 24] = decode(&sealed.nonce)?.try_into().map_err(|_| DOES_NOT_OPEN)?;
    cipher(key, &decode(&sealed.salt)?, place.kind)?
        .decrypt(&XNonce::from(nonce), Payload { msg: &decode(&sealed.text)?, aad: &associated(place) })
        .map(Zeroizing::new)
        .map_err(|_| DOES_NOT_OPEN)
}

/// What only the holder of the key can compute of these parts: 128 bits, hexadecimal. Each label has its own.
pub(crate) fn tag(key: &StoreKey, label: &str, parts: &[&[u8]]) -> Result<String, StoreError> {
    let mut tag = [0; 16];
    expand(key, b"hotcell store v1 tag", &joined(&[&[label.as_bytes()], parts].concat()), &mut tag)?;
    Ok(tag.iter().map(|byte| format!("{byte:02x}")).collect())
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
    Hkdf::<Sha256>::new(Some(salt), key.bytes())
        .expand(info, out)
        .map_err(|_| StoreError::Damaged("a key cannot be derived"))
}

fn associated(place: Place<'_>) -> Vec<u8> {
    joined(&[
        b"hotcell-store-v1",
        place.kind.label().as_bytes(),
        place.service.as_bytes(),
        place.account.as_bytes(),
        &place.epoch.to_be_bytes(),
    ])
}

/// Each part with its length before it, so that no two lists of parts have the same bytes.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(*part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { kind: Kind::Secrets, service: "github", account: "default", epoch: 3 };

    fn key(byte: u8) -> StoreKey {
        StoreKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn m7_a_box_opens_in_its_own_place_only() {
        let sealed = seal(&key(1), PLACE, b"text").unwrap();
        assert_eq!(open(&key(1), PLACE, &sealed).unwrap().as_slice(), b"text");
        let others = [
            Place { kind: Kind::Meta, ..PLACE },
            Place { kind: Kind::Name, ..PLACE },
            Place { service: "gitlab", ..PLACE },
            Place { account: "other", ..PLACE },
            Place { epoch: 4, ..PLACE },
            Place { service: "githubd", account: "efault", ..PLACE },
        ];
        for place in others {
            assert!(open(&key(1), place, &sealed).is_err(), "{place:?}");
        }
        assert!(open(&key(2), PLACE, &sealed).is_err());
    }

    #[test]
    fn m7_a_flipped_bit_anywhere_in_a_box_is_noticed() {
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

    #[test]
    fn a_tag_tells_apart_keys_labels_and_parts() {
        let one = tag(&key(1), "id", &[b"ab", b"c"]).unwrap();
        assert_eq!(one, tag(&key(1), "id", &[b"ab", b"c"]).unwrap());
        let others = [
            tag(&key(2), "id", &[b"ab", b"c"]),
            tag(&key(1), "seal", &[b"ab", b"c"]),
            tag(&key(1), "id", &[b"a", b"bc"]),
            tag(&key(1), "id", &[b"abc"]),
        ];
        assert!(others.into_iter().all(|other| other.unwrap() != one));
    }
}
