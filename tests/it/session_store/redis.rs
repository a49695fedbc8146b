//! `authentik_session_store redis`: two hosts that share sessions, and a server that goes away.

use std::time::{Duration, Instant};

use super::redis_server::{RedisServer, SECRET};
use super::{SERVER, questions};
use crate::harness::{Browser, Connection, Request, Sister, Site, eventually};
use crate::status::status;

const SIGN_OUT: &str = "/outpost.goauthentik.io/sign_out";

fn site(redis: &RedisServer, more: &str) -> Site {
    let site = Site::builder()
        .http(&redis.directive(more))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4));
    site.start()
}

/// The browser's request at the other host, which it does not know by another name.
fn at(sister: &Sister, browser: &Browser) -> Request {
    browser.get("/").to(sister.address())
}

/// Asserts that a request is refused as a stranger's, and that the application does not see it.
fn is_strangers(site: &Site, request: &Request) {
    let hits = site.app.hits();
    assert_eq!(request.status(), 401);
    assert_eq!(site.app.hits(), hits, "the application was not asked");
}

/// The reason in the answer to a request that cannot be decided, which the application has not seen.
fn is_undecided(site: &Site, request: &Request) {
    let hits = site.app.hits();
    let answer = request.send();
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert_eq!(site.app.hits(), hits, "the application was not asked");
}

#[test]
fn who_signed_in_on_one_host_is_known_on_the_other_and_signed_out_on_both() {
    let redis = RedisServer::start();
    let site = site(&redis, "");
    let sister = site.sister();
    let mut took = Vec::new();
    for _ in 0..20 {
        let mut alice = site.signed_in();
        assert_eq!(at(&sister, &alice).status(), 200, "without a redirect");
        assert_eq!(alice.get("/").status(), 200);
        let stolen = alice.clone();
        // The sign-out is at the other host, where the session is in memory as well.
        let signs_out = alice.get(SIGN_OUT).navigation().to(sister.address());
        assert_eq!(signs_out.status(), 302);
        let begun = Instant::now();
        eventually("gone on the first host", || stolen.get("/").status() == 401);
        took.push(begun.elapsed());
        is_strangers(&site, &at(&sister, &stolen));
        is_strangers(&site, &stolen.get("/"));
        let trail = alice.open("/");
        assert_eq!(trail.status(), 200, "and may sign in again");
    }
    // A busy machine may stop any process for longer than that, but not in most rounds.
    took.sort_unstable();
    assert!(took[14] < Duration::from_millis(200), "{took:?}");
}

#[test]
fn a_session_survives_restarts_and_a_signed_out_one_does_not() {
    let redis = RedisServer::start();
    let mut site = site(&redis, "");
    let alice = site.signed_in();
    let mut bob = site.signed_in_as("bob");
    let stolen = bob.clone();
    assert_eq!(bob.step(SIGN_OUT).status(), 302);
    site.restart();
    assert_eq!(alice.get("/").status(), 200);
    is_strangers(&site, &stolen.get("/"));
    // One question a session: everything else is answered from memory.
    let before = questions(&site);
    for answer in alice.get("/").send_together(40) {
        assert_eq!(answer.status(), 200);
    }
    assert!(questions(&site) <= before + 1, "a question for each worker at most");
}

