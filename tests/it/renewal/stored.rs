//! Renewals of sessions that are in a store too, with one nginx and with two.

use std::thread;
use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault};

use super::{ACCESS, SERVER, TOKEN, alice_later, builder, jwt, wait_until};
use crate::harness::{Builder, eventually};
use crate::session_store::redis_server::{RedisServer, SECRET};
use crate::status::status;

const STATUS: &str =
    "location = /status.json { authentik_provider off; authentik_status format=json; }";

const STORE: &str = "authentik_session_store file %%PREFIX%%/store/sessions;";

fn stored() -> Builder {
    builder().http(STORE).server(SERVER)
}

#[test]
fn forty_parallel_requests_on_two_hosts_renew_once() {
    let site = stored().start();
    let sister = site.sister();
    let alice = alice_later(&site);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(300)));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = |number: usize| {
            let request = alice.get("/").method("POST").body("a=b");
            let request = if number % 2 == 0 { request } else { request.to(sister.address()) };
            scope.spawn(move || request.status())
        };
        let all: Vec<_> = (0..40).map(ask).collect();
        all.into_iter().map(|one| one.join().expect("one")).collect()
    });
    assert_eq!(statuses, [200; 40]);
    assert_eq!((site.sso.count(TOKEN), site.sso.refresh_tokens()), (1, 1));
}

#[test]
fn what_was_renewed_survives_a_restart_and_is_renewed_again() {
    let mut site = stored()
        .settings(|settings, _| {
            settings.providers[0].give_refresh_tokens();
            settings.providers[0].access_token_seconds = ACCESS;
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
        let token = jwt(&site);
        site.restart();
        assert_eq!(alice.fetch("/").status(), 200);
        assert_eq!(jwt(&site), token);
    }
}

#[test]
fn a_session_that_ended_at_its_renewal_is_gone_on_the_other_host_and_after_a_restart() {
    let mut site = stored().start();
    let sister = site.sister();
    let mut alice = alice_later(&site);
    let cookies = alice.cookie_header().expect("cookies");
    site.sso.end_sessions();
    assert_eq!(alice.fetch("/").status(), 401);
    let hits = site.app.hits();
    let request = site.get("/").header("Cookie", &cookies);
    let there = request.clone().to(sister.address());
    eventually("gone on the other", || there.status() == 401);
    site.restart();
    assert_eq!(request.status(), 401);
    assert_eq!(site.app.hits(), hits);
}

#[test]
fn a_renewal_that_the_store_cannot_take_counts_and_is_written_when_it_is_back() {
    let mut redis = RedisServer::start();
    let mut site = builder()
        .http(&redis.directive("timeout=500ms"))
        .server(&format!("{SERVER} {STATUS}"))
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .start();
    site.expect_in_error_log("the store of sessions cannot be");
    let mut alice = alice_later(&site);
    site.sso.fault_times(Endpoint::Token, Fault::Slow(Duration::from_secs(2)), 1);
    let form = alice.get("/").method("POST").body("a=b");
    let form = thread::spawn(move || form.status());
    eventually("authentik is asked", || site.sso.concurrency_peak(TOKEN) > 0);
    redis.kill();
    assert_eq!(form.join().expect("an answer"), 200);
    let token = jwt(&site);
    for _ in 0..5 {
        assert_eq!(alice.fetch("/").status(), 200, "in memory");
    }
    assert_eq!((site.sso.count(TOKEN), site.sso.refresh_tokens()), (1, 1));

    redis.start_again();
    let waiting = || status(&site)["store"]["backlog"].as_u64();
    eventually("it is written", || waiting() == Some(0));
    site.restart();
    assert_eq!(alice.fetch("/").status(), 200);
    assert_eq!(jwt(&site), token, "not the one whose refresh token is used up");
    assert_eq!((site.sso.count(TOKEN), site.sso.refresh_tokens()), (1, 1));
}
