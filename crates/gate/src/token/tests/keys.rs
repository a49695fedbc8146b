//! Which key and algorithm a token is verified with.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::*;

#[test]
fn the_algorithm_is_the_keys_never_the_tokens() {
    let jwks = recorded("jwks_rs256.json");
    let set: Value = serde_json::from_str(jwks).unwrap();
    let (id, modulus) = (&set["keys"][0]["kid"], set["keys"][0]["n"].as_str().unwrap());
    let claims = good_claims();
    let by = |alg: &str| json!({"alg": alg, "kid": id});

    // HS256 with the public key as the secret, as text and as bytes (RFC 8725 §2.1).
    let modulus_bytes = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    for secret in [jwks.as_bytes(), modulus.as_bytes(), &modulus_bytes] {
        let token = signed_hs256(secret, &by("HS256"), &claims);
        let result = verify(token.as_bytes(), &OURS, &published("jwks_rs256.json"), NOW);
        assert_eq!(result, Err(TokenFlaw::Algorithm { found: "HS256".into() }));
    }
    for alg in [
        "none", "None", "NONE", "", "HS384", "HS512", "RS512", "PS256", "EdDSA", "ES256", "hs256",
        "HS256 ",
    ] {
        let token = signed_hs256(b"secret", &by(alg), &claims);
        let flaw = Err(TokenFlaw::Algorithm { found: alg.into() });
        for keys in [shared("secret"), published("jwks_rs256.json")] {
            assert_eq!(verify(token.as_bytes(), &OURS, &keys, NOW), flaw, "{alg}");
        }
        let bare = format!("{}.", unsigned(&by(alg), &claims));
        assert_eq!(verify(bare.as_bytes(), &OURS, &shared("secret"), NOW), flaw, "{alg}");
    }
    // A valid RS256 signature does not help if the key is the shared one.
    let token = member("token_response_rs256_bob.json", "access_token");
    let provider = provider("p-rs256");
    let keys = Keys::Shared(provider.client_secret.clone());
    let result = verify(token.as_bytes(), &expected(&provider), &keys, NOW);
    assert_eq!(result, Err(TokenFlaw::Algorithm { found: "RS256".into() }));
}

#[test]
fn a_wrong_or_empty_secret_signs_nothing() {
    for secret in ["Secret", "secret ", "secre", ""] {
        let result = verify(hs256(&good_claims()).as_bytes(), &OURS, &shared(secret), NOW);
        assert_eq!(result, Err(TokenFlaw::Signature), "{secret}");
    }
    let header = json!({"alg": "HS256"});
    let token = signed_hs256(b"", &header, &good_claims());
    assert_eq!(verify(token.as_bytes(), &OURS, &shared(""), NOW), Err(TokenFlaw::Signature));
}

/// Our own ES256 key pair, a token with the good claims, and its entry in a key set.
struct Es256 {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Es256 {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a test key")]
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { pair, random }
    }

    fn token(&self, header: &Value) -> String {
        let signed = unsigned(header, &good_claims());
        let signature = self.pair.sign(&self.random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn entry(&self, id: Option<&str>) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (&point[1..33], &point[33..]);
        let mut entry = json!({"kty": "EC", "crv": "P-256", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        if let Some(id) = id {
            entry["kid"] = json!(id);
        }
        entry
    }
}

#[test]
fn the_key_is_the_one_that_kid_names_or_the_only_one_that_fits() {
    let (ours, other) = (Es256::new(), Es256::new());
    let rsa: Value = serde_json::from_str(recorded("jwks_rs256.json")).unwrap();
    let rsa = rsa["keys"][0].clone();
    let rsa_id = rsa["kid"].as_str().unwrap().to_owned();
    let named = |id: &str| ours.token(&json!({"alg": "ES256", "kid": id}));
    let nameless = ours.token(&json!({"alg": "ES256"}));
    for (token, keys, flaw) in [
        (named("a"), vec![ours.entry(Some("a")), other.entry(Some("b"))], None),
        (named("a"), vec![other.entry(Some("a"))], Some(TokenFlaw::Signature)),
        (named("a"), vec![ours.entry(Some("b"))], Some(TokenFlaw::UnknownKey)),
        (named("a"), vec![ours.entry(None)], Some(TokenFlaw::UnknownKey)),
        (named("a"), vec![], Some(TokenFlaw::UnknownKey)),
        (named(""), vec![ours.entry(None)], Some(TokenFlaw::UnknownKey)),
        (
            named("a"),
            vec![ours.entry(Some("a")), other.entry(Some("a"))],
            Some(TokenFlaw::AmbiguousKey),
        ),
        (
            named(&rsa_id),
            vec![rsa.clone(), ours.entry(Some("a"))],
            Some(TokenFlaw::Algorithm { found: "ES256".into() }),
        ),
        (nameless.clone(), vec![ours.entry(Some("a"))], None),
        (nameless.clone(), vec![rsa.clone(), ours.entry(None)], None),
        (nameless.clone(), vec![rsa], Some(TokenFlaw::Algorithm { found: "ES256".into() })),
        (
            nameless.clone(),
            vec![ours.entry(None), other.entry(None)],
            Some(TokenFlaw::AmbiguousKey),
        ),
        (nameless, vec![], Some(TokenFlaw::UnknownKey)),
    ] {
        let set = KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap();
        let result = verify(token.as_bytes(), &OURS, &Keys::Public(set), NOW);
        assert_eq!(result.err(), flaw, "{keys:?}");
    }
}
