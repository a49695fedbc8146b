//! Whole tokens: recorded ones, and what an attacker would make of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::json;

use super::*;
use crate::fixtures::{member, provider, recorded};
use crate::secret::Secret;

mod flaws;
mod keys;
mod logout;

/// Seconds after the recording of the ten-year tokens.
const NOW: UnixTime = UnixTime(1_795_311_600);

fn expected(provider: &Provider) -> Expected<'_> {
    Expected::of(provider, None)
}

fn published(file: &str) -> Keys {
    Keys::Public(KeySet::parse(recorded(file).as_bytes()).unwrap())
}

fn shared(secret: &str) -> Keys {
    Keys::Shared(Secret::new(secret))
}

const OURS: Expected<'static> = Expected { issuer: "https://a/", audience: "us", nonce: None };

fn good_claims() -> Value {
    json!({"iss": "https://a/", "aud": "us", "sub": "s", "exp": NOW.0 + 60, "iat": NOW.0,
        "preferred_username": "u"})
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn signed_hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let signed = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn hs256(claims: &Value) -> String {
    signed_hs256(b"secret", &json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn judged(claims: &Value) -> Result<VerifiedClaims, TokenFlaw> {
    verify(hs256(claims).as_bytes(), &OURS, &shared("secret"), NOW)
}

#[test]
fn recorded_tokens_of_every_signing_key_verify() {
    let hs256 = provider("p-proxy");
    let secret = Keys::Shared(hs256.client_secret.clone());
    for (name, file, keys) in [
        ("p-proxy", "token_response_hs256_bob.json", &secret),
        ("p-rs256", "token_response_rs256_bob.json", &published("jwks_rs256.json")),
        ("p-es256", "token_response_es256_bob.json", &published("jwks_es256.json")),
    ] {
        let provider = provider(name);
        for token in ["access_token", "id_token"] {
            let token = member(file, token);
            let claims = verify(token.as_bytes(), &expected(&provider), keys, NOW).unwrap();
            assert_eq!(claims.preferred_username, "bob");
            assert_eq!(claims.name, "Bob Builder");
            assert_eq!(claims.email, "bob@example.test");
            assert_eq!(claims.groups, ["staff", "devs", "pipe|in|name", "restricted-users"]);
            assert_eq!(claims.sid.len(), 64);
            assert!((314_000_000..315_000_000).contains(&claims.exp.since(NOW)), "ten years");
        }
    }
}

#[test]
fn recorded_claims_are_kept_with_every_character() {
    let provider = provider("p-proxy");
    let token = member("token_response_hs256_zoe.json", "access_token");
    let keys = Keys::Shared(provider.client_secret.clone());
    let claims = verify(token.as_bytes(), &expected(&provider), &keys, NOW).unwrap();
    assert_eq!(claims.name, "Zoë Müller 日本語 😀");
    assert_eq!(claims.email, "zoe@exämple.test");
    assert_eq!(claims.entitlements, ["entitlement b|ü"]);
    assert_eq!(claims.proxy.user_attributes["additionalHeaders"]["X-Int"], 42);
}

#[test]
fn a_recorded_nonce_is_compared() {
    let provider = provider("p-proxy");
    let token = recorded("access_token_with_nonce.txt").as_bytes();
    let keys = Keys::Shared(provider.client_secret.clone());
    let at = UnixTime(1_795_310_000);
    let with = |nonce| Expected { nonce, ..expected(&provider) };
    assert!(verify(token, &with(Some("nonce-value-123")), &keys, at).is_ok());
    assert!(verify(token, &with(None), &keys, at).is_ok());
    for other in ["nonce-value-124", "nonce-value-12", "nonce-value-1234", ""] {
        assert_eq!(verify(token, &with(Some(other)), &keys, at), Err(TokenFlaw::Nonce));
    }
    // A token without a nonce does not satisfy a login that sent one.
    let without = Expected { nonce: Some("n"), ..OURS };
    let result = verify(hs256(&good_claims()).as_bytes(), &without, &shared("secret"), NOW);
    assert_eq!(result, Err(TokenFlaw::Nonce));
}

#[test]
fn a_token_of_36_kilobytes_verifies() {
    let provider = provider("p-proxy");
    let token = recorded("access_token_of_150_groups.txt").as_bytes();
    let keys = Keys::Shared(provider.client_secret.clone());
    let claims = verify(token, &expected(&provider), &keys, UnixTime(1_795_310_000)).unwrap();
    assert_eq!(claims.groups.len(), 150);
}

#[test]
fn a_longer_token_than_128_kib_is_not_looked_at() {
    let long = "a".repeat(MAX_TOKEN + 1);
    let result = verify(long.as_bytes(), &OURS, &shared("secret"), NOW);
    assert_eq!(result, Err(TokenFlaw::TooLong));
}

#[test]
fn one_flipped_bit_anywhere_is_noticed() {
    for (name, file, keys) in [
        ("p-rs256", "token_response_rs256_bob.json", published("jwks_rs256.json")),
        ("p-es256", "token_response_es256_bob.json", published("jwks_es256.json")),
        (
            "p-proxy",
            "token_response_hs256_bob.json",
            Keys::Shared(provider("p-proxy").client_secret.clone()),
        ),
    ] {
        let provider = provider(name);
        let token = member(file, "access_token");
        for at in (0..token.len()).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(verify(&bytes, &expected(&provider), &keys, NOW).is_err(), "{name}: {at}");
        }
    }
}

#[test]
fn an_encrypted_token_is_named_as_such() {
    let provider = provider("p-jwe");
    let token = member("token_response_jwe_bob.json", "access_token");
    let keys = Keys::Shared(provider.client_secret.clone());
    let result = verify(token.as_bytes(), &expected(&provider), &keys, NOW);
    assert_eq!(result, Err(TokenFlaw::Encrypted));
}

#[test]
fn claims_must_be_ours_and_now() {
    let flaw = |name: &str, value: Value| {
        let mut claims = good_claims();
        claims[name] = value;
        judged(&claims).err()
    };
    let issuer = |found: &str| TokenFlaw::issuer(found, "https://a/");
    let later = |claim, seconds_ahead| TokenFlaw::NotYetValid { claim, seconds_ahead };
    for (name, value, expected) in [
        ("iss", json!("https://a"), Some(issuer("https://a"))),
        ("iss", json!("https://A/"), Some(issuer("https://A/"))),
        ("iss", json!(null), Some(issuer(""))),
        ("iss", json!(["https://a/"]), Some(TokenFlaw::WrongType("iss"))),
        ("aud", json!("them"), Some(TokenFlaw::Audience)),
        ("aud", json!(""), Some(TokenFlaw::Audience)),
        ("aud", json!(null), Some(TokenFlaw::Audience)),
        ("aud", json!([]), Some(TokenFlaw::Audience)),
        ("aud", json!(["us"]), None),
        ("aud", json!(["them", "us"]), Some(TokenFlaw::Audience)),
        ("aud", json!(["them"]), Some(TokenFlaw::Audience)),
        ("aud", json!(["us", 1]), Some(TokenFlaw::WrongType("aud"))),
        ("aud", json!({"us": 1}), Some(TokenFlaw::WrongType("aud"))),
        ("exp", json!(null), Some(TokenFlaw::Missing("exp"))),
        ("exp", json!(NOW.0), Some(TokenFlaw::Expired { seconds_ago: 0 })),
        ("exp", json!(NOW.0 - 30), Some(TokenFlaw::Expired { seconds_ago: 30 })),
        ("exp", json!(-1), Some(TokenFlaw::Expired { seconds_ago: NOW.0 })),
        ("exp", json!(NOW.0 + 1), None),
        ("exp", json!(1e30), Some(TokenFlaw::WrongType("exp"))),
        ("nbf", json!(NOW.0 + 300), None),
        ("nbf", json!(NOW.0 + 301), Some(later("nbf", 301))),
        ("iat", json!(NOW.0 + 301), Some(later("iat", 301))),
        ("iat", json!(null), Some(TokenFlaw::Missing("iat"))),
        ("azp", json!("us"), None),
        ("azp", json!(null), None),
        ("azp", json!("them"), Some(TokenFlaw::Audience)),
        ("azp", json!("u"), Some(TokenFlaw::Audience)),
        ("azp", json!(["us"]), Some(TokenFlaw::WrongType("azp"))),
        ("iat", json!("now"), Some(TokenFlaw::WrongType("iat"))),
        ("sub", json!(""), Some(TokenFlaw::Missing("sub"))),
        ("preferred_username", json!(""), Some(TokenFlaw::NoUserName)),
    ] {
        assert_eq!(flaw(name, value.clone()), expected, "{name}: {value}");
    }
}

#[test]
fn a_token_for_several_clients_names_us_as_the_one_it_was_issued_to() {
    for (party, flaw) in [("us", None), ("them", Some(TokenFlaw::Audience))] {
        let mut claims = good_claims();
        claims["aud"] = json!(["them", "us"]);
        claims["azp"] = json!(party);
        assert_eq!(judged(&claims).err(), flaw, "{party}");
    }
}

#[test]
fn claims_that_are_missing_or_doubled_are_refused() {
    for (name, flaw) in [
        ("iss", TokenFlaw::issuer("", "https://a/")),
        ("aud", TokenFlaw::Audience),
        ("exp", TokenFlaw::Missing("exp")),
        ("iat", TokenFlaw::Missing("iat")),
        ("sub", TokenFlaw::Missing("sub")),
    ] {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(judged(&claims).err(), Some(flaw));
    }
    let claims = good_claims().to_string();
    let doubled = format!("{},\"sub\":\"admin\"}}", claims.strip_suffix('}').unwrap());
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#),
        URL_SAFE_NO_PAD.encode(doubled)
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    let result = verify(token.as_bytes(), &OURS, &shared("secret"), NOW);
    assert_eq!(result, Err(TokenFlaw::Malformed("claims")));
}

#[test]
fn a_flaw_prints_no_line_break_and_nothing_endless() {
    let flaw = TokenFlaw::issuer(&"\r\nx".repeat(1000), "https://a/");
    let shown = flaw.to_string();
    assert!(!shown.contains(['\r', '\n']) && shown.len() < 700, "{shown}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "time is what this test is about")]
fn s43_a_comparison_takes_as_long_for_a_wrong_first_byte_as_for_a_wrong_last_one() {
    // CVE-2024-52307 (authentik). Long strings: returning early would be thousands of times faster.
    let secret = vec![b'a'; 32 * 1024];
    let with = |at: usize| {
        let mut other = secret.clone();
        other[at] = b'b';
        other
    };
    let quickest = |other: &[u8]| {
        let runs = (0..20).map(|_| {
            let started = std::time::Instant::now();
            assert!(!same_bytes(&secret, other));
            started.elapsed()
        });
        runs.min().unwrap()
    };
    let (first, last) = (with(0), with(secret.len() - 1));
    assert!(quickest(&first) * 2 > quickest(&last), "the first byte ended it");
    assert!(same_bytes(&secret, &secret.clone()) && !same_bytes(&secret, &secret[1..]));
    // Differences do not cancel each other out.
    assert!(!same_bytes(b"abcd", b"bacd") && !same_bytes(&[1, 1], &[2, 2]));
}
