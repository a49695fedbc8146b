//! Plan `oidcc-client-back-channel-logout-rp-basic`. In the suite, the token arrives while the
//! relying party signs out; here it also must be what ends the session, or must not be.

use authentik_standin::LogoutMethod;
use serde_json::{Map, Value, json};

use super::relying_party;
use crate::harness::{Site, eventually};
use crate::logout::{only_session, sent, with_logout_uri};

type Members = Map<String, Value>;

fn told() -> Site {
    relying_party(|settings, ports| {
        settings.providers[0].ends_session = true;
        with_logout_uri(settings, ports.main, LogoutMethod::Backchannel);
    })
    .start()
}

/// Asserts that a logout token that was changed like this is answered 400 and ends nothing.
fn refused(change: impl FnOnce(&mut Members, &mut Members)) {
    let site = told();
    let alice = site.signed_in();
    let sid = only_session(&site);
    let token = site.sso.logout_token("wiki", &sid, change);
    let answer = sent(&site, &token).send();
    assert_eq!(answer.status(), 400);
    let caching = answer.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
    assert_eq!(alice.get("/").status(), 200);
    // The same token without that change does end it.
    let good = site.sso.logout_token("wiki", &sid, |_, _| ());
    assert_eq!(sent(&site, &good).status(), 200);
    site.app.forget();
    assert_eq!((alice.get("/").status(), site.app.hits()), (401, 0));
}

fn put(members: &mut Members, name: &str, value: Value) {
    members.insert(name.to_owned(), value);
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout() {
    let site = told();
    let mut alice = site.signed_in();
    let mut phone = site.signed_in();
    alice.open("/outpost.goauthentik.io/sign_out");
    eventually("the provider was answered", || !site.sso.logouts().is_empty());
    assert!(site.sso.logouts().iter().all(|one| one.status == Some(200)));
    site.app.forget();
    assert_eq!((alice.get("/").status(), site.app.hits()), (401, 0));
    // The session of another browser, which nobody signs out here, ends by the token alone.
    phone.open("/page");
    let sid = only_session(&site);
    assert_eq!(phone.get("/").status(), 200);
    let token = site.sso.logout_token("wiki", &sid, |_, _| ());
    assert_eq!(sent(&site, &token).status(), 200);
    assert_eq!(phone.get("/").status(), 401);
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout_alg_none() {
    refused(|header, _| put(header, "alg", json!("none")));
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg() {
    refused(|header, _| put(header, "alg", json!("HS256")));
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout_no_event() {
    refused(|_, claims| drop(claims.remove("events")));
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event() {
    refused(|_, claims| put(claims, "events", json!({"urn:another-event": {}})));
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce() {
    refused(|_, claims| put(claims, "nonce", json!("a-nonce")));
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud() {
    refused(|_, claims| put(claims, "aud", json!("another-client")));
}

#[test]
fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss() {
    refused(|_, claims| put(claims, "iss", json!("https://other.example/")));
}