#[test]
fn without_redis_known_sessions_go_on_and_nothing_that_ends_or_begins_is_lost() {
    let mut redis = RedisServer::start();
    let mut site = site(&redis, "timeout=500ms");
    site.expect_in_error_log("the store of sessions cannot be");
    let sister = site.sister();
    let alice = site.signed_in();
    let carol = site.signed_in_as("carol");
    let mut zoe = site.signed_in_as("zoe");
    let stolen = zoe.clone();

    redis.kill();
    assert_eq!(alice.get("/").status(), 200, "known here");
    is_undecided(&site, &at(&sister, &alice));
    let page = at(&sister, &alice).navigation().send();
    assert_eq!(page.status(), 503, "a sign-in would end the session that is there");
    assert!(page.text().contains("store-unreachable"), "{}", page.text());
    // A cookie that we did not make is no reason to ask.
    let strange =
        site.navigate("/").header("Cookie", "authentik_proxy_x=invented").to(sister.address());
    assert_eq!(strange.status(), 302);
    assert_eq!(zoe.step(SIGN_OUT).status(), 302);
    is_undecided(&site, &stolen.get("/"));
    let bob = site.signed_in_as("bob");
    assert_eq!(bob.get("/").status(), 200, "who signs in is known");

    redis.start_again();
    eventually("bob's session is stored", || at(&sister, &bob).status() == 200);
    eventually("zoe's sign-out is taken", || at(&sister, &stolen).status() == 401);
    // Each worker finds out by itself that Redis is back.
    let hits = site.app.hits();
    eventually("zoe is out here too", || stolen.get("/").status() == 401);
    assert_eq!(site.app.hits(), hits, "the application was not asked");
    eventually("alice is known there", || at(&sister, &alice).status() == 200);
    site.restart();
    for known in [&alice, &bob, &carol] {
        assert_eq!(known.get("/").status(), 200);
    }
    is_strangers(&site, &stolen.get("/"));
}

#[test]
fn a_redis_that_hangs_holds_up_nobody_who_is_known() {
    let redis = RedisServer::start();
    let mut site = site(&redis, "timeout=1s");
    site.expect_in_error_log("the store of sessions cannot be");
    let sister = site.sister();
    let alice = site.signed_in();
    redis.signal("STOP");
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(alice.get("/").status(), 200);
        assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    }
    let begun = Instant::now();
    is_undecided(&site, &at(&sister, &alice));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    redis.signal("CONT");
    eventually("it is asked again", || at(&sister, &alice).status() == 200);
}

#[test]
fn a_sign_out_without_redis_is_taken_after_all_of_nginx_was_restarted_by_a_reload() {
    let mut redis = RedisServer::start();
    let mut site = site(&redis, "timeout=500ms");
    site.expect_in_error_log("the store of sessions cannot be");
    let sister = site.sister();
    let mut alice = site.signed_in();
    let stolen = alice.clone();
    assert_eq!(at(&sister, &stolen).status(), 200, "in memory there");
    redis.kill();
    assert_eq!(alice.step(SIGN_OUT).status(), 302);
    site.reload();
    redis.start_again();
    eventually("the other host hears of it", || at(&sister, &stolen).status() == 401);
    site.restart();
    is_strangers(&site, &stolen.get("/"));
}

#[test]
fn nginx_starts_without_redis() {
    let mut redis = RedisServer::start();
    redis.kill();
    let mut site = site(&redis, "");
    site.expect_in_error_log("the store of sessions cannot be");
    let alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);
    redis.start_again();
    eventually("alice's session is stored", || !redis.list("KEYS authentik:s:*").is_empty());
    site.restart();
    assert_eq!(alice.get("/").status(), 200);
}

#[test]
fn nothing_in_redis_is_worth_stealing() {
    let redis = RedisServer::start();
    let site = site(&redis, "");
    let mut alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);
    let seen = site.app.last();
    assert_eq!(alice.step(SIGN_OUT).status(), 302);
    let bob = site.signed_in_as("bob");
    let dump = redis.dump();
    assert!(dump.len() > 500, "{}", String::from_utf8_lossy(&dump));
    let mut secrets: Vec<String> = bob.session_cookies().into_iter().map(|c| c.value).collect();
    for (name, value) in seen.identity_headers() {
        // Short ones may be there by chance.
        if value.len() > 3 {
            secrets.push(value);
        }
        drop(name);
    }
    secrets.extend(["alice", "bob@", "wiki"].map(str::to_owned));
    for secret in secrets {
        let holds = dump.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!holds, "{secret}");
    }
    // Whoever knows a key of Redis cannot use it as a cookie.
    let key = redis.list("KEYS authentik:s:*").remove(0);
    let key = key.trim_start_matches("authentik:s:").to_owned();
    let name = bob.session_cookies().remove(0).name;
    is_strangers(&site, &site.get("/").header("Cookie", format!("{name}={key}")));
}

