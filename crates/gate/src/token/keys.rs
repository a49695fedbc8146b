//! The keys that verify tokens. A key determines its algorithm; the token's header does not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use ring::{digest, hmac};
use serde_json::{Map, Value};

use super::TokenFlaw;
use super::jws::Header;
use crate::json;
use crate::provider::Provider;
use crate::secret::Secret;

/// The keys for tokens of one provider.
#[derive(Clone, Debug)]
pub enum Keys {
    /// The client secret's bytes: HS256 and nothing else.
    Shared(Secret),
    /// The provider's published keys: RS256 or ES256, depending on the key.
    Public(KeySet),
}

/// The signing keys of a JSON Web Key Set (RFC 7517) that we can use.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// The document is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetFlaw(&'static str);

/// Maximum length of a key set, in bytes.
pub(crate) const MAX_KEY_SET: usize = 256 * 1024;

/// Maximum number of keys in a set, used or not.
const MAX_KEYS: usize = 64;

/// Modulus of an RSA key, in bytes: 2048 to 8192 bits, the range that ring verifies.
const RSA_MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
}

impl Algorithm {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

impl Keys {
    /// The key that a provider shares with authentik.
    #[must_use]
    pub fn shared(provider: &Provider) -> Self {
        Self::Shared(provider.client_secret.clone())
    }

    /// The keys published for a provider. `{}` means that it has no signing key: its tokens are
    /// signed with the client secret, even if `jwks_uri` is configured.
    #[must_use]
    pub fn published(set: KeySet, provider: &Provider) -> Self {
        if set.is_empty() { Self::shared(provider) } else { Self::Public(set) }
    }

    /// Whether `signature` over `signed` was made with one of these keys.
    pub(super) fn check(
        &self,
        header: &Header,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenFlaw> {
        let right = match self {
            Self::Shared(secret) => {
                if header.algorithm != Some(Algorithm::Hs256) {
                    return Err(TokenFlaw::algorithm(&header.algorithm_name));
                }
                // Anybody can sign with an empty key.
                !secret.is_empty() && hs256_is_right(secret, signed, signature)
            }
            Self::Public(set) => set.select(header)?.material.signed(signed, signature),
        };
        if right { Ok(()) } else { Err(TokenFlaw::Signature) }
    }
}

fn hs256_is_right(secret: &Secret, signed: &[u8], signature: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    signature.len() == digest::SHA256_OUTPUT_LEN && hmac::verify(&key, signed, signature).is_ok()
}

impl KeySet {
    /// Parses the response of the `jwks_uri`. `{}` is a set without keys (authentik's HS256
    /// providers). Unusable keys are skipped, as RFC 7517 §5 requires: encryption keys, symmetric
    /// keys, other curves, RSA below 2048 bits, malformed members.
    ///
    /// # Errors
    /// Not a JSON object, `keys` not an array, too long, or too many keys.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetFlaw> {
        if document.len() > MAX_KEY_SET {
            return Err(KeySetFlaw("it is longer than 256 KiB"));
        }
        let members = json::object(document).ok_or(KeySetFlaw("it is not a JSON object"))?;
        let Some(keys) = members.get("keys") else { return Ok(Self::default()) };
        let keys = keys.as_array().ok_or(KeySetFlaw("\"keys\" is not an array"))?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetFlaw("it has more than 64 keys"));
        }
        Ok(Self { keys: keys.iter().filter_map(PublicKey::parse).collect() })
    }

    /// The number of usable keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key that the header refers to.
    fn select(&self, header: &Header) -> Result<&PublicKey, TokenFlaw> {
        let wanted = match header.algorithm {
            Some(algorithm @ (Algorithm::Rs256 | Algorithm::Es256)) => algorithm,
            Some(Algorithm::Hs256) | None => {
                return Err(TokenFlaw::algorithm(&header.algorithm_name));
            }
        };
        let named = |key: &&PublicKey| match &header.key_id {
            Some(id) => key.id.as_ref() == Some(id),
            None => true,
        };
        if header.key_id.is_some() && !self.keys.iter().any(|key| named(&key)) {
            return Err(TokenFlaw::UnknownKey);
        }
        let mut fitting = self.keys.iter().filter(named).filter(|key| key.algorithm() == wanted);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(TokenFlaw::AmbiguousKey),
            (None, _) if self.is_empty() => Err(TokenFlaw::UnknownKey),
            (None, _) => Err(TokenFlaw::algorithm(&header.algorithm_name)),
        }
    }
}

impl std::fmt::Display for KeySetFlaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the key set cannot be used: {}", self.0)
    }
}

#[derive(Clone, Debug)]
struct PublicKey {
    id: Option<String>,
    material: Material,
}

/// A key with its only algorithm.
#[derive(Clone, Debug)]
enum Material {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
    /// ECDSA on P-256 with SHA-256; the point, uncompressed (RFC 7518 §3.4).
    Es256(UnparsedPublicKey<Vec<u8>>),
}

