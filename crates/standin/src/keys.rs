//! Signing keys, key sets and signatures. The RSA keys are worthless fixtures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{digest, hmac, rsa};

use crate::json::{Json, object};
use crate::settings::Signing;

const RSA_FIXTURES: [&[u8]; 2] =
    [include_bytes!("../data/throwaway-rsa-a.pk8"), include_bytes!("../data/throwaway-rsa-b.pk8")];

/// The asymmetric keys of a stand-in.
pub(crate) struct Keys {
    generation: usize,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

impl Keys {
    /// The keys of one generation; the next generation has other keys and other key ids.
    pub(crate) fn of_generation(generation: usize) -> Option<Self> {
        let fixture = RSA_FIXTURES.get(generation % RSA_FIXTURES.len())?;
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(algorithm, &random).ok()?;
        Some(Self {
            generation,
            rsa: RsaKeyPair::from_pkcs8(fixture).ok()?,
            ec: EcdsaKeyPair::from_pkcs8(algorithm, ec.as_ref(), &random).ok()?,
        })
    }

    /// The keys that replace these.
    pub(crate) fn next(&self) -> Option<Self> {
        Self::of_generation(self.generation + 1)
    }

    /// Key id of a provider's tokens; HS256 tokens have none. As long as authentik's.
    pub(crate) fn id(&self, signing: Signing) -> Option<String> {
        let public = match signing {
            Signing::Hs256 => return None,
            Signing::Rs256 => self.rsa.public().as_ref(),
            Signing::Es256 => self.ec.public_key().as_ref(),
        };
        let seed = [public, &self.generation.to_be_bytes()].concat();
        Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA512, &seed)))
    }

    /// The key set: `{}`, without `keys`, for HS256 (docs/protocol.md §1.4).
    pub(crate) fn set(&self, signing: Signing) -> Json {
        let base64 = |bytes: &[u8]| Json::from(URL_SAFE_NO_PAD.encode(bytes));
        let id = Json::from(self.id(signing).unwrap_or_default());
        let key = match signing {
            Signing::Hs256 => return Json::Object(Vec::new()),
            Signing::Rs256 => {
                let public: rsa::PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
                object([
                    ("alg", "RS256".into()),
                    ("kid", id),
                    ("kty", "RSA".into()),
                    ("use", "sig".into()),
                    ("n", base64(&public.n)),
                    ("e", base64(&public.e)),
                ])
            }
            Signing::Es256 => {
                // Uncompressed point: 4, x, y (SEC 1, 2.3.3).
                let point = self.ec.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
                object([
                    ("alg", "ES256".into()),
                    ("kid", id),
                    ("kty", "EC".into()),
                    ("use", "sig".into()),
                    ("x", base64(x)),
                    ("y", base64(y)),
                    ("crv", "P-256".into()),
                ])
            }
        };
        object([("keys", Json::Array(vec![key]))])
    }

    /// The signature over `signed`; `None` if signing fails.
    pub(crate) fn sign(&self, signing: Signing, secret: &str, signed: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match signing {
            Signing::Hs256 => Some(hmac_sha256(secret, signed)),
            Signing::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature).ok()?;
                Some(signature)
            }
            Signing::Es256 => Some(self.ec.sign(&random, signed).ok()?.as_ref().to_vec()),
        }
    }
}

/// HMAC-SHA-256 with a text as key.
pub(crate) fn hmac_sha256(secret: &str, signed: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed).as_ref().to_vec()
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(data: &str) -> String {
    hex(digest::digest(&digest::SHA256, data.as_bytes()).as_ref())
}

/// SHA-256 in base64url, as PKCE's S256 wants it (RFC 7636, 4.2).
pub(crate) fn sha256_base64url(data: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, data.as_bytes()))
}

/// This many random bytes in hexadecimal.
pub(crate) fn random_hex(bytes: usize) -> String {
    hex(&random_bytes(bytes))
}

/// A random UUID (version 4, RFC 9562).
pub(crate) fn random_uuid() -> String {
    let digits = random_hex(16);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// This many random letters and digits.
pub(crate) fn random_alphanumeric(length: usize) -> String {
    let alphabet = [b'a'..=b'z', b'A'..=b'Z', b'0'..=b'9'].into_iter().flatten();
    let alphabet: Vec<char> = alphabet.map(char::from).collect();
    let letters = random_bytes(length).into_iter();
    letters.filter_map(|byte| alphabet.get(usize::from(byte) % alphabet.len())).collect()
}

/// This many random bytes.
pub(crate) fn random_bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // The system's generator cannot fail on Linux; zeros would only make tests collide.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

/// A digest in the form of authentik's fingerprints: `cb:d7:…`.
pub(crate) fn fingerprint(algorithm: &'static digest::Algorithm, data: &[u8]) -> String {
    let digest = digest::digest(algorithm, data);
    let pairs: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
