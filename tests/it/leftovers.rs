//! What shared memory contains of a running session, what remains of an ended one, and what of
//! either is in a core dump.

use std::time::Duration;

use authentik_standin::WIKI_CLIENT_ID;
use ring::digest::{SHA256, digest};

use crate::harness::{Browser, Site, has_hidden_memory, within};
use crate::header_auth::token;

const PROTECTED: &str = "authentik_provider wiki;
     location / { proxy_pass http://app; }";

const ZONE: &str = "authentik_shared_zone zone=small:512k;";

/// Longer than one sweep of the zone on a busy machine.
const SWEPT: Duration = Duration::from_secs(150);

/// Signs in; returns the new contents of shared memory, in pieces.
fn signed_in(site: &Site) -> (Browser, Vec<Vec<u8>>) {
    // Signs in once before, so that authentik's documents are already there.
    site.signed_in().step("/outpost.goauthentik.io/sign_out");
    let before = site.shared_memory();
    let browser = site.signed_in();
    let memory = site.shared_memory();
    let pieces = memory.iter().zip(&before).flat_map(|(now, then)| now.pieces_since(then));
    (browser, pieces.collect())
}

fn pieces_left(site: &Site, pieces: &[Vec<u8>]) -> usize {
    let memory = site.shared_memory();
    pieces.iter().filter(|piece| memory.iter().any(|shared| shared.holds(piece))).count()
}

/// What must not be readable in shared memory, with descriptions: everything that the application
/// received, the token and the cookie in pieces, and hashes without a key.
pub(crate) fn secrets(site: &Site, cookie: &str) -> Vec<(String, Vec<u8>)> {
    let received = site.app.last();
    let header = |name: &str| received.header(name).expect("a header").to_owned();
    let token = header("X-authentik-jwt");
    // All tokens have the same header, but different bodies.
    let in_pieces = |what: &str, of: &[u8]| -> Vec<(String, Vec<u8>)> {
        of.chunks_exact(16).map(|piece| (what.to_owned(), piece.to_vec())).collect()
    };
    let mut secrets = in_pieces("token", &token.as_bytes()[100..]);
    secrets.extend(in_pieces("cookie", cookie.as_bytes()));
    for name in ["username", "email", "name", "uid"] {
        let value = header(&format!("X-authentik-{name}"));
        secrets.push((name.to_owned(), value.into_bytes()));
    }
    let subject = [b"sub", header("X-authentik-uid").as_bytes()].concat();
    let hash = digest(&SHA256, &subject).as_ref()[..16].to_vec();
    secrets.push(("hash of the subject".to_owned(), hash));
    for sid in site.sso.session_ids() {
        secrets.push(("sid".to_owned(), sid.into_bytes()));
    }
    secrets
}

fn found(site: &Site, secrets: &[(String, Vec<u8>)]) -> Vec<String> {
    let memory = site.shared_memory();
    let is_there = |secret: &[u8]| memory.iter().any(|shared| shared.holds(secret));
    secrets.iter().filter(|(_, secret)| is_there(secret)).map(|(what, _)| what.clone()).collect()
}

#[test]
fn who_reads_shared_memory_learns_nothing_of_a_session_that_goes_on() {
    let site = Site::builder().http(ZONE).server(PROTECTED).workers(2).start();
    let alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);
    let cookie = alice.session_cookies().remove(0).value;
    let secrets = secrets(&site, &cookie);
    assert!(secrets.len() > 50, "{}", secrets.len());

    assert_eq!(found(&site, &secrets), Vec::<String>::new());

    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn who_reads_shared_memory_learns_nothing_of_credentials_that_are_remembered() {
    let site = Site::builder().http(ZONE).server(PROTECTED).workers(2).start();
    let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
    let call = || site.get("/api").header("Authorization", &bearer).send();
    let offered = call().header("Set-Cookie").expect("a session is offered").to_owned();
    let cookie = offered.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
    let secrets = secrets(&site, cookie.1);

    assert_eq!(found(&site, &secrets), Vec::<String>::new());

    assert_eq!(call().status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"));
    assert_eq!(site.sso.count("/application/o/introspect/"), 1, "the answer is kept");
}

#[test]
fn of_a_session_that_was_signed_out_nothing_is_left_in_shared_memory() {
    let site = Site::builder().http(ZONE).server(PROTECTED).start();
    let (mut alice, pieces) = signed_in(&site);
    assert!(pieces.len() > 50 && pieces_left(&site, &pieces) > pieces.len() / 2, "it is there");

    alice.step("/outpost.goauthentik.io/sign_out");

    assert_eq!(pieces_left(&site, &pieces), 0);
}

#[test]
fn of_a_session_that_expired_nothing_is_left_though_nobody_comes() {
    let site = Site::builder()
        .settings(|settings, _| settings.providers[0].access_token_seconds = 8)
        .http(ZONE)
        .server(PROTECTED)
        .workers(2)
        .start();
    let (_alice, pieces) = signed_in(&site);
    assert!(pieces.len() > 50, "it is there");

    within(SWEPT, "it is swept", || {
        std::thread::sleep(Duration::from_millis(500));
        pieces_left(&site, &pieces) == 0
    });
}

#[test]
fn a_core_dump_of_nginx_holds_no_session() {
    let site = Site::builder().http(ZONE).server(PROTECTED).start();
    let (_alice, pieces) = signed_in(&site);
    let memory = site.shared_memory();

    let zone: Vec<_> =
        memory.iter().filter(|shared| pieces.iter().any(|piece| shared.holds(piece))).collect();

    assert!(!zone.is_empty());
    assert!(zone.iter().all(|shared| !shared.is_dumped));
    // Nor the keys that seal sessions.
    assert!(site.worker_pids().into_iter().all(has_hidden_memory));
}
