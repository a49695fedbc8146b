//! Logout tokens: valid ones, and all the others.

use super::*;
use crate::testing::{other_provider, provider as wiki};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// As created by authentik (docs/protocol.md §10.2).
fn header() -> Value {
    json!({"alg": "HS256", "typ": "logout+jwt"})
}

fn good() -> Value {
    json!({"iss": "https://sso.example.com/application/o/wiki/", "aud": "client-123", "sub": "u",
        "sid": "s", "iat": NOW.0, "exp": NOW.0 + 3600, "jti": "1", "events": {EVENT: {}}})
}

fn sent(header: &Value, claims: &Value) -> Result<Logout, TokenFlaw> {
    let token = signed_hs256(b"secret", header, claims);
    Logout::verify(token.as_bytes(), &wiki(), &shared("secret"), NOW)
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn s39_a_logout_token_as_authentik_sends_it_ends_its_session() {
    let logout = sent(&header(), &good()).unwrap();
    assert_eq!(logout.ended, Ended::Session("s".into()));
    assert_eq!((logout.id.as_str(), logout.until), ("1", UnixTime(NOW.0 + 600)));
    assert!(sent(&json!({"alg": "HS256"}), &good()).is_ok(), "without a typ");
    let short = sent(&header(), &with("exp", json!(NOW.0 + 3))).unwrap();
    assert_eq!(short.until, UnixTime(NOW.0 + 3));
    let list = with("aud", json!(["another", "client-123"]));
    assert_eq!(sent(&header(), &list).unwrap().ended, Ended::Session("s".into()));
    for user in [without("sid"), with("sid", json!("")), with("sid", Value::Null)] {
        assert_eq!(sent(&header(), &user).unwrap().ended, Ended::User("u".into()));
    }
    assert!(sent(&header(), &without("sub")).is_ok());
    let events = with("events", json!({EVENT: {"x": 1}, "urn:other": {}}));
    assert!(sent(&header(), &events).is_ok());
}

#[test]
fn a_token_is_told_from_all_others_by_its_jti_and_its_provider() {
    let [one, other] = ["1", "2"].map(|id| sent(&header(), &with("jti", json!(id))).unwrap());
    assert_ne!(one.key(&wiki()), other.key(&wiki()));
    assert_ne!(one.key(&wiki()), one.key(&other_provider()));
    assert_eq!(one.key(&wiki()), sent(&header(), &good()).unwrap().key(&wiki()));
}

#[test]
fn the_recorded_logout_token_is_read() {
    // Recorded when an administrator deleted the session.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImxvZ291dCtqd3QifQ.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjkxM\
        DAvYXBwbGljYXRpb24vby9hcHAtYmMtaHMvIiwiYXVkIjoiNmNtZEVBdXBvTmNtZHpBZHhpSlQ4Y1FzV1AxT\
        3RRbVVjdWc0WkdaOCIsImlhdCI6MTc5NTc2NDA4NywiZXhwIjoxNzk1NzY3Njg3LCJqdGkiOiJjNjQxYzRjN\
        C01Njg2LTQ0YzYtYWQwZS1jYTU2M2YyZjdiMzQiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkL\
        m5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoiNWMxODcyMGViZGEzMTIwOWUxOTQxZ\
        Tg5OGIxZjYxNGM4ODVjM2JiNjY2ZWQ4MWQxMThkOTI5YWE2MDc3YjZjNiIsInNpZCI6ImU1MTkwYTcxNWY2N\
        zEwYzIyYmNiZWRiODMxNTRjMTYxN2I3ZTRmNmMzZDE2ODRmMWY0ODIzZjZmYTFlY2VhNmQifQ.cDtieOYx1N\
        7YjYdS_5xdMXr68YUSj3KgI4puJAsQyRU";
    const SECRET: &str = "tgC4l98ReXAfh3dtBBE77aI2zQYTkOBDU3GooqZ7TrL4z4HpCTATCiSyKT4BsOLGGs7yORQX6vcdod3kjpjO\
        l15asq9iIPAdcfO4SwtJePqpVRzhHwtrAuX2l7enf3Oz";
    let provider = Provider::new(crate::provider::Settings {
        issuer: "http://127.0.0.1:9100/application/o/app-bc-hs/".into(),
        client_id: "6cmdEAupoNcmdzAdxiJT8cQsWP1OtQmUcug4ZGZ8".into(),
        client_secret: Some(Secret::new(SECRET)),
        ..crate::testing::settings()
    });
    let at = UnixTime(1_795_764_088);
    let logout = Logout::verify(TOKEN.as_bytes(), &provider.unwrap(), &shared(SECRET), at).unwrap();
    assert_eq!(logout.id, "c641c4c4-5686-44c6-ad0e-ca563f2f7b34");
    assert_eq!(logout.until, UnixTime(1_795_764_687));
    assert!(matches!(logout.ended, Ended::Session(sid) if sid.starts_with("e5190a715f6710c2")));
}

#[test]
fn s39_a_logout_token_with_any_flaw_ends_nothing() {
    use TokenFlaw::{Malformed, Missing, Unwanted, WrongType};
    let typ = |typ: Value| sent(&json!({"alg": "HS256", "typ": typ}), &good()).unwrap_err();
    for other in ["JWT", "at+jwt", "logout", "logout+jwt2", ""] {
        assert_eq!(typ(json!(other)), TokenFlaw::UnknownKind, "{other}");
    }
    assert_eq!(typ(json!(1)), Malformed("header"));
    let stale = |seconds_ago| TokenFlaw::Stale { seconds_ago };
    for (claims, flaw) in [
        (without("iss"), TokenFlaw::issuer("", &wiki().issuer)),
        (with("iss", json!("https://sso.example.com/")), {
            TokenFlaw::issuer("https://sso.example.com/", &wiki().issuer)
        }),
        (with("iss", json!(1)), WrongType("iss")),
        (without("aud"), TokenFlaw::Audience),
        (with("aud", json!("client-1234")), TokenFlaw::Audience),
        (with("aud", json!([])), TokenFlaw::Audience),
        (with("aud", json!(["client-123", 1])), WrongType("aud")),
        (without("exp"), Missing("exp")),
        (with("exp", json!(NOW.0)), TokenFlaw::Expired { seconds_ago: 0 }),
        (with("exp", json!(NOW.0 - 9)), TokenFlaw::Expired { seconds_ago: 9 }),
        (with("exp", json!("9")), WrongType("exp")),
        (without("iat"), Missing("iat")),
        (with("iat", json!(NOW.0 - 600)), stale(600)),
        (with("iat", json!(0)), stale(NOW.0)),
        (
            with("iat", json!(NOW.0 + 301)),
            TokenFlaw::NotYetValid { claim: "iat", seconds_ahead: 301 },
        ),
        (
            with("nbf", json!(NOW.0 + 301)),
            TokenFlaw::NotYetValid { claim: "nbf", seconds_ahead: 301 },
        ),
        (without("events"), TokenFlaw::NoLogout),
        (with("events", json!({})), TokenFlaw::NoLogout),
        (with("events", json!({"urn:other": {}})), TokenFlaw::NoLogout),
        (with("events", json!([EVENT])), WrongType("events")),
        (with("events", json!({EVENT: true})), WrongType("events")),
        (with("nonce", json!("n")), Unwanted("nonce")),
        (with("nonce", Value::Null), Unwanted("nonce")),
        (without("jti"), Missing("jti")),
        (with("jti", json!("")), Missing("jti")),
        (with("jti", json!(1)), WrongType("jti")),
        (with("sid", json!(1)), WrongType("sid")),
        (
            json!({"iss": wiki().issuer, "aud": "client-123", "iat": NOW.0, "exp": NOW.0 + 9,
            "jti": "1", "events": {EVENT: {}}}),
            Missing("sid"),
        ),
    ] {
        assert_eq!(sent(&header(), &claims), Err(flaw.clone()), "{claims}");
        // Flaws that can be found without a key.
        let token = unsigned(&header(), &claims) + ".AAAA";
        let read = LogoutClaims::read(token.as_bytes()).unwrap();
        assert_eq!(read.check(&wiki(), NOW), Err(flaw), "{claims}");
    }
}

#[test]
fn s39_a_logout_token_is_signed_by_the_providers_own_key() {
    let good = good();
    let verify = |token: String, keys: &Keys| Logout::verify(token.as_bytes(), &wiki(), keys, NOW);
    for secret in ["Secret", "", "secret2"] {
        let token = signed_hs256(secret.as_bytes(), &header(), &good);
        assert_eq!(verify(token, &shared("secret")), Err(TokenFlaw::Signature), "{secret}");
    }
    let unsigned_at_all = unsigned(&json!({"alg": "none", "typ": "logout+jwt"}), &good) + ".";
    assert!(matches!(verify(unsigned_at_all, &shared("secret")), Err(TokenFlaw::Algorithm { .. })));
    // The public key as HMAC secret.
    let set = published("jwks_rs256.json");
    let token = signed_hs256(recorded("jwks_rs256.json").as_bytes(), &header(), &good);
    assert!(matches!(verify(token, &set), Err(TokenFlaw::Algorithm { .. })));
    let token = signed_hs256(b"secret", &json!({"alg": "RS256", "kid": "gone"}), &good);
    assert_eq!(verify(token, &set), Err(TokenFlaw::UnknownKey));
    let encrypted = signed_hs256(b"secret", &header(), &good) + ".x.y";
    assert_eq!(LogoutClaims::read(encrypted.as_bytes()).err(), Some(TokenFlaw::Encrypted));
    assert_eq!(verify(encrypted, &shared("secret")), Err(TokenFlaw::Encrypted));
}

#[test]
fn s39_tokens_of_other_kinds_end_nothing() {
    let provider = provider("p-proxy");
    let keys = Keys::Shared(provider.client_secret.clone());
    for token in ["access_token", "id_token"] {
        let token = member("token_response_hs256_bob.json", token);
        let read = Logout::verify(token.as_bytes(), &provider, &keys, NOW);
        assert_eq!(read, Err(TokenFlaw::UnknownKind));
    }
    // A logout token does not sign anybody in either.
    let claims = with("preferred_username", json!("u"));
    let token = signed_hs256(b"secret", &header(), &claims);
    let expected = Expected::of(&wiki(), None).issuer.to_owned();
    let expected = Expected { issuer: &expected, audience: "client-123", nonce: None };
    let read = verify(token.as_bytes(), &expected, &shared("secret"), NOW);
    assert_eq!(read, Err(TokenFlaw::UnknownKind));
}

#[test]
fn a_logout_token_is_for_the_provider_of_its_audience() {
    use std::sync::Arc;
    let (one, other) = (Arc::new(wiki()), Arc::new(other_provider()));
    let moved = crate::provider::Settings {
        issuer: "https://sso2.example.com/application/o/wiki/".into(),
        ..crate::testing::settings()
    };
    let moved = Arc::new(Provider::new(moved).unwrap());
    let all = [&other, &moved, &one];
    let whose = |claims: &Value| {
        let token = unsigned(&header(), claims) + ".AAAA";
        let read = LogoutClaims::read(token.as_bytes()).unwrap();
        read.provider_of(all.into_iter()).map(|found| found.key)
    };
    assert_eq!(whose(&good()), Some(one.key));
    assert_eq!(whose(&with("iss", json!("https://nobody/"))), Some(moved.key), "to say why not");
    assert_eq!(whose(&with("aud", json!("test-client"))), Some(other.key));
    assert_eq!(whose(&with("aud", json!(["x", "test-client"]))), Some(other.key));
    assert_eq!(whose(&with("aud", json!("x"))), None);
    assert_eq!(whose(&without("aud")), None);
}
