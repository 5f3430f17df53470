//! Signatures for `jsonwebtoken`, by the ring that TLS uses: a table of four algorithms, all with public keys. Whatever else a
//! token names (`none`, one with a shared secret, one of tomorrow) has no row, so that it is refused (RFC 8725 §3.1).

use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::DecodingKeyKind;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::crypto::KeyUtils;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::errors::Result;
use jsonwebtoken::signature;
use jsonwebtoken::signature::Verifier;
use ring::signature as of_ring;

/// For [`CryptoProvider::install_default`].
pub(super) static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: no_signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Checks one token with one key.
struct Checked {
    algorithm: Algorithm,
    key: DecodingKey,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    // A public key is no secret: one that were taken for HMAC's would let everybody sign (RFC 8725 §2.1).
    let known = matches!(algorithm, Algorithm::ES256 | Algorithm::EdDSA | Algorithm::PS256 | Algorithm::RS256);
    if !known || algorithm.family() != key.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Checked { algorithm: *algorithm, key: key.clone() }))
}

/// Nothing is signed here.
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

impl Verifier<Vec<u8>> for Checked {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let checked = match (self.algorithm, self.key.kind()) {
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(key)) => {
                of_ring::UnparsedPublicKey::new(&of_ring::ECDSA_P256_SHA256_FIXED, key).verify(message, signature)
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(key)) => {
                of_ring::UnparsedPublicKey::new(&of_ring::ED25519, key).verify(message, signature)
            }
            // ring takes keys of 2048 to 8192 bits (RFC 7518 §3.3: 2048 or more).
            (Algorithm::PS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = of_ring::RsaPublicKeyComponents { n, e };
                key.verify(&of_ring::RSA_PSS_2048_8192_SHA256, message, signature)
            }
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = of_ring::RsaPublicKeyComponents { n, e };
                key.verify(&of_ring::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            _ => return Err(signature::Error::new()),
        };
        checked.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Checked {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