impl PublicKey {
    /// Parses a JSON Web Key; `None` unless it is a supported one for verifying signatures.
    fn parse(key: &Value) -> Option<Self> {
        let members = key.as_object()?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if !may_verify(members) {
            return None;
        }
        let (material, algorithm) = match (text("kty")?, text("crv")) {
            ("RSA", None) => (rsa(text("n")?, text("e")?)?, "RS256"),
            ("EC", Some("P-256")) => (p256(text("x")?, text("y")?)?, "ES256"),
            _ => return None,
        };
        if members.contains_key("alg") && text("alg") != Some(algorithm) {
            return None;
        }
        let id = match members.get("kid") {
            Some(id) => Some(id.as_str()?.to_owned()),
            None => None,
        };
        Some(Self { id, material })
    }

    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rs256(_) => Algorithm::Rs256,
            Material::Es256(_) => Algorithm::Es256,
        }
    }
}

impl Material {
    fn signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256(key) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            Self::Es256(key) => key.verify(signed, signature),
        }
        .is_ok()
    }
}

/// Whether `use` and `key_ops` (RFC 7517 §4.2, §4.3), if present, allow verifying signatures.
fn may_verify(members: &Map<String, Value>) -> bool {
    let used = members.get("use").is_none_or(|value| value.as_str() == Some("sig"));
    let operations = members.get("key_ops").is_none_or(|value| {
        value.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some("verify")))
    });
    used && operations
}

fn rsa(n: &str, e: &str) -> Option<Material> {
    let n = URL_SAFE_NO_PAD.decode(n).ok()?;
    let e = URL_SAFE_NO_PAD.decode(e).ok()?;
    // Minimal length (RFC 7518 §2, Base64urlUInt); ring refuses leading zeros too, but as a bad
    // signature.
    let minimal = |number: &[u8]| number.first().is_some_and(|byte| *byte != 0);
    (RSA_MODULUS.contains(&n.len()) && minimal(&n) && minimal(&e) && e.len() <= 8)
        .then_some(Material::Rs256(RsaPublicKeyComponents { n, e }))
}

fn p256(x: &str, y: &str) -> Option<Material> {
    let x = URL_SAFE_NO_PAD.decode(x).ok().filter(|x| x.len() == 32)?;
    let y = URL_SAFE_NO_PAD.decode(y).ok().filter(|y| y.len() == 32)?;
    let point = [&[0x04], x.as_slice(), y.as_slice()].concat();
    Some(Material::Es256(UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::recorded;

    #[test]
    fn the_recorded_key_sets_are_read() {
        for (file, usable) in [
            ("jwks_rs256.json", 1),
            ("jwks_es256.json", 1),
            ("jwks_hs256.json", 0), // `{}`
            ("jwks_jwe.json", 0),   // an encryption key only
        ] {
            assert_eq!(KeySet::parse(recorded(file).as_bytes()).unwrap().len(), usable, "{file}");
        }
    }

    #[test]
    fn keys_that_are_not_for_our_signatures_are_skipped() {
        let coordinate = "hVCU3p6VVV-u_HjMA1GADf6HhJG6KUSzlvYVAK34B0s";
        let ec = |rest: &str| {
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{coordinate}","y":"{coordinate}"{rest}}}"#)
        };
        let rsa = |length: usize, first: u8| {
            let mut modulus = vec![0xa5; length];
            modulus[0] = first;
            format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, URL_SAFE_NO_PAD.encode(modulus))
        };
        for (key, usable) in [
            (ec(""), 1),
            (ec(r#","use":"sig","alg":"ES256","kid":"1","key_ops":["verify"]"#), 1),
            (ec(r#","use":"enc""#), 0),
            (ec(r#","use":1"#), 0),
            (ec(r#","key_ops":["sign"]"#), 0),
            (ec(r#","alg":"ES384""#), 0),
            (ec(r#","alg":"HS256""#), 0),
            (ec(r#","alg":null"#), 0),
            (ec(r#","kid":7"#), 0),
            (ec("").replace("P-256", "P-384"), 0),
            (ec("").replace(coordinate, "AAAA"), 0),
            (ec("").replace("\"EC\"", "\"RSA\""), 0),
            (rsa(256, 0xa5), 1),
            (rsa(1024, 0xa5), 1),
            (rsa(255, 0xa5), 0),
            (rsa(257, 0), 0),
            (rsa(1025, 0xa5), 0),
            (r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}"#.into(), 0),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#.into(), 0),
            ("{}".into(), 0),
            ("1".into(), 0),
        ] {
            let set = KeySet::parse(format!("{{\"keys\":[{key}]}}").as_bytes()).unwrap();
            assert_eq!(set.len(), usable, "{key}");
        }
    }

    #[test]
    fn a_document_that_is_no_key_set_is_an_error() {
        let many = format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(MAX_KEYS));
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(MAX_KEY_SET));
        for document in ["", "[]", "<html>", r#"{"keys":{}}"#, r#"{"keys":null}"#, &many, &long] {
            assert!(KeySet::parse(document.as_bytes()).is_err());
        }
    }
}
