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

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    // Signatures of "hotcell", made once by OpenSSL with keys that were thrown away.
    const RSA_N: &str = "mbDdik8LcIZVJB_MEdBU_mxKG9BlqFz4OT85r9WUTkBzP1my0blbs-TBpuSbSkso53Kg1isnVbDUXkOigJ_pmyImNbdnqXhydDECXSRaRPSogjObq2VBNx5Tbi367gUsvOSLZ2dJZepl_wBikVfo_AsngZCWe1P_hzQchBfdoDVq21hbnLZPfs-QGHWUy4CLcqHMTLupsLY7SEK8-3vLwBjZNCyOY02um_IPPcRQ68eee9-2VzHw0ek3m2v22DvilTmTdoq78iSriU72LKQdgRZogdf4Xo0hCBFe7Hv1eTDBCbgr2LKBRNiC396B566jJGBs_Zuv6I-ZZiNk7uJHrQ";
    const RS: &str = "eZbGuP8vnL5Y3Vsu3qG1KFaEUKaer3dCBoDrOnLxe3eWB45BLL7TPAgz-LM-Lwcl0PiS-B8DUsU9BytNRSPah88-TZFEtRGvH7q93cTUVfaSvFzvIlJQH0_4DcFVTJEOEM2TCVKASADszy4ni76UTY3ygrmiaFvqF23hQwKyk9MKwZV-f_GkmTOjzvug00jxWfh6G6H2QVxjXM-cPhgCDLOrPCHofZj463jhHaSRUUuD-fvTD5fK5LCJw5gBm_-1Gm97zRsRFNzmRN9Lyc0kVXC5Wjao3qbI0d0NWmV2e9y8w2Ej68ZSrA3ORBP9byf1ru1QT-6QbuGHbppA1nGMPA";
    const PS: &str = "cXEUQbHzvFy-25Oa4JBptW1XG1Rbnk5gVTCL5Y8eMKi8NmzI_KFoTE78QSe_v1vLlsqRgrFSDceK60bf00DwJEXEtG4mHy1W3uBuhKBdPikaFNa_duPc9wVfu3HFuBWDuE58vXCncWLU4JQjLCEl2Glw2veDwUwBxkKo1-xjj6wV5E9fxEY5SgAfSgIRF0iI_BHuacnusmiEfVm3rzVH5J0m5wlh3nmpRD8F1i9UD_q-DqHq6mOZMAY3JpdVP4z_Aq0EKx4yw-Fll-1VzeKYLSbNsArbpXSX8O8TI2HRoE9meHxHD5tVzhiCC9L6kkqTAfNnliVvTk2vNzjbAngRPQ";
    const SHORT_N: &str = "sJxCPtpR16tpExnysLroCSuVWvlN1LX1nP2OIH5dhaawXbEC1M57l8NS_Nk3hQEeGRjwKTGzVMO5PmYQOO9kHuoscgVvDj3Osdc9Q9Sbl7vB-5uzls-FIBEU-wjIfIzeEfAvNzXfMBFQuiE61ul_AM4wk6VzEBBqYet9D8xHKgs";
    const SHORT: &str = "mJn3IDkLgAnCdI1Dc8q_3yQt8Uf6JURGMQTEJhD9uw_oc1j5CmlwvFNeBUHvwQKqVn6Kho8SH_MM-x3Y7TcW6fw-1Q7kcq_6MwvtjMrX10DG_JOvvbZXG5Cr9dU-RpXXpEKWPaf8X6S01m5gMcv0Ijl3Y4Hl3GAbMgWIHm63AkA";
    const EC_X: &str = "n3MlftKVQbCsUZcMbT1ugZ8YjMhuvRpHYws_TPGxE1Y";
    const EC_Y: &str = "yb0fbOvAM_cGe52w4YdTFvP9klNL87PVXzTk608G9Cg";
    const ES: &str = "BfKyTz6NWHT3YtsWPKS-cs3bZNYRKx8JN5k4bUIKXYG7LdhE3ZtgsHu5wlXJLBiZaCE7DQBWmNCnFvXgHJbG4A";
    const ES_DER: &str =
        "MEUCIC0Zr9gn4bIS3XNepsQvzjZPKGoMjatH7tz8SVlauM1AAiEA7NfHDLOkPjGxUGbFV_nqRk0R6NhCNz41UUTHVXiwr9k";
    const ED_X: &str = "hjYywKq4EXc2kolt4XHQG2yvVkKnzkvx2oeqVRNQ_z0";
    const ED: &str = "gX6JqIvNGR1A-YbQuz9d9lKTdZnwhnYAjlNEpenoouLRWcm08M9NEn4kej1aPIVofEKiWmtigqKDsz2rs31ACw";

    fn checks(algorithm: Algorithm, key: &DecodingKey, signature: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let Ok(checked) = verifier(&algorithm, key) else { return false };
        assert!(checked.verify(b"another", &signature).is_err());
        checked.verify(b"hotcell", &signature).is_ok()
    }

    #[test]
    fn n1_each_algorithm_takes_its_own_signatures_and_no_others() {
        use Algorithm::*;
        let rsa = DecodingKey::from_rsa_components(RSA_N, "AQAB").unwrap();
        let short = DecodingKey::from_rsa_components(SHORT_N, "AQAB").unwrap();
        let ec = DecodingKey::from_ec_components(EC_X, EC_Y).unwrap();
        let ed = DecodingKey::from_ed_components(ED_X).unwrap();
        for (algorithm, key, signature, good) in [
            (RS256, &rsa, RS, true),
            (PS256, &rsa, PS, true),
            (ES256, &ec, ES, true),
            (EdDSA, &ed, ED, true),
            (RS256, &rsa, PS, false),
            (PS256, &rsa, RS, false),
            (RS256, &short, SHORT, false),
            (ES256, &ec, ES_DER, false),
            (ES256, &rsa, RS, false),
            (RS256, &ec, ES, false),
            (EdDSA, &ec, ES, false),
            (ES256, &ed, ED, false),
            (RS384, &rsa, RS, false),
            (ES384, &ec, ES, false),
            (EdDSA, &ed, "", false),
            (ES256, &ec, "", false),
        ] {
            assert_eq!(checks(algorithm, key, signature), good, "{algorithm:?} {signature}");
        }
        for shared in [HS256, HS384, HS512] {
            for key in [&rsa, &ec, &ed, &DecodingKey::from_secret(b"secret")] {
                assert!(verifier(&shared, key).is_err());
            }
        }
    }
}
