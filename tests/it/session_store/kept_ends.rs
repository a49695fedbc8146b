//! Ends that the store has not taken are in a file of this host: a stop of all of nginx does not
//! forget them.

use std::fs;
use std::time::Duration;

use super::away::Writer;
use super::redis_server::{RedisServer, SECRET};
use super::{SERVER, builder, is_soon_a_stranger, is_stranger, of_store, once_read, sign_out};
use crate::harness::{Builder, Site, eventually, within};

/// Until a store that is back was told, and told again.
const TOLD: Duration = Duration::from_secs(20);

fn with_redis(redis: &RedisServer, more: &str) -> Builder {
    let builder = Site::builder().http(&redis.directive(&format!("timeout=500ms {more}")));
    builder.server(SERVER).secret_file(SECRET, &"0123456789abcdef".repeat(4))
}

fn allow_complaints(site: &mut Site) {
    site.expect_in_error_log("the store of sessions cannot be");
    site.expect_in_error_log("store-unreachable");
}

/// Whether the file has an end: all slots but the first are zeros otherwise.
fn has_ends(path: &std::path::Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.iter().skip(128).any(|byte| *byte != 0))
}

#[test]
fn a_sign_out_while_redis_is_away_survives_the_end_of_all_of_nginx() {
    let mut redis = RedisServer::start();
    let mut site = with_redis(&redis, "").start();
    allow_complaints(&mut site);
    let sister = site.sister();
    let bob = site.signed_in_as("bob");
    let mut alice = site.signed_in();
    let copy = alice.clone();
    eventually("on the other", || copy.get("/page").to(sister.address()).status() == 200);

    redis.kill();
    sign_out(&mut alice);
    site.kill_all_and_start();
    assert!(has_ends(&site.path("ends/list")));
    redis.start_again();
    // As soon as the store can be read, it has the session, and must not be believed.
    within(TOLD, "Redis answers", || bob.get("/page").status() == 200);
    is_soon_a_stranger(&site, &copy);
    within(TOLD, "the other was told", || copy.get("/page").to(sister.address()).status() == 401);
    within(TOLD, "the file is empty again", || !has_ends(&site.path("ends/list")));
    site.restart();
    is_stranger(&site, &copy);
    assert_eq!(bob.get("/page").status(), 200);
}

#[test]
fn a_sign_out_that_redis_forgets_survives_the_end_of_all_of_nginx() {
    let mut redis = RedisServer::start();
    let mut site = with_redis(&redis, "").start();
    allow_complaints(&mut site);
    let mut alice = site.signed_in();
    let copy = alice.clone();
    // From now on, nothing gets to its disk.
    assert!(redis.command("CONFIG SET appendonly no").starts_with(b"+OK"));
    sign_out(&mut alice);
    redis.kill();
    site.kill_all_and_start();
    redis.start_again();
    assert!(redis.list("KEYS *").iter().any(|key| key.contains(":s:")), "it has the session");
    is_soon_a_stranger(&site, &copy);
}

#[test]
fn a_sign_out_while_redis_hangs_is_in_the_file_when_the_visitor_is_answered() {
    let redis = RedisServer::start();
    let mut site = with_redis(&redis, "").start();
    allow_complaints(&mut site);
    let mut alice = site.signed_in();
    redis.signal("STOP");
    sign_out(&mut alice);
    assert!(has_ends(&site.path("ends/list")));
    redis.signal("CONT");
    within(TOLD, "the file is empty again", || !has_ends(&site.path("ends/list")));
}

#[test]
fn a_sign_out_while_the_file_of_sessions_is_locked_survives_the_end_of_all_of_nginx() {
    let mut site = builder().start();
    allow_complaints(&mut site);
    let mut alice = site.signed_in();
    let copy = alice.clone();
    let writer = Writer::start(&site);
    sign_out(&mut alice);
    site.kill_all_and_start();
    drop(writer);
    is_soon_a_stranger(&site, &copy);
    within(TOLD, "the file is empty again", || {
        !has_ends(&super::file(&site).with_file_name("sessions.ends"))
    });
    site.restart();
    is_stranger(&site, &copy);
}

#[test]
fn another_nginx_with_the_same_file_hears_of_an_end_though_redis_is_away() {
    let mut redis = RedisServer::start();
    let mut site = with_redis(&redis, "ends_file=%%PREFIX%%/ends/list").start();
    allow_complaints(&mut site);
    let sister = site.sister();
    let mut alice = site.signed_in();
    let copy = alice.clone();
    eventually("on the other", || copy.get("/page").to(sister.address()).status() == 200);
    redis.kill();
    sign_out(&mut alice);
    let status = || copy.get("/page").to(sister.address()).status();
    within(TOLD, "the other has read it", || status() == 503);
    site.app.forget();
    redis.start_again();
    // Redis has the session, and it still ended.
    assert_eq!((once_read(status), site.app.hits()), (401, 0));
}

#[test]
fn without_the_file_visitors_are_served_and_the_log_says_so() {
    let mut redis = RedisServer::start();
    let mut site = with_redis(&redis, "ends_file=off").start();
    allow_complaints(&mut site);
    let mut alice = site.signed_in();
    redis.kill();
    sign_out(&mut alice);
    eventually("it is said", || !site.error_log().lines_with("has no ends_file").is_empty());
    assert!(!site.path("ends").exists());
    redis.start_again();
    within(TOLD, "Redis was told", || redis.list("KEYS *").iter().any(|key| key.contains("ends")));
}

#[test]
fn a_file_that_cannot_be_written_is_said_and_nobody_is_refused() {
    let redis = RedisServer::start();
    let mut site = with_redis(&redis, "").start();
    site.expect_in_error_log("the file of ended sessions");
    let mut alice = site.signed_in();
    let copy = alice.clone();
    let list = site.path("ends/list");
    eventually("it is there", || list.exists());
    fs::remove_file(&list).expect("removed");
    fs::create_dir(&list).expect("a directory");
    sign_out(&mut alice);
    is_stranger(&site, &copy);
    let bob = site.signed_in_as("bob");
    assert_eq!(bob.get("/page").status(), 200);
    eventually("it is said", || {
        !site.error_log().lines_with("/ends/list\" cannot be used: ").is_empty()
    });
}

#[test]
fn writing_the_file_does_not_count_as_an_operation_of_the_store() {
    let site = builder().start();
    let list = super::file(&site).with_file_name("sessions.ends");
    eventually("it is made", || list.exists());
    // Until the worker knows that it was.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(of_store(&site, "duration")["count"], 0);
}
