//! What a visitor does after the end of the access token is answered by the application.

use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault};

use super::{ACCESS, TOKEN, alice, alice_later, builder, jwt, renewed, site, wait_until};
use crate::harness::{Connection, eventually};

pub(super) const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[test]
fn a_form_that_took_long_to_fill_in_reaches_the_application() {
    let site = site();
    let alice = alice_later(&site);
    let form = alice.get("/save").method("POST").navigation().body("text=a+long+letter").send();
    assert_eq!(form.status(), 200, "{form:?}");
    let received = site.app.last();
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
    assert_eq!((site.app.hits(), site.sso.count(TOKEN)), (1, 1));
}

#[test]
fn a_script_and_a_websocket_notice_nothing() {
    let site = site();
    let mut alice = alice_later(&site);
    assert_eq!(alice.fetch("/").status(), 200);

    let site = builder().start();
    let alice = alice_later(&site);
    let mut connection = Connection::open(site.address());
    assert_eq!(connection.request(&alice.get("/ws").headers(&UPGRADE)).status(), 101);
    assert_eq!(site.sso.count(TOKEN), 1);
}

#[test]
fn a_page_is_opened_without_a_redirect() {
    let site = site();
    let mut alice = alice_later(&site);
    assert_eq!(alice.step("/page").status(), 200);
    assert_eq!(site.sso.count("/application/o/authorize/"), 0);
}

#[test]
fn the_session_is_the_same_with_a_new_token_and_the_cookie_stays() {
    let site = site();
    let (mut alice, start) = alice(&site);
    assert_eq!(alice.fetch("/").status(), 200);
    let (before, cookie) = (jwt(&site), alice.cookie_header());
    wait_until(start, ACCESS);
    let response = alice.fetch("/");
    assert_eq!(response.status(), 200);
    assert_eq!(response.all("set-cookie").count(), 0);
    assert_ne!(jwt(&site), before);
    assert_eq!(alice.cookie_header(), cookie);
    for _ in 0..20 {
        assert_eq!(alice.fetch("/").status(), 200);
    }
    assert_eq!(site.sso.count(TOKEN), 1);
    let question = site.sso.requests().into_iter().find(|seen| seen.path == TOKEN).unwrap();
    assert_eq!(question.form_field("grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(question.form_field("scope"), None);
}

#[test]
fn in_the_last_third_a_request_does_not_wait_for_the_renewal_that_it_begins() {
    let site = builder()
        .settings(|settings, _| {
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = 18;
        })
        .start();
    let (mut alice, start) = alice(&site);
    wait_until(start, 12);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));
    let asked = Instant::now();
    assert_eq!(alice.fetch("/").status(), 200);
    assert!(asked.elapsed() < Duration::from_millis(2_500), "{:?}", asked.elapsed());
    let before = jwt(&site);
    renewed(&site, 1);
    eventually("the new token is there", || {
        assert_eq!(alice.fetch("/").status(), 200);
        jwt(&site) != before
    });
    wait_until(start, 18);
    assert_eq!(alice.fetch("/").status(), 200);
    assert_eq!(site.sso.count(TOKEN), 1);
}

#[test]
fn changed_groups_count_from_the_renewal_on() {
    let site = site();
    site.sso.change(|settings| settings.users[0].groups = vec!["staff".to_owned()]);
    let mut alice = alice_later(&site);
    assert_eq!(alice.fetch("/staff/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-groups"), Some("staff"));

    let site = builder().start();
    site.sso.change(|settings| settings.users[0].groups = vec!["staff".to_owned()]);
    let (mut alice, start) = super::alice(&site);
    assert_eq!(alice.fetch("/staff/").status(), 200);
    site.sso.change(|settings| settings.users[0].groups = vec!["guests".to_owned()]);
    wait_until(start, ACCESS);
    let hits = site.app.hits();
    let response = alice.fetch("/staff/");
    assert_eq!(response.status(), 403);
    assert!(response.text().contains("not-permitted"), "{}", response.text());
    assert_eq!(site.app.hits(), hits);
    assert_eq!(alice.fetch("/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-groups"), Some("guests"));
}

#[test]
fn with_a_threshold_the_refresh_token_is_used_again_and_again() {
    let site = builder()
        .settings(|settings, _| {
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = ACCESS;
            settings.providers[0].refresh_token_threshold_seconds = 60;
        })
        .start();
    let mut start = Instant::now();
    let mut alice = site.signed_in();
    site.sso.forget_requests();
    for times in 1..=2 {
        wait_until(start, ACCESS);
        start = Instant::now();
        assert_eq!(alice.fetch("/").status(), 200);
        assert_eq!(site.sso.count(TOKEN), times);
    }
    assert_eq!(site.sso.refresh_tokens(), 1);
}
