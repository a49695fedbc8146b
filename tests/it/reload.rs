//! Reloads and dead workers lose nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use crate::harness::{Browser, Connection, Site, eventually, within};

const TOKEN: &str = "/application/o/token/";

#[test]
fn ten_reloads_under_load_fail_no_request_and_lose_no_session() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let done = AtomicBool::new(false);
    let (answered, signed_in) = (AtomicUsize::new(0), AtomicUsize::new(0));

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(alice.get("/page").status(), 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(site.browser().open("/new").status(), 200);
                signed_in.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..10 {
            site.reload();
        }
        done.store(true, Ordering::Relaxed);
    });

    let (answered, signed_in) = (answered.into_inner(), signed_in.into_inner());
    assert!(answered > 50 && signed_in > 5, "{answered} requests, {signed_in} sign-ins");
    assert_eq!(alice.get("/page").status(), 200);
}

#[test]
fn a_sign_in_that_waits_for_authentik_survives_a_reload() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(1_500)));

    thread::scope(|scope| {
        let waiting = scope.spawn(|| browser.step(&callback));
        eventually("authentik is asked", || site.sso.count(TOKEN) == 1);
        site.reload();
        let response = waiting.join().expect("the visitor");
        assert_eq!(response.status(), 302, "{response:?}");
    });

    assert_eq!(browser.open("/page").status(), 200);
}

#[test]
fn a_sign_in_begun_before_a_reload_is_finished_after_it() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");

    site.reload();

    assert_eq!(browser.open(&callback).status(), 200);
}

#[test]
fn killed_workers_take_no_session_and_no_other_worker_with_them() {
    let mut site = Site::builder()
        .workers(3)
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();
    let done = AtomicBool::new(false);
    let succeeded = AtomicUsize::new(0);
    let address = site.address();
    let template = site.browser();

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // A killed worker takes its connections with it; the browser tries again.
                    if sign_in(template.clone(), address) {
                        succeeded.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for _ in 0..6 {
            thread::sleep(Duration::from_millis(300));
            let victim = site.worker_pids()[0];
            site.kill_worker(victim);
        }
        within(Duration::from_secs(30), "sign-ins go on", || {
            succeeded.load(Ordering::Relaxed) > 10
        });
        done.store(true, Ordering::Relaxed);
    });

    for _ in 0..20 {
        assert_eq!(alice.get("/").status(), 200, "the session outlives every worker");
    }
    assert_eq!(site.browser().open("/").status(), 200);
}

#[test]
fn nginx_leaves_promptly_while_sign_ins_wait() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(30)));
    let mut waiting = Connection::open(site.address());
    waiting.send(browser.get(&callback).navigation().to_bytes());
    eventually("authentik is asked", || site.sso.count(TOKEN) == 1);

    let started = std::time::Instant::now();
    site.stop_fast();

    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// A complete sign-in in which every connection may break.
fn sign_in(mut browser: Browser, address: std::net::SocketAddr) -> bool {
    let Ok(first) = browser.try_step("/page") else { return false };
    let Ok(there) = browser.try_step(first.location()) else { return false };
    let Ok(back) = browser.try_step(there.location()) else { return false };
    if back.status() != 302 {
        return false;
    }
    let request = browser.get("/page").header("Connection", "close");
    Connection::try_open(address)
        .and_then(|mut connection| connection.try_request(&request))
        .is_ok_and(|response| response.status() == 200)
}
