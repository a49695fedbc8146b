//! A session that is not used for `idle_timeout` is over.

use std::thread;
use std::time::{Duration, Instant};

use super::{SERVER, is_to_authentik, wait_until};
use crate::harness::Site;
use crate::status::status;

#[test]
fn a_session_in_use_goes_on_and_ends_when_it_is_not_used() {
    let server = format!(
        "location = /status.json {{ authentik_provider off; authentik_status format=json; }} {SERVER}"
    );
    let site = Site::builder().provider("idle_timeout 4s;").server(&server).start();
    let mut alice = site.signed_in();
    let mut bob = site.signed_in_as("bob");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(7) {
        assert_eq!(alice.fetch("/").status(), 200, "after {:?}", start.elapsed());
        thread::sleep(Duration::from_millis(300));
    }
    let hits = site.app.hits();
    assert_eq!(bob.fetch("/").status(), 401, "unused for seven seconds");
    assert!(is_to_authentik(&bob.step("/")));

    // A second may pass until a use is noted.
    wait_until(Instant::now(), 5);
    assert_eq!(alice.fetch("/").status(), 401);
    assert_eq!(site.app.hits(), hits);
    let ended =
        site.error_log().lines_with("session ended, unused for idle_timeout, provider: \"wiki\"");
    assert_eq!(ended.len(), 2);
    assert_eq!(status(&site)["sessions_ended_idle"], 2);
}

#[test]
fn a_use_in_one_worker_counts_in_the_others() {
    let site = Site::builder().provider("idle_timeout 4s;").server(SERVER).workers(4).start();
    let alice = site.signed_in();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(8) {
        for answer in alice.get("/").send_together(8) {
            assert_eq!(answer.status(), 200, "after {:?}", start.elapsed());
        }
        thread::sleep(Duration::from_millis(800));
    }
}

#[test]
fn without_idle_timeout_a_session_may_rest() {
    let site = Site::start(SERVER);
    let mut alice = site.signed_in();
    wait_until(Instant::now(), 6);
    assert_eq!(alice.fetch("/").status(), 200);
}
