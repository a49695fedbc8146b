//! A session that ended is gone everywhere, and stays so.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault};
use serde_json::json;

use crate::harness::{Browser, Sister, Site, eventually};
use crate::logout::sent;
use crate::outpost::{CONNECTED, all_workers_say, connected, started};

use super::{is_known, is_stranger, sign_out, site};

fn knows(sister: &Sister, browser: &Browser) -> bool {
    browser.get("/page").navigation().to(sister.address()).send().status() == 200
}

#[test]
fn a_sign_out_is_gone_on_the_other_nginx_and_does_not_come_back() {
    let mut site = site();
    let mut sister = site.sister();
    let mut alice = site.signed_in();
    let tablet = site.signed_in();
    assert!(knows(&sister, &alice) && knows(&sister, &tablet));
    let gone = alice.clone();

    sign_out(&mut alice);

    eventually("gone on the other", || !knows(&sister, &gone) && !knows(&sister, &tablet));
    for _ in 0..2 {
        is_stranger(&site, &gone);
        assert!(!knows(&sister, &gone));
        site.restart();
        sister.restart();
    }
    is_stranger(&site, &tablet);
    // Who signs in again has a session, here and there.
    let again = site.signed_in();
    assert!(knows(&sister, &again));
    std::thread::sleep(Duration::from_millis(600));
    is_known(&site, &again);
    assert!(knows(&sister, &again));
}

#[test]
fn a_session_that_only_the_store_has_is_ended_by_its_sign_out() {
    let mut site = site();
    let mut alice = site.signed_in();
    let other = site.signed_in();
    let gone = alice.clone();
    site.restart();
    sign_out(&mut alice);
    is_stranger(&site, &gone);
    is_stranger(&site, &other);
    site.restart();
    is_stranger(&site, &gone);
    is_stranger(&site, &other);
}

#[test]
fn a_new_sign_in_in_the_same_browser_ends_the_former_session_everywhere() {
    let mut site = site();
    let sister = site.sister();
    let mut alice = site.signed_in();
    let former = alice.clone();
    assert!(knows(&sister, &former));
    assert_eq!(alice.open("/outpost.goauthentik.io/start").status(), 200);
    is_stranger(&site, &former);
    eventually("gone on the other", || !knows(&sister, &former));
    site.restart();
    is_stranger(&site, &former);
    is_known(&site, &alice);
}

fn end_by_hand(site: &Site, body: &serde_json::Value) -> u64 {
    let answer = site
        .request("POST", "/status.json")
        .header("X-Requested-With", "test")
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send();
    let said: serde_json::Value = serde_json::from_str(&answer.text()).expect("JSON");
    said["ended"].as_u64().unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn an_administrator_ends_sessions_that_only_the_store_has() {
    let mut site = site();
    let sister = site.sister();
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    assert!(knows(&sister, &alice));
    site.restart();
    assert_eq!(end_by_hand(&site, &json!({"username": "alice"})), 1);
    eventually("gone on the other", || !knows(&sister, &alice));
    is_stranger(&site, &alice);
    assert_eq!(bob.get("/page").status(), 200);
    assert!(knows(&sister, &bob));
    site.restart();
    is_stranger(&site, &alice);
}

#[test]
fn a_session_that_was_not_used_does_not_come_back_from_the_store() {
    let mut site = super::builder().provider("idle_timeout 4s;").start();
    let alice = site.signed_in();
    is_known(&site, &alice);
    std::thread::sleep(Duration::from_secs(7));
    for _ in 0..2 {
        is_stranger(&site, &alice);
    }
    site.restart();
    is_stranger(&site, &alice);
}

#[test]
fn a_session_that_began_before_the_clock_was_set_back_ends_with_its_sign_out() {
    let mut site = site();
    let mut alice = site.signed_in();
    let copy = alice.clone();
    site.restart();
    // As if the clock had been an hour ahead when she signed in.
    let ahead = Command::new("python3")
        .args([
            "-c",
            "import sqlite3, sys; file = sqlite3.connect(sys.argv[1], isolation_level=None)
assert file.execute('UPDATE sessions SET opened = opened + 3600000').rowcount == 1",
        ])
        .arg(super::file(&site))
        .status();
    assert!(ahead.expect("python3").success());
    is_known(&site, &copy);
    sign_out(&mut alice);
    is_stranger(&site, &copy);
    site.restart();
    is_stranger(&site, &copy);
}

/// The form that authentik sends to this nginx.
fn told_by_authentik(site: &Site, sid: &str) {
    let token = site.sso.logout_token("wiki", sid, |_, _| ());
    let response = sent(site, &token).send();
    assert_eq!(response.status(), 200, "{}", response.text());
}

#[test]
fn a_logout_that_authentik_reports_ends_what_only_the_store_has_and_the_other_nginx() {
    let mut site = site();
    let sister = site.sister();
    let alice = site.signed_in();
    assert!(knows(&sister, &alice));
    let [sid] = &site.sso.session_ids()[..] else { panic!("one session") };
    let sid = sid.clone();
    site.restart();
    told_by_authentik(&site, &sid);
    is_stranger(&site, &alice);
    eventually("gone on the other", || !knows(&sister, &alice));
    site.restart();
    is_stranger(&site, &alice);
}

#[test]
fn a_frame_ends_what_only_the_store_has_and_invented_ones_leave_nothing_there() {
    let mut site = site();
    let alice = site.signed_in();
    let [sid] = &site.sso.session_ids()[..] else { panic!("one session") };
    let sid = sid.clone();
    let iss = format!("{}/application/o/wiki/", site.sso.base_url());
    let iss: String = url::form_urlencoded::byte_serialize(iss.as_bytes()).collect();
    let frame = |site: &Site, sid: &str| {
        let target = format!("/outpost.goauthentik.io/frontchannel_logout?iss={iss}&sid={sid}");
        assert_eq!(site.get(&target).send().status(), 200);
    };
    site.restart();
    let size = |site: &Site| std::fs::metadata(super::file(site)).expect("a file").len();
    let before = size(&site);
    for number in 0..300 {
        frame(&site, &format!("{number:064x}"));
    }
    is_known(&site, &alice);
    frame(&site, &sid);
    eventually("it has ended", || alice.get("/page").navigation().send().status() == 302);
    site.restart();
    is_stranger(&site, &alice);
    assert!(size(&site) <= before + 16384, "{} after {before}", size(&site));
}

#[test]
fn ends_are_heard_after_the_worker_that_listens_was_killed() {
    let mut site = site();
    let sister = site.sister();
    let alice = site.signed_in();
    let gone = alice.clone();
    for pid in site.worker_pids() {
        site.kill_worker(pid);
    }
    is_known(&site, &gone);
    let out = alice.get("/outpost.goauthentik.io/sign_out").navigation().to(sister.address());
    assert_eq!(out.status(), 302);
    eventually("gone here", || gone.get("/page").navigation().send().status() == 302);
    site.reload();
    is_stranger(&site, &gone);
}

#[test]
fn who_removes_the_file_signs_everybody_out() {
    let site = site();
    let alice = site.signed_in();
    is_known(&site, &alice);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(site.path(&format!("store/sessions{end}")));
    }
    eventually("signed out", || alice.get("/page").navigation().send().status() == 302);
    let again = site.signed_in();
    is_known(&site, &again);
}

