//! Things that happen at the same time, in the order in which they would do harm.

use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use super::held_redis::{Held, HeldRedis};
use super::{SERVER, questions};
use crate::harness::{Browser, Request, Sister, Site, eventually};
use crate::renewal::{TOKEN, alice_later, builder as renewing};
use crate::session_store::redis_server::{RedisServer, SECRET};
use crate::status::status;

const SIGN_OUT: &str = "/outpost.goauthentik.io/sign_out";
/// Texts of the last question of a `get`, and of questions of a `put` and of a `lease`.
const GET: &str = "\r\nHMGET\r\n";
const PUT: &str = "HSETNX";
const LEASE: &str = "if holder and holder";

fn at(sister: &Sister, browser: &Browser) -> Request {
    browser.get("/page").to(sister.address())
}

fn signs_out_at(sister: &Sister, browser: &Browser) {
    assert_eq!(browser.get(SIGN_OUT).navigation().to(sister.address()).status(), 302);
}

/// Renewals, with a page for programs.
fn renewing_site(redis: &HeldRedis) -> Site {
    let mut site = redis.of(renewing()).start();
    site.expect_in_error_log("the store of sessions cannot be");
    site
}

#[test]
fn a_session_that_ended_while_its_copy_was_on_the_way_from_the_store_is_none() {
    let redis = HeldRedis::start();
    let mut site = redis.of(Site::builder().server(SERVER)).start();
    let sister = site.sister();
    let [alice, tablet] = [site.signed_in(), site.signed_in()];
    assert_eq!((at(&sister, &alice).status(), at(&sister, &tablet).status()), (200, 200));
    // Forgets both, and has one of them again.
    site.restart();
    assert_eq!(tablet.get("/page").status(), 200);
    let copy = redis.hold(GET, Held::Answer, 1);
    let request = alice.get("/page");
    let asks = thread::spawn(move || request.status());
    copy.happens();
    signs_out_at(&sister, &alice);
    // Without a question, which would wait behind the other one.
    let sessions = || status(&site)["zone"]["sessions"].as_u64();
    eventually("it is heard", || sessions() == Some(0));
    site.app.forget();
    drop(copy);
    assert_eq!(asks.join().expect("an answer"), 401);
    assert_eq!(alice.get("/page").status(), 401, "and is not in memory");
    assert_eq!(site.app.hits(), 0, "the application was not reached");
}

#[test]
fn a_session_that_ended_elsewhere_before_it_was_written_ends_here_without_hearing_of_it() {
    let redis = HeldRedis::start();
    let mut site = redis.of(Site::builder().server(SERVER)).start();
    site.expect_in_error_log("the store of sessions cannot be");
    let sister = site.sister();
    let tablet = site.signed_in();
    assert_eq!(at(&sister, &tablet).status(), 200);
    let deaf = redis.deafen();
    let written = redis.hold(PUT, Held::Question, 1);
    // Does not wait longer than a second for the store.
    let alice = site.signed_in();
    assert_eq!(alice.get("/page").status(), 200);
    signs_out_at(&sister, &tablet);
    drop(written);
    eventually("the store has refused it", || alice.get("/page").status() == 401);
    assert_eq!(tablet.get("/page").status(), 200, "nothing was heard");
    drop(deaf);
    eventually("until it is", || tablet.get("/page").status() == 401);
}

#[test]
fn a_session_that_ended_elsewhere_during_its_renewal_does_not_go_on_here() {
    let redis = HeldRedis::start();
    let site = renewing_site(&redis);
    let sister = site.sister();
    let mut alice = alice_later(&site);
    let elsewhere = site.signed_in();
    assert_eq!(at(&sister, &elsewhere).status(), 200);
    site.sso.forget_requests();
    site.app.forget();
    let deaf = redis.deafen();
    site.sso.fault_times(Endpoint::Token, Fault::Slow(Duration::from_secs(1)), 1);
    let form = alice.get("/").method("POST").body("a=b");
    let form = thread::spawn(move || form.status());
    eventually("authentik is asked", || site.sso.concurrency_peak(TOKEN) > 0);
    signs_out_at(&sister, &elsewhere);
    assert_eq!(form.join().expect("an answer"), 401);
    assert_eq!(alice.fetch("/").status(), 401);
    assert_eq!(site.app.hits(), 0, "the application was reached");
    eventually("the new refresh token is revoked", || site.sso.refresh_tokens() == 0);
    drop(deaf);
}

#[test]
fn a_renewal_that_another_host_was_faster_with_is_found_when_authentik_refuses() {
    let redis = HeldRedis::start();
    let site = renewing_site(&redis);
    let sister = site.sister();
    let alice = alice_later(&site);
    assert_eq!(at(&sister, &alice).status(), 200);
    assert_eq!(site.sso.count(TOKEN), 1, "renewed there");
    // This host cannot ask the store who renews.
    let lease = redis.hold(LEASE, Held::Question, 1);
    assert_eq!(alice.get("/page").method("POST").body("a=b").status(), 200);
    drop(lease);
    assert_eq!(site.sso.count(TOKEN), 2, "and was refused here");
    assert_eq!(at(&sister, &alice).status(), 200);
    assert_eq!(site.sso.refresh_tokens(), 1);
}

#[test]
fn a_store_that_is_away_is_not_asked_for_each_request() {
    const REQUESTS: usize = 60;
    let mut redis = RedisServer::start();
    let mut site = Site::builder()
        .http(&redis.directive(""))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .start();
    site.expect_in_error_log("the store of sessions cannot be");
    let alice = site.signed_in();
    site.restart();
    redis.kill();
    let before = questions(&site);
    for _ in 0..REQUESTS {
        assert_eq!(alice.get("/page").status(), 503);
    }
    let asked = questions(&site) - before;
    assert!(asked < REQUESTS as u64 / 3, "{asked} questions");
    assert_eq!(site.app.hits(), 0, "the application was not reached");
    redis.start_again();
    eventually("it is asked again", || alice.get("/page").status() == 200);
}
