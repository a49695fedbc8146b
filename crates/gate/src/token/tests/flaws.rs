//! What follows from a flaw, and the limits of what is read.

use super::*;

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
