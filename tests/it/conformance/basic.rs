//! Plan `oidcc-client-basic-certification-test-plan`: the code flow.

use std::time::{SystemTime, UNIX_EPOCH};

use authentik_standin::{Endpoint, Fault, WIKI_CLIENT_SECRET};
use serde_json::{Value, json};

use super::{JWKS, assert_refused, claim, refused, relying_party};
use crate::harness::parameter;

#[test]
fn oidcc_client_test() {
    let site = relying_party(|_, _| ()).start();
    let mut browser = site.browser();
    let asked = browser.step("/page").location().to_owned();
    assert_eq!(parameter(&asked, "response_type").as_deref(), Some("code"));
    let scope = parameter(&asked, "scope").expect("a scope");
    assert!(scope.split(' ').any(|one| one == "openid"), "{scope}");
    for needed in ["client_id", "redirect_uri", "state", "nonce"] {
        assert!(parameter(&asked, needed).is_some_and(|value| !value.is_empty()), "{needed}");
    }
    let trail = browser.open(&asked);
    assert_eq!((trail.status(), trail.address().path()), (200, "/page"));
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn oidcc_client_test_invalid_iss() {
    refused(claim("iss", Some(json!("https://other.example/"))), "token-issuer");
}

#[test]
fn oidcc_client_test_missing_sub() {
    refused(claim("sub", None), "token-malformed");
}

#[test]
fn oidcc_client_test_invalid_aud() {
    refused(Fault::WrongAudience, "token-audience");
}

#[test]
fn oidcc_client_test_missing_aud() {
    refused(claim("aud", None), "token-audience");
}

#[test]
fn oidcc_client_test_missing_iat() {
    refused(claim("iat", None), "token-malformed");
}

// OpenID Connect Core 1.0 §3.1.3.7, which no module of the suite covers.

#[test]
fn another_authorized_party_is_refused_like_another_audience() {
    refused(claim("azp", Some(json!("another-client"))), "token-audience");
}

#[test]
fn a_token_issued_in_the_future_is_refused_beyond_five_minutes() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let ahead = |seconds: u64| claim("iat", Some(json!(now + seconds)));
    refused(ahead(600), "token-time");
    let site = relying_party(|_, _| ()).start();
    site.sso.fault(Endpoint::Token, ahead(200));
    assert_eq!(site.browser().open("/page").status(), 200, "the clocks differ");
}

#[test]
fn oidcc_client_test_kid_absent_single_jwks() {
    let site = relying_party(|_, _| ()).start();
    for endpoint in [Endpoint::Token, Endpoint::Jwks] {
        site.sso.fault(endpoint, Fault::NoKid);
    }
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(site.app.hits(), 1);
}

#[test]
fn oidcc_client_test_kid_absent_multiple_jwks() {
    // The suite accepts either; here, nothing is tried out.
    let site = relying_party(|_, _| ()).start();
    for endpoint in [Endpoint::Token, Endpoint::Jwks] {
        site.sso.fault(endpoint, Fault::NoKid);
    }
    site.sso.fault(Endpoint::Jwks, Fault::MoreKeys(vec![another_rsa_key()]));
    assert_refused(&site, &site.browser().open("/page"), "token-signature");
    assert!(!site.error_log().lines_with("several keys fit the token").is_empty());
}

/// An RSA key of an authentik 2026.2.2, without its key id.
fn another_rsa_key() -> Value {
    let set = include_str!("../../data/authentik-2026.2.2/jwks_rs256.json");
    let mut set: Value = serde_json::from_str(set).expect("JSON");
    let mut key = set["keys"][0].take();
    key.as_object_mut().expect("a key").remove("kid");
    key
}

#[test]
fn oidcc_client_test_ignores_unparseable_key_in_jwks() {
    let site = relying_party(|_, _| ()).start();
    let unusable = vec![
        json!({"kty": "AKP", "alg": "ML-DSA-0", "kid": "later", "use": "sig", "pub": "AAAA"}),
        json!({"kty": "made-up", "kid": "never", "x": 1}),
    ];
    site.sso.fault(Endpoint::Jwks, Fault::MoreKeys(unusable));
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(site.app.hits(), 1);
}

#[test]
fn oidcc_client_test_idtoken_sig_rs256() {
    let site = relying_party(|_, _| ()).start();
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(site.sso.count(JWKS), 1, "verified with the published key");
}

#[test]
fn oidcc_client_test_idtoken_sig_none() {
    // The suite has a client that registered `none`; authentik has no such clients.
    refused(Fault::AlgNone, "token-signature");
}

#[test]
fn oidcc_client_test_invalid_sig_rs256() {
    refused(Fault::WrongSignature, "token-signature");
}

#[test]
fn oidcc_client_test_userinfo_invalid_sub() {
    // What userinfo says is believed by nobody: it is not asked.
    let site = relying_party(|_, _| ()).start();
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(site.sso.count("/application/o/userinfo/"), 0);
}

#[test]
fn oidcc_client_test_nonce_invalid() {
    refused(Fault::WrongNonce, "token-nonce");
}

#[test]
fn oidcc_client_test_scope_userinfo_claims() {
    let site = relying_party(|_, _| ()).start();
    let mut browser = site.browser();
    let asked = browser.step("/page").location().to_owned();
    let scope = parameter(&asked, "scope").expect("a scope");
    for needed in ["openid", "profile", "email"] {
        assert!(scope.split(' ').any(|one| one == needed), "{scope}");
    }
    assert_eq!(browser.open(&asked).status(), 200);
    let seen = site.app.last();
    assert_eq!(seen.header("X-authentik-email"), Some("alice@example.test"));
    assert!(seen.header("X-authentik-name").is_some_and(|name| !name.is_empty()));
}

#[test]
fn oidcc_client_test_client_secret_basic() {
    // In the suite's variant `client_secret_post`.
    let site = relying_party(|_, _| ()).start();
    assert_eq!(site.browser().open("/page").status(), 200);
    let asked = site.sso.requests();
    let exchange =
        asked.iter().find(|seen| seen.path == "/application/o/token/").expect("an exchange");
    assert_eq!(exchange.form_field("client_secret").as_deref(), Some(WIKI_CLIENT_SECRET));
    assert_eq!((exchange.header("authorization"), exchange.query.as_deref()), (None, None));
}
