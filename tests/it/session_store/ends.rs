//! A session that ended is gone everywhere, and stays so.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Browser, Sister, Site, within};

use super::{is_known, is_stranger, site};

fn knows(sister: &Sister, browser: &Browser) -> bool {
    browser.get("/page").navigation().to(sister.address()).send().status() == 200
}

fn sign_out(browser: &mut Browser) {
    let trail = browser.step("/outpost.goauthentik.io/sign_out");
    assert_eq!(trail.status(), 302, "{trail:?}");
    assert!(trail.location().contains("end-session"), "{trail:?}");
}

#[test]
fn a_sign_out_is_gone_on_the_other_nginx_and_does_not_come_back() {
    let mut site = site();
    let mut sister = site.sister();
    let mut alice = site.signed_in();
    let tablet = site.signed_in();
    assert!(knows(&sister, &alice) && knows(&sister, &tablet));
    let gone = alice.clone();

    sign_out(&mut alice);

    within(Duration::from_secs(1), "gone on the other", || {
        !knows(&sister, &gone) && !knows(&sister, &tablet)
    });
    for _ in 0..2 {
        is_stranger(&site, &gone);
        assert!(!knows(&sister, &gone));
        site.restart();
        sister.restart();
    }
    is_stranger(&site, &tablet);
    // Who signs in again has a session, here and there.
    let again = site.signed_in();
    assert!(knows(&sister, &again));
    std::thread::sleep(Duration::from_millis(600));
    is_known(&site, &again);
    assert!(knows(&sister, &again));
}

#[test]
fn a_session_that_only_the_store_has_is_ended_by_its_sign_out() {
    let mut site = site();
    let mut alice = site.signed_in();
    let other = site.signed_in();
    let gone = alice.clone();
    site.restart();
    sign_out(&mut alice);
    is_stranger(&site, &gone);
    is_stranger(&site, &other);
    site.restart();
    is_stranger(&site, &gone);
    is_stranger(&site, &other);
}

#[test]
fn a_new_sign_in_in_the_same_browser_ends_the_former_session_everywhere() {
    let mut site = site();
    let sister = site.sister();
    let mut alice = site.signed_in();
    let former = alice.clone();
    assert!(knows(&sister, &former));
    assert_eq!(alice.open("/outpost.goauthentik.io/start").status(), 200);
    is_stranger(&site, &former);
    within(Duration::from_secs(1), "gone on the other", || !knows(&sister, &former));
    site.restart();
    is_stranger(&site, &former);
    is_known(&site, &alice);
}

fn end_by_hand(site: &Site, body: &serde_json::Value) -> u64 {
    let answer = site
        .request("POST", "/status.json")
        .header("X-Requested-With", "test")
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send();
    let said: serde_json::Value = serde_json::from_str(&answer.text()).expect("JSON");
    said["ended"].as_u64().unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn an_administrator_ends_sessions_that_only_the_store_has() {
    let mut site = site();
    let sister = site.sister();
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    assert!(knows(&sister, &alice));
    site.restart();
    assert_eq!(end_by_hand(&site, &json!({"username": "alice"})), 1);
    within(Duration::from_secs(1), "gone on the other", || !knows(&sister, &alice));
    is_stranger(&site, &alice);
    assert_eq!(bob.get("/page").status(), 200);
    assert!(knows(&sister, &bob));
    site.restart();
    is_stranger(&site, &alice);
}

#[test]
fn a_session_that_was_not_used_does_not_come_back_from_the_store() {
    let mut site = super::builder().provider("idle_timeout 2s;").start();
    let alice = site.signed_in();
    is_known(&site, &alice);
    std::thread::sleep(Duration::from_secs(5));
    for _ in 0..2 {
        is_stranger(&site, &alice);
    }
    site.restart();
    is_stranger(&site, &alice);
}
