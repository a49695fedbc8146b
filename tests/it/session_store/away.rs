//! The store may be away.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Site, eventually};

use super::{file, is_known, is_soon_a_stranger, is_stranger, of_store, site};

/// Puts a directory in the place of the file.
fn take_away(site: &Site) {
    // A thread makes it when it is first needed.
    eventually("there is a file", || file(site).exists());
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
    eventually("it is back", || unknown.get("/page").status() == 200);
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
        is_soon_a_stranger(&site, browser);
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

/// Another process that writes to the file, and does not end.
pub(super) struct Writer(Child);

impl Writer {
    pub(super) fn start(site: &Site) -> Self {
        let script = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN EXCLUSIVE')
print('writes', flush=True)
sys.stdin.read()";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(file(site))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "writes\n");
        Self(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn another_process_that_writes_for_long_holds_up_nobody() {
    let mut site = site();
    site.expect_in_error_log("the store of sessions cannot be written");
    let unknown = site.signed_in();
    let mut leaving = site.signed_in();
    let left = leaving.clone();
    site.restart();
    let writer = Writer::start(&site);
    is_known(&site, &unknown);
    let begun = Instant::now();
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    assert_eq!(leaving.step("/outpost.goauthentik.io/sign_out").status(), 302);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    is_stranger(&site, &left);
    assert_ne!(of_store(&site, "backlog"), 0);

    drop(writer);
    eventually("they are written", || of_store(&site, "backlog") == 0);
    eventually("it is said", || of_store(&site, "unwritten_since") == Value::Null);
    // The sign-out was alice's, before she signed in again: ends are told after a while.
    std::thread::sleep(Duration::from_secs(4));
    site.restart();
    is_stranger(&site, &left);
    is_stranger(&site, &unknown);
    assert_eq!(bob.get("/page").status(), 200);
    drop(alice);
}

#[test]
fn a_file_that_is_no_store_is_moved_aside_and_nginx_goes_on() {
    let mut site = site();
    site.expect_in_error_log("the file of sessions was unusable");
    let former = site.signed_in();
    let store = file(&site);
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(store.with_file_name(format!("sessions{end}")));
    }
    fs::write(&store, "this is no database at all".repeat(500)).expect("the file");
    // Threads that have the file open may read on in its journal: one that opens it notices.
    eventually("a new one is made", || {
        site.signed_in();
        !site.error_log().lines_with("the file of sessions was unusable").is_empty()
    });
    let alice = site.signed_in();
    site.restart();
    is_known(&site, &alice);
    is_stranger(&site, &former);
}

#[test]
fn a_proxy_that_asks_is_not_told_to_sign_in_whom_the_store_may_know() {
    let server = "authentik_provider wiki;
        location / { proxy_pass http://app; }
        location = /status.json { authentik_provider off; authentik_status format=json; }
        location /outpost.goauthentik.io/ { authentik_outpost_endpoint trusted=127.0.0.1; }";
    let mut site = super::builder().server(server).start();
    allow_complaints(&mut site);
    let alice = site.signed_in();
    site.restart();
    let url = format!("{}/page", site.url());
    let ask =
        || alice.get("/outpost.goauthentik.io/auth/nginx").header("X-Original-URL", &url).status();
    take_away(&site);
    assert_eq!(ask(), 503);
    give_back(&site);
    eventually("it is back", || ask() == 200);
}