#[test]
fn a_request_that_reads_a_session_while_it_ends_does_not_bring_it_back() {
    let mut site = site();
    let mut sister = site.sister();
    for round in 0..6 {
        let mut alice = site.signed_in();
        let gone = alice.clone();
        // Nobody has it in memory.
        site.restart();
        sister.restart();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for address in [site.address(), sister.address()] {
                for _ in 0..3 {
                    let request = gone.get("/page").navigation().to(address);
                    let done = &done;
                    scope.spawn(move || {
                        let until = std::time::Instant::now() + Duration::from_secs(4);
                        while !done.load(Ordering::Relaxed) && std::time::Instant::now() < until {
                            let status = request.status();
                            assert!(matches!(status, 200 | 302), "{status}");
                        }
                    });
                }
            }
            thread::sleep(Duration::from_millis(round * 3));
            sign_out(&mut alice);
            for _ in 0..20 {
                assert_eq!(gone.get("/page").navigation().send().status(), 302);
            }
            thread::sleep(Duration::from_millis(1000));
            for _ in 0..20 {
                assert_eq!(gone.get("/page").navigation().send().status(), 302);
                assert!(!knows(&sister, &gone));
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn a_session_that_an_outpost_hears_the_end_of_is_gone_from_the_store_too() {
    let builder = connected();
    let lines = format!("{CONNECTED} {}", super::STORE);
    let mut site = started(builder.http(&lines));
    let alice = site.signed_in();
    site.restart();
    let request = site.get("/");
    eventually("the settings arrive", || all_workers_say(&site, &request, 401));
    site.sso.end_sessions();
    eventually("it has ended", || alice.get("/").status() == 401);
    site.restart();
    eventually("the settings arrive", || all_workers_say(&site, &request, 401));
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn a_session_that_ended_while_nginx_was_stopped_is_over_soon_after_it_was_read() {
    let mut site = started(connected().http(&format!("{CONNECTED} {}", super::STORE)));
    let mut alice = site.signed_in();
    let [of_alice] = &site.sso.session_ids()[..] else { panic!("one session") };
    let of_alice = of_alice.clone();
    let bob = site.signed_in_as("bob");
    // Nobody listens, as if nginx were stopped.
    site.sso.fault(Endpoint::WebSocket, Fault::Status(500));
    for pid in site.worker_pids() {
        site.kill_worker(pid);
    }
    eventually("nobody listens", || site.sso.connections().is_empty());
    assert!(site.sso.end_session(&of_alice));
    site.sso.clear_faults();
    site.restart();
    let request = site.get("/");
    eventually("the settings arrive", || all_workers_say(&site, &request, 401));
    // The walk through the zone finds nothing there, and is over.
    thread::sleep(Duration::from_secs(3));
    site.sso.forget_requests();
    assert_eq!(bob.get("/").status(), 200);
    eventually("it has ended", || alice.fetch("/").status() == 401);
    let hits = site.app.hits();
    assert_eq!(alice.fetch("/").status(), 401);
    assert_eq!(site.app.hits(), hits);
    assert_eq!(bob.get("/").status(), 200);
    thread::sleep(Duration::from_secs(3));
    let asked = site.sso.count("/application/o/introspect/");
    assert!(asked <= 2, "{asked} questions, one a session");
    assert_eq!(bob.get("/").status(), 200);
}

#[test]
fn an_end_that_an_outpost_hears_just_before_nginx_stops_is_written() {
    let mut site = started(connected().http(&format!("{CONNECTED} {}", super::STORE)));
    let alice = site.signed_in();
    let writer = super::away::Writer::start(&site);
    site.sso.end_sessions();
    eventually("it has ended", || alice.get("/").status() == 401);
    let hits = site.app.hits();
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(300));
            drop(writer);
        });
        site.restart();
    });
    let request = site.get("/");
    eventually("the settings arrive", || all_workers_say(&site, &request, 401));
    assert_eq!(alice.get("/").status(), 401);
    assert_eq!(site.app.hits(), hits);
}
