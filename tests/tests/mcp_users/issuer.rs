//! An authorisation server of the test's own, whose keys it has: so that it can also sign what no honest one would.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotcell_tests::Raw;
use hotcell_tests::Upstream;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair as _;
use serde_json::Value;
use serde_json::json;

/// A key, and the name that it goes by.
pub(crate) struct Signer {
    pub(crate) name: String,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn ed(name: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Pair::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap());
        Self { name: name.into(), pair }
    }

    pub(crate) fn ec(name: &str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = Pair::Ec(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap());
        Self { name: name.into(), pair }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// The bytes that everybody knows.
    pub(crate) fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let (public, encode) = (self.public(), |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes));
        match self.pair {
            Pair::Ec(_) => json!({"kty": "EC", "crv": "P-256", "kid": self.name, "use": "sig", "alg": "ES256",
                "x": encode(&public[1..33]), "y": encode(&public[33..])}),
            Pair::Ed(_) => json!({"kty": "OKP", "crv": "Ed25519", "kid": self.name, "x": encode(&public)}),
        }
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with this header and these claims, whatever they are.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let signature = URL_SAFE_NO_PAD.encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.algorithm(), "typ": "at+jwt", "kid": self.name})
    }
}

/// Header and claims, no signature yet.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The server.
pub(crate) struct Issuer {
    upstream: Upstream,
    pub(crate) key: Signer,
    pub(crate) keys: Arc<Mutex<Vec<Value>>>,
    pub(crate) is_down: Arc<AtomicBool>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let key = Signer::ec("first");
        let keys = Arc::new(Mutex::new(vec![key.jwk()]));
        let is_down = Arc::new(AtomicBool::new(false));
        let (known, down) = (Arc::clone(&keys), Arc::clone(&is_down));
        let upstream = Upstream::start(move |seen| {
            if down.load(Ordering::SeqCst) {
                return Vec::new();
            }
            let host = format!("http://{}", seen.header("host")[0]);
            let body = match seen.line() {
                "GET /.well-known/oauth-authorization-server" => {
                    json!({"issuer": host, "jwks_uri": format!("{host}/keys")})
                }
                "GET /keys" => json!({"keys": *known.lock().unwrap()}),
                _ => return Raw::answer("404 Not Found", &[], ""),
            };
            Raw::answer("200 OK", &["Content-Type: application/json"], body.to_string())
        })
        .await;
        Self { upstream, key, keys, is_down }
    }

    pub(crate) fn address(&self) -> String {
        self.upstream.origin()
    }

    /// How often the keys were fetched.
    pub(crate) fn fetched(&self) -> usize {
        self.upstream.seen().iter().filter(|seen| seen.line() == "GET /keys").count()
    }

    /// The claims of a good token.
    pub(crate) fn claims(&self, subject: &str, audience: &str) -> Value {
        let now = now();
        json!({"iss": self.address(), "sub": subject, "aud": audience, "exp": now + 600, "iat": now, "jti": subject,
            "client_id": "agent", "scope": "hotcell"})
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}
