//! One renewal per session, however many ask for it.

use std::thread;
use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault};

use super::{TOKEN, alice_later, builder};
use crate::harness::{Connection, eventually};

#[test]
fn forty_parallel_requests_on_four_workers_renew_once() {
    let site = builder().workers(4).start();
    let alice = alice_later(&site);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(300)));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = |number: usize| {
            let request = match number % 2 {
                0 => alice.get("/").header("Sec-Fetch-Mode", "cors"),
                _ => alice.get("/").method("POST").body("a=b"),
            };
            scope.spawn(move || request.status())
        };
        let all: Vec<_> = (0..40).map(ask).collect();
        all.into_iter().map(|one| one.join().expect("one")).collect()
    });
    assert_eq!(statuses, [200; 40]);
    assert_eq!(site.app.hits(), 40);
    assert_eq!(site.sso.count(TOKEN), 1);
    assert_eq!(site.sso.refresh_tokens(), 1);
}

#[test]
fn nobody_waits_for_a_websocket_that_waited_first() {
    let site = builder().workers(4).start();
    let alice = alice_later(&site);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(500)));
    let upgrade = alice.get("/ws").headers(&super::goes_on::UPGRADE);
    let mut sockets: Vec<Connection> = (0..16).map(|_| Connection::open(site.address())).collect();
    sockets.iter_mut().for_each(|socket| socket.send(upgrade.to_bytes()));
    eventually("authentik is asked", || site.sso.concurrency_peak(TOKEN) > 0);

    let start = Instant::now();
    let script = alice.get("/").header("Sec-Fetch-Mode", "cors");
    assert!(script.send_together(16).iter().all(|response| response.status() == 200));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(sockets.iter_mut().all(|socket| socket.response().status() == 101));
    assert_eq!(site.sso.count(TOKEN), 1);
}

#[test]
fn when_the_worker_that_renews_is_killed_another_one_does() {
    let mut site = builder().workers(1).start();
    let mut alice = alice_later(&site);
    site.sso.fault_times(Endpoint::Token, Fault::Slow(Duration::from_secs(2)), 1);
    let [worker] = site.worker_pids()[..] else { panic!("one worker") };
    thread::scope(|scope| {
        let waits = alice.get("/");
        scope.spawn(move || drop(waits.try_send()));
        eventually("authentik is asked", || site.sso.concurrency_peak(TOKEN) > 0);
        site.kill_worker(worker);
    });
    let hits = site.app.hits();
    let trail = alice.open("/page");
    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(site.app.hits(), hits + 1);
    assert!(site.sso.count("/application/o/authorize/") <= 1, "no loop");
}

#[test]
fn an_answer_that_is_lost_costs_one_silent_sign_in() {
    let site = builder().start();
    let mut alice = alice_later(&site);
    // The refresh token is dead, and the new one did not arrive.
    site.sso.fault_times(Endpoint::Token, Fault::Truncated, 1);
    assert_eq!(alice.fetch("/").status(), 503);
    assert_eq!(site.app.hits(), 0);
    eventually("authentik is asked again", || alice.fetch("/").status() == 401);
    assert_eq!(site.app.hits(), 0);
    let trail = alice.open("/page");
    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(site.sso.count("/application/o/authorize/"), 1);
    assert_eq!(alice.fetch("/").status(), 200);
}
