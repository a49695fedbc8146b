//! What is left in shared memory of a session that is over, and what of one that is not.

use std::time::Duration;

use crate::harness::{Browser, Site, within};

const PROTECTED: &str = "authentik_provider wiki;
     location / { proxy_pass http://app; }";

const ZONE: &str = "authentik_shared_zone zone=small:512k;";

/// Longer than the zone takes to be swept once, on a busy machine.
const SWEPT: Duration = Duration::from_secs(150);

/// The token of a session, in pieces: a record is spread over blocks that lie anywhere.
fn token(site: &Site, browser: &Browser) -> Vec<Vec<u8>> {
    assert_eq!(browser.get("/").status(), 200);
    let received = site.app.last();
    let token = received.header("X-authentik-jwt").expect("a token");
    // The header of a token is the same for all; what follows is not.
    token.as_bytes()[100..].chunks_exact(24).step_by(3).map(<[u8]>::to_vec).collect()
}

fn pieces_left(site: &Site, token: &[Vec<u8>]) -> usize {
    let memory = site.shared_memory();
    token.iter().filter(|piece| memory.iter().any(|shared| shared.holds(piece))).count()
}

#[test]
fn of_a_session_that_was_signed_out_nothing_is_left_in_shared_memory() {
    let site = Site::builder().http(ZONE).server(PROTECTED).start();
    let mut alice = site.signed_in();
    let token = token(&site, &alice);
    assert!(pieces_left(&site, &token) > token.len() / 2, "it is there");

    alice.step("/outpost.goauthentik.io/sign_out");

    assert_eq!(pieces_left(&site, &token), 0);
}

#[test]
fn of_a_session_that_expired_nothing_is_left_though_nobody_comes() {
    let site = Site::builder()
        .settings(|settings, _| settings.providers[0].access_token_seconds = 8)
        .http(ZONE)
        .server(PROTECTED)
        .workers(2)
        .start();
    let token = token(&site, &site.signed_in());
    assert!(pieces_left(&site, &token) > token.len() / 2, "it is there");

    within(SWEPT, "it is swept", || {
        std::thread::sleep(Duration::from_millis(500));
        pieces_left(&site, &token) == 0
    });
}

#[test]
fn a_core_dump_of_nginx_holds_no_session() {
    let site = Site::builder().http(ZONE).server(PROTECTED).start();
    let token = token(&site, &site.signed_in());
    let memory = site.shared_memory();

    let zone: Vec<_> =
        memory.iter().filter(|shared| token.iter().any(|piece| shared.holds(piece))).collect();

    assert!(!zone.is_empty());
    assert!(zone.iter().all(|shared| !shared.is_dumped));
}