#[test]
fn values_from_elsewhere_in_redis_are_no_sessions() {
    let redis = RedisServer::start();
    let mut site = site(&redis, "");
    site.expect_in_error_log("the store of sessions cannot be");
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    let keys = redis.list("KEYS authentik:s:*");
    assert_eq!(keys.len(), 2);
    // Each has the other's record.
    redis.command(&format!("RENAME {} swap\r\nRENAME {} {}", keys[0], keys[1], keys[0]));
    redis.command(&format!("RENAME swap {}", keys[1]));
    site.restart();
    is_strangers(&site, &alice.get("/"));
    is_strangers(&site, &bob.get("/"));
}

#[test]
fn a_sign_out_that_redis_took_and_forgot_is_told_again() {
    let redis = RedisServer::start();
    let site = site(&redis, "");
    let sister = site.sister();
    let mut alice = site.signed_in();
    let stolen = alice.clone();
    assert_eq!(at(&sister, &stolen).status(), 200);
    let key = redis.list("KEYS authentik:s:*").remove(0);
    redis.command(&format!("COPY {key} kept"));
    let whose = redis.list("KEYS authentik:w:*");
    assert_eq!(whose.len(), 3, "a user, a session at authentik, a name");
    for key in &whose {
        redis.command(&format!("COPY {key} kept:{key}"));
    }
    assert_eq!(alice.step(SIGN_OUT).status(), 302);
    is_strangers(&site, &stolen.get("/"));
    // As after a crash of a server that had not written it yet.
    redis.command(&format!("COPY kept {key} REPLACE"));
    for key in &whose {
        redis.command(&format!("COPY kept:{key} {key} REPLACE"));
    }
    // The hosts read everything anew after that: the other one has forgotten that it was ended.
    redis.command("DEL authentik:ends");
    eventually("it is told again", || {
        redis.list(&format!("HGETALL {}", whose[0])).len() > 2
            || redis.list(&format!("HGETALL {}", whose[1])).len() > 2
            || redis.list(&format!("HGETALL {}", whose[2])).len() > 2
    });
    eventually("and heard", || at(&sister, &stolen).status() == 401);
    is_strangers(&site, &stolen.get("/"));
}

#[test]
fn a_crowd_waits_for_one_question_to_a_slow_redis() {
    let redis = RedisServer::start();
    let mut site = site(&redis, "");
    site.expect_in_error_log("the store of sessions cannot be");
    let alice = site.signed_in();
    site.restart();
    let before = questions(&site);
    redis.signal("STOP");
    let request = alice.get("/").to_bytes();
    let mut crowd: Vec<_> = (0..40).map(|_| Connection::open(site.address())).collect();
    crowd.iter_mut().for_each(|one| one.send(&request));
    std::thread::sleep(Duration::from_millis(500));
    redis.signal("CONT");
    for one in &mut crowd {
        // On a machine that was busy for seconds, it took too long.
        let status = one.response().status();
        assert!(matches!(status, 200 | 503), "{status}");
    }
    let asked = questions(&site) - before;
    assert!((1..=6).contains(&asked), "{asked} questions by two workers");
}

#[test]
fn a_redis_that_may_forget_sign_outs_is_named() {
    let redis = RedisServer::with("maxmemory 100mb\nmaxmemory-policy allkeys-lru");
    let mut site = site(&redis, "");
    let line = "Redis removes keys when its memory is full (maxmemory-policy allkeys-lru)";
    site.expect_in_error_log(line);
    eventually("it is said", || site.error_log().text().contains(line));
    eventually("the status page has it", || status(&site)["store"]["evicts"] == true);
    assert_eq!(site.signed_in().get("/").status(), 200);
}
