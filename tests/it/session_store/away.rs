//! The store may be away.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Site, eventually, within};

use super::{file, is_known, is_stranger, of_store, site};

/// Puts a directory in the place of the file.
fn take_away(site: &Site) {
    fs::rename(file(site), site.path("store/sessions-away")).expect("rename");
    for end in ["-wal", "-shm"] {
        let from = file(site).with_file_name(format!("sessions{end}"));
        let _ = fs::rename(from, file(site).with_file_name(format!("sessions-away{end}")));
    }
    fs::create_dir(file(site)).expect("a directory");
}

fn give_back(site: &Site) {
    fs::remove_dir(file(site)).expect("the directory");
    for end in ["-wal", "-shm", ""] {
        let from = file(site).with_file_name(format!("sessions-away{end}"));
        let _ = fs::rename(from, file(site).with_file_name(format!("sessions{end}")));
    }
}

fn allow_complaints(site: &mut Site) {
    site.expect_in_error_log("the store of sessions cannot be");
    site.expect_in_error_log("store-unreachable");
}

#[test]
fn known_visitors_go_on_and_others_are_told_to_come_back() {
    let mut site = site();
    allow_complaints(&mut site);
    let unknown = site.signed_in();
    site.restart();
    let known = site.signed_in();
    take_away(&site);

    is_known(&site, &known);
    let hits = site.app.hits();
    let page = unknown.get("/page").navigation().send();
    assert_eq!(page.status(), 503, "{page:?}");
    assert!(page.header("Retry-After").is_some() && page.text().contains("store-unreachable"));
    assert_eq!(page.all("Set-Cookie").count(), 0, "the cookie stays");
    let program = unknown.get("/page").header("Accept", "application/json").send();
    assert_eq!((program.status(), program.header("Retry-After")), (503, Some("5")));
    let out = unknown.get("/outpost.goauthentik.io/sign_out").navigation().send();
    assert_eq!(out.status(), 503, "no sign-in begins");
    assert_eq!(site.app.hits(), hits, "the application was not reached");
    assert_eq!(unknown.get("/open/page").status(), 200);
    assert_ne!(of_store(&site, "unread_since"), Value::Null);

    give_back(&site);
    within(Duration::from_secs(3), "it is back", || unknown.get("/page").status() == 200);
    is_known(&site, &unknown);
    eventually("it is said", || of_store(&site, "unread_since") == Value::Null);
}

#[test]
fn a_sign_in_while_the_store_is_away_is_written_once_it_is_back() {
    let mut site = site();
    allow_complaints(&mut site);
    take_away(&site);
    let alice = site.signed_in();
    is_known(&site, &alice);
    assert_eq!(of_store(&site, "backlog"), 1);
    give_back(&site);
    eventually("it is written", || of_store(&site, "backlog") == 0);
    site.restart();
    is_known(&site, &alice);
}

#[test]
fn a_sign_out_while_the_store_is_away_is_kept_until_it_is_back() {
    let mut site = site();
    allow_complaints(&mut site);
    let mut alice = site.signed_in();
    let other = site.signed_in();
    let gone = alice.clone();
    take_away(&site);
    let out = alice.step("/outpost.goauthentik.io/sign_out");
    assert_eq!(out.status(), 302, "{out:?}");
    // Also if the worker that ended it is killed.
    for pid in site.worker_pids() {
        site.kill_worker(pid);
    }
    give_back(&site);
    for browser in [&gone, &other] {
        within(Duration::from_secs(3), "it is back", || {
            browser.get("/page").navigation().send().status() != 503
        });
        is_stranger(&site, browser);
    }
    // Who signs in before the store knows of the sign-out stays signed in.
    let again = site.signed_in();
    std::thread::sleep(Duration::from_secs(6));
    is_known(&site, &again);
    site.restart();
    is_stranger(&site, &gone);
    is_stranger(&site, &other);
    is_known(&site, &again);
}
