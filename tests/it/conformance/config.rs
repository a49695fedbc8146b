//! Plan `oidcc-client-config-certification-test-plan`: metadata and keys.

use authentik_standin::{Endpoint, Fault};

use super::{DISCOVERY, JWKS, assert_refused, relying_party};

#[test]
fn oidcc_client_test_discovery_openid_config() {
    let site = relying_party(|_, _| ()).start();
    let location = site.browser().step("/page").location().to_owned();
    assert_eq!(site.sso.count(DISCOVERY), 1);
    let endpoint = format!("{}/application/o/authorize/?", site.sso.url());
    assert!(location.starts_with(&endpoint), "{location}");
}

#[test]
fn oidcc_client_test_discovery_jwks_uri_keys() {
    let site = relying_party(|_, _| ()).start();
    assert_eq!(site.browser().open("/page").status(), 200);
    let order: Vec<String> = site.sso.requests().into_iter().map(|seen| seen.path).collect();
    let at = |path: &str| order.iter().position(|seen| seen == path);
    assert!(at(DISCOVERY).is_some() && at(DISCOVERY) < at(JWKS), "{order:?}");
    // A key that is not published there verifies nothing.
    let other = relying_party(|_, _| ()).start();
    other.sso.fault(Endpoint::Token, Fault::UnknownKid);
    assert_refused(&other, &other.browser().open("/page"), "token-signature");
}

#[test]
fn oidcc_client_test_discovery_issuer_mismatch() {
    let site = relying_party(|_, _| ()).start();
    site.sso.fault(Endpoint::Discovery, Fault::WrongIssuer);
    assert_refused(&site, &site.browser().open("/page"), "core-mismatch");
    assert_eq!(site.sso.count("/application/o/authorize/"), 0);
}

#[test]
fn oidcc_client_test_signing_key_rotation_just_before_signing() {
    let site = relying_party(|_, _| ()).start();
    site.signed_in();
    site.app.forget();
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    site.sso.rotate_keys();
    assert_eq!(browser.open(&callback).status(), 200);
    assert_eq!((site.app.hits(), site.sso.count(JWKS)), (1, 2));
}

#[test]
fn oidcc_client_test_signing_key_rotation() {
    let site = relying_party(|_, _| ()).start();
    site.signed_in();
    site.sso.rotate_keys();
    site.app.forget();
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!((site.app.hits(), site.sso.count(JWKS)), (1, 2));
}
