//! The same with each server program that Debian has. Debian 12 has no Valkey: ci/it.sh leaves its tests
//! out there, and says so.

use super::redis_server::{RedisServer, SECRET};
use super::{SERVER, of_store, sign_out};
use crate::harness::{Builder, Site, TempDir, certificate, eventually};

macro_rules! tests_with {
    ($module:ident, $program:literal) => {
        mod $module {
            use super::super::failover;

            #[test]
            fn two_hosts_share_what_begins_and_what_ends() {
                super::two_hosts_share($program);
            }

            #[test]
            fn two_hosts_share_over_tls() {
                super::two_hosts_share_over_tls($program);
            }

            #[test]
            fn what_happened_while_it_was_away_is_told_afterwards() {
                super::is_told_afterwards($program);
            }

            #[test]
            fn a_failover_by_sentinel_loses_no_session_and_no_sign_out() {
                failover::sentinels_replace_the_master($program);
            }

            #[test]
            fn a_cluster_that_loses_a_node_loses_no_session_and_no_sign_out() {
                failover::a_cluster_loses_a_node($program);
            }
        }
    };
}

tests_with!(redis, "redis-server");
tests_with!(valkey, "valkey-server");

fn builder(redis: &RedisServer, more: &str) -> Builder {
    Site::builder()
        .http(&redis.directive(more))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
}

/// The whole sign-in on one host is known on the other; the sign-out there is one here, too; and both
/// outlive a restart.
fn assert_shared(site: &mut Site) {
    let mut sister = site.sister();
    let mut alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    let stolen = alice.clone();
    for browser in [&alice, &bob] {
        site.app.forget();
        assert_eq!(browser.get("/").to(sister.address()).status(), 200, "without a redirect");
        assert!(site.app.last().header("X-authentik-username").is_some());
        assert_eq!(browser.get("/").status(), 200);
    }
    let out = alice.get("/outpost.goauthentik.io/sign_out").navigation().to(sister.address());
    assert_eq!(out.status(), 302);
    eventually("gone on the first host", || stolen.get("/").status() == 401);
    assert_eq!(stolen.get("/").to(sister.address()).status(), 401);

    site.restart();
    sister.restart();
    for address in [site.address(), sister.address()] {
        assert_eq!(stolen.get("/").to(address).status(), 401);
        assert_eq!(bob.get("/").to(address).status(), 200);
    }
    assert_eq!(alice.open("/").status(), 200, "may sign in again");
    assert_eq!(alice.get("/").to(sister.address()).status(), 200);
}

fn two_hosts_share(program: &'static str) {
    let server = RedisServer::of(program, "");
    let mut site = builder(&server, "").start();
    assert_shared(&mut site);
    assert_eq!(of_store(&site, "kind"), "redis");
    assert!(!server.list("KEYS authentik:s:*").is_empty(), "in this server");
}

fn two_hosts_share_over_tls(program: &'static str) {
    let directory = TempDir::new();
    let (trusted, key) = certificate("store.test", "127.0.0.1", &directory);
    let lines = format!(
        "tls-auth-clients no\ntls-cert-file {}\ntls-key-file {}",
        trusted.display(),
        key.display()
    );
    let server = RedisServer::of(program, &lines);
    let trusted = std::fs::read_to_string(trusted).expect("a PEM file");
    let mut site = builder(&server, "ssl_trusted_certificate=%%PREFIX%%/trusted.pem")
        .file("trusted.pem", &trusted)
        .start();
    assert_shared(&mut site);
}

fn is_told_afterwards(program: &'static str) {
    let mut server = RedisServer::of(program, "");
    let mut site = builder(&server, "timeout=500ms").start();
    site.expect_in_error_log("the store of sessions cannot be");
    let sister = site.sister();
    let mut alice = site.signed_in();
    let stolen = alice.clone();
    assert_eq!(stolen.get("/").to(sister.address()).status(), 200);
    server.kill();
    sign_out(&mut alice);
    let bob = site.signed_in_as("bob");
    server.start_again();
    eventually("bob is stored", || bob.get("/").to(sister.address()).status() == 200);
    eventually("alice is out", || stolen.get("/").to(sister.address()).status() == 401);
    site.restart();
    assert_eq!(bob.get("/").status(), 200);
    assert_eq!(stolen.get("/").status(), 401);
}
