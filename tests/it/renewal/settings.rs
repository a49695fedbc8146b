//! authentik's settings have changed since the sign-in.

use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault, Signing};

use super::{ACCESS, TOKEN, alice_later, builder, wait_until};
use crate::outpost::{connected, started};

#[test]
fn new_signing_keys_are_fetched_while_the_request_waits() {
    let site = builder()
        .settings(|settings, _| {
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = ACCESS;
            settings.providers[0].signing = Signing::Rs256;
        })
        .start();
    let mut alice = alice_later(&site);
    site.sso.rotate_keys();
    assert_eq!(alice.fetch("/").status(), 200);
    assert_eq!(site.sso.count(TOKEN), 1);
}

#[test]
fn a_new_client_secret_is_fetched_while_the_request_waits() {
    let site = started(connected().settings(|settings, _| {
        settings.providers[0].give_refresh_tokens();
        settings.providers[0].access_token_seconds = ACCESS;
    }));
    site.sso.await_connections(1, Duration::from_secs(10));
    let start = Instant::now();
    let mut alice = site.signed_in();
    wait_until(start, ACCESS);
    site.sso.change(|settings| {
        settings.providers[0].access_token_seconds = 3600;
        settings.providers[0].client_secret = "x".repeat(64);
    });
    site.sso.forget_requests();
    let form = alice.get("/").method("POST").navigation().body("a=b").send();
    assert_eq!(form.status(), 200, "{form:?}");
    assert_eq!(site.sso.count(TOKEN), 2, "the refresh token stayed valid");
    assert_eq!(alice.fetch("/").status(), 200);
}

#[test]
fn a_wrong_client_secret_ends_nothing() {
    let mut site = builder().start();
    let mut alice = alice_later(&site);
    site.sso.change(|settings| settings.providers[0].client_secret = "y".repeat(64));
    site.expect_in_error_log("client-rejected");
    let hits = site.app.hits();
    assert_eq!(alice.fetch("/").status(), 502);
    assert_eq!(site.app.hits(), hits);
    let secret = authentik_standin::WIKI_CLIENT_SECRET.to_owned();
    site.sso.change(move |settings| settings.providers[0].client_secret = secret.clone());
    crate::harness::eventually("the session is there", || alice.fetch("/").status() == 200);
}

#[test]
fn a_session_that_waits_for_its_renewal_survives_a_gap_in_the_outposts_connection() {
    let mut site = started(connected().settings(|settings, _| {
        settings.providers[0].give_refresh_tokens();
        settings.providers[0].access_token_seconds = ACCESS;
    }));
    site.sso.await_connections(1, Duration::from_secs(10));
    let start = Instant::now();
    let mut alice = site.signed_in();
    let mut bob = site.signed_in_as("bob");
    site.sso.change(|settings| settings.providers[0].access_token_seconds = 3600);
    wait_until(start, ACCESS + 1);
    site.sso.fault(Endpoint::WebSocket, Fault::Status(500));
    for pid in site.worker_pids() {
        site.kill_worker(pid);
    }
    crate::harness::eventually("nobody listens", || site.sso.connections().is_empty());
    let sessions = site.sso.sessions();
    let of_bob = sessions.iter().find(|(name, _)| name == "bob").expect("a session").1.clone();
    assert!(site.sso.end_session(&of_bob));
    site.sso.clear_faults();
    site.sso.await_connections(1, Duration::from_secs(30));
    // The check of all sessions begins at once.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(alice.fetch("/page").status(), 200);
    let hits = site.app.hits();
    assert_eq!(bob.fetch("/page").status(), 401, "its renewal shows that it is over");
    assert_eq!(site.app.hits(), hits);
}
