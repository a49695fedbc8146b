//! Sessions that a renewal must not prolong.

use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use super::{ACCESS, TOKEN, alice, alice_later, builder, renewed, site, wait_until};
use crate::harness::{Browser, Site, eventually};

fn assert_ended(site: &Site, alice: &mut Browser, reason: &str) {
    let hits = site.app.hits();
    let response = alice.fetch("/");
    assert_eq!(response.status(), 401);
    assert!(response.text().contains(reason), "{}", response.text());
    assert!(alice.session_cookies().is_empty(), "its cookie is worth nothing");
    let page = alice.step("/page");
    assert_eq!(page.status(), 302);
    assert!(page.location().contains("/application/o/authorize/"), "{page:?}");
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn a_refused_renewal_ends_the_session_with_its_reason() {
    let site = site();
    let mut alice = alice_later(&site);
    site.sso.revoke_refresh_tokens();
    assert_ended(&site, &mut alice, "renewal-refused");
    assert_eq!(site.error_log().lines_with("session ended, reason: renewal-refused").len(), 1);
}

#[test]
fn a_session_that_ended_at_authentik_ends_here_at_the_next_renewal() {
    let site = site();
    let mut alice = alice_later(&site);
    site.sso.end_sessions();
    assert_ended(&site, &mut alice, "session-ended");
    eventually("the new refresh token is revoked", || site.sso.refresh_tokens() == 0);
}

#[test]
fn a_deactivated_user_is_out() {
    let site = site();
    let mut alice = alice_later(&site);
    site.sso.change(|settings| settings.users[0].active = false);
    let hits = site.app.hits();
    assert_eq!(alice.fetch("/").status(), 401);
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn a_token_of_another_user_or_issuer_ends_the_session() {
    for fault in [Fault::Claim("sub".to_owned(), Some("another".into())), Fault::WrongIssuer] {
        let site = site();
        let mut alice = alice_later(&site);
        site.sso.fault(Endpoint::Token, fault);
        assert_ended(&site, &mut alice, "session-ended");
    }
}

#[test]
fn a_renewal_in_the_background_ends_the_session_too() {
    let site = builder()
        .settings(|settings, _| {
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = 18;
        })
        .start();
    let (mut alice, start) = alice(&site);
    site.sso.end_sessions();
    wait_until(start, 12);
    alice.fetch("/");
    renewed(&site, 1);
    eventually("it is out", || alice.fetch("/").status() == 401);
}

#[test]
fn who_signs_out_during_the_renewal_stays_signed_out() {
    let site = builder()
        .settings(|settings, _| {
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = 18;
        })
        .start();
    let (mut alice, start) = alice(&site);
    let thief = alice.cookie_header().expect("cookies");
    wait_until(start, 12);
    site.sso.fault_times(Endpoint::Token, Fault::Slow(Duration::from_secs(3)), 1);
    // Otherwise the refresh token is dead before it is used, and nothing races.
    site.sso.fault_times(Endpoint::Revoke, Fault::Status(500), 1);
    assert_eq!(alice.fetch("/").status(), 200);
    eventually("authentik is asked", || site.sso.concurrency_peak(TOKEN) > 0);
    assert_eq!(alice.step("/outpost.goauthentik.io/sign_out").status(), 302);
    renewed(&site, 1);
    eventually("no refresh token is left", || site.sso.refresh_tokens() == 0);
    let hits = site.app.hits();
    for _ in 0..10 {
        assert_eq!(site.get("/").header("Cookie", &thief).status(), 401);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn signing_out_revokes_the_refresh_token() {
    let site = site();
    let (mut alice, _) = alice(&site);
    assert_eq!(alice.step("/outpost.goauthentik.io/sign_out").status(), 302);
    eventually("it is revoked", || site.sso.refresh_tokens() == 0);
    assert_eq!(site.sso.count("/application/o/revoke/"), 1);
}

#[test]
fn signing_in_again_leaves_one_refresh_token() {
    let site = site();
    let (mut alice, _) = alice(&site);
    assert_eq!(alice.open("/outpost.goauthentik.io/start").status(), 200);
    eventually("the former one is revoked", || site.sso.refresh_tokens() == 1);
}

#[test]
fn without_refresh_a_session_ends_with_its_access_token_and_no_refresh_token_is_asked_for() {
    let site = builder().provider("refresh off;").start();
    let mut alice = site.browser();
    let there = alice.step("/");
    assert!(!there.location().contains("offline_access"), "{there:?}");
    let start = std::time::Instant::now();
    let mut alice = site.signed_in();
    assert_eq!(site.sso.refresh_tokens(), 0);
    wait_until(start, ACCESS);
    let hits = site.app.hits();
    assert_eq!(alice.fetch("/").status(), 401);
    assert_eq!(site.app.hits(), hits);
}
