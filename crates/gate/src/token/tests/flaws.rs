//! What follows from a flaw, and the limits of what is read.

use super::*;
use crate::reason::Reason;

/// What a flaw may be about.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Keys,
    ThisLogin,
    Neither,
}

#[test]
fn only_a_flaw_that_other_keys_can_cure_has_keys_fetched_and_only_one_of_this_login_tries_again() {
    use About::{Keys, Neither, ThisLogin};
    for (flaw, about) in [
        (TokenFlaw::TooLong, Neither),
        (TokenFlaw::Malformed("claims"), Neither),
        (TokenFlaw::Encrypted, Neither),
        (TokenFlaw::UnknownKind, Neither),
        (TokenFlaw::algorithm("RS256"), Keys),
        (TokenFlaw::UnknownKey, Keys),
        (TokenFlaw::AmbiguousKey, Keys),
        (TokenFlaw::Signature, Keys),
        (TokenFlaw::issuer("a", "b"), Neither),
        (TokenFlaw::Audience, Neither),
        (TokenFlaw::Nonce, ThisLogin),
        (TokenFlaw::NoUserName, Neither),
        (TokenFlaw::Missing("exp"), Neither),
        (TokenFlaw::WrongType("exp"), Neither),
        (TokenFlaw::Unsendable("groups"), Neither),
        (TokenFlaw::Expired { seconds_ago: 1 }, Neither),
        (TokenFlaw::NotYetValid { claim: "iat", seconds_ahead: 301 }, Neither),
        (TokenFlaw::Inactive, ThisLogin),
        (TokenFlaw::NoLogout, Neither),
        (TokenFlaw::Unwanted("nonce"), Neither),
        (TokenFlaw::Stale { seconds_ago: 601 }, Neither),
    ] {
        assert_eq!(flaw.is_about_keys(), about == Keys, "{flaw}");
        assert_eq!(flaw.concerns_this_login_only(), about == ThisLogin, "{flaw}");
    }
}

#[test]
fn a_flaw_has_a_reason_and_says_what_to_do() {
    use Reason::{
        TokenAudience, TokenIssuer, TokenMalformed, TokenNonce, TokenSignature, TokenTime,
        TokenUsername,
    };
    for (flaw, reason, said) in [
        (TokenFlaw::TooLong, TokenMalformed, "is longer than 128 KiB"),
        (TokenFlaw::Malformed("claims"), TokenMalformed, "is malformed (claims)"),
        (TokenFlaw::Encrypted, TokenMalformed, "remove the encryption key"),
        (TokenFlaw::UnknownKind, TokenMalformed, "of an unknown type (typ or crit)"),
        (
            TokenFlaw::algorithm("none"),
            TokenSignature,
            "is signed with \"none\", which does not fit",
        ),
        (TokenFlaw::UnknownKey, TokenSignature, "with a key that authentik does not publish"),
        (TokenFlaw::AmbiguousKey, TokenSignature, "several keys fit"),
        (TokenFlaw::Signature, TokenSignature, "compare client_secret"),
        (
            TokenFlaw::issuer("https://a.example/", "https://b.example/"),
            TokenIssuer,
            "is \"https://a.example/\", configured is issuer \"https://b.example/\"",
        ),
        (TokenFlaw::Audience, TokenAudience, "not for this client_id"),
        (TokenFlaw::Nonce, TokenNonce, "belongs to another sign-in"),
        (TokenFlaw::NoUserName, TokenUsername, "ask for the scope profile"),
        (TokenFlaw::Missing("exp"), TokenMalformed, "has no exp"),
        (TokenFlaw::WrongType("exp"), TokenMalformed, "exp has the wrong type"),
        (TokenFlaw::Unsendable("groups"), TokenMalformed, "groups has an invisible character"),
        (TokenFlaw::Expired { seconds_ago: 7 }, TokenTime, "expired 7 s ago; compare the clocks"),
        (
            TokenFlaw::NotYetValid { claim: "iat", seconds_ahead: 301 },
            TokenTime,
            "iat is 301 s ahead; compare the clocks",
        ),
        (TokenFlaw::Inactive, TokenMalformed, "authentik says that the token is not valid"),
        (TokenFlaw::NoLogout, TokenMalformed, "is not about a logout"),
        (TokenFlaw::Unwanted("nonce"), TokenMalformed, "has a nonce, which no logout token has"),
        (TokenFlaw::Stale { seconds_ago: 601 }, TokenTime, "was issued 601 s ago"),
    ] {
        assert_eq!(Reason::from(&flaw), reason, "{flaw}");
        assert!(flaw.to_string().contains(said), "{flaw}");
    }
}

#[test]
fn what_a_token_claims_is_shown_without_control_characters_and_cut() {
    let flaw = TokenFlaw::issuer(&format!("a\nb{}", "c".repeat(1000)), "us").to_string();
    assert!(!flaw.contains('\n') && flaw.len() < 600, "{flaw}");
    let flaw = TokenFlaw::algorithm(&"x".repeat(1000)).to_string();
    assert!(flaw.len() < 120, "{flaw}");
}

#[test]
fn an_algorithm_that_does_not_fit_names_the_setting_to_look_at() {
    for (algorithm, cure) in [
        ("RS256", "write jwks_uri <URL> too"),
        ("ES256", "write jwks_uri <URL> too"),
        ("HS256", "compare jwks_uri, if it is written here"),
    ] {
        let said = TokenFlaw::algorithm(algorithm).to_string();
        assert!(said.contains(cure), "{said}");
    }
    assert!(
        TokenFlaw::algorithm("none").to_string().ends_with("which does not fit the provider's key")
    );
}

#[test]
fn a_token_of_128_kib_is_still_looked_at() {
    let longest = "a".repeat(MAX_TOKEN);
    let result = verify(longest.as_bytes(), &OURS, &shared("secret"), NOW);
    assert_eq!(result, Err(TokenFlaw::Malformed("parts")));
}

#[test]
fn an_introspection_has_at_most_128_kib() {
    let answer = json!({"active": true, "aud": "us", "sub": "s", "exp": NOW.0 + 1,
        "preferred_username": "u"})
    .to_string();
    let padded = |length: usize| format!("{answer}{}", " ".repeat(length - answer.len()));
    let longest = from_introspection(padded(MAX_TOKEN).as_bytes(), "us", NOW);
    assert_eq!(longest.unwrap().sub, "s");
    let longer = from_introspection(padded(MAX_TOKEN + 1).as_bytes(), "us", NOW);
    assert_eq!(longer, Err(TokenFlaw::TooLong));
}

#[test]
fn a_key_set_has_at_most_256_kib_and_64_keys() {
    let padded =
        |length: usize| KeySet::parse(format!("{{{}}}", " ".repeat(length - 2)).as_bytes());
    assert!(padded(256 * 1024).is_ok());
    let flaw = padded(256 * 1024 + 1).unwrap_err().to_string();
    assert_eq!(flaw, "the key set cannot be used: it is longer than 256 KiB");

    let with =
        |keys: usize| KeySet::parse(json!({"keys": vec![json!({}); keys]}).to_string().as_bytes());
    assert!(with(64).is_ok());
    let flaw = with(65).unwrap_err().to_string();
    assert_eq!(flaw, "the key set cannot be used: it has more than 64 keys");
}
