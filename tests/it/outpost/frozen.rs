//! The worker with the WebSocket exists, but does nothing: a debugger, a full disk, swapping.

use std::time::Duration;

use super::{all_say, all_workers_say, connected, started};
use crate::harness::{Site, eventually, within};

/// A holder counts as lost after 3 s; the rest is for connecting and comparing sessions.
const TAKEN_OVER: Duration = Duration::from_secs(8);

/// The last worker that reported a connection.
fn holder(site: &Site) -> u32 {
    let lines = site.error_log().lines_with("connected to authentik");
    let line = lines.last().expect("a line");
    let pid = line.split("] ").nth(1).and_then(|rest| rest.split('#').next()?.parse().ok());
    let pid = pid.expect("a process id in the log");
    assert!(site.worker_pids().contains(&pid), "{pid} is a worker: {lines:?}");
    pid
}

fn end_session(site: &Site, user: &str) {
    let sessions = site.sso.sessions();
    let sid = sessions.iter().find(|(name, _)| name == user).expect("a session").1.clone();
    assert!(site.sso.end_session(&sid));
}

fn open_public(site: &Site, open: bool) {
    let pattern = if open { "^/public/" } else { "" };
    site.sso.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = pattern.to_owned());
}

#[test]
fn a_holder_that_does_nothing_is_replaced_and_nothing_is_lost() {
    let site = started(connected().workers(3));
    let page = site.get("/public/page");
    eventually("a connection is open", || site.sso.connections().len() == 1);
    let instance = site.sso.connections()[0].instance_uuid.clone();
    let mut open = false;
    // The second time, the holder is one that has taken over.
    for _ in 0..2 {
        let [alice, bob, zoe] = ["alice", "bob", "zoe"].map(|user| site.signed_in_as(user));
        let frozen = holder(&site);
        let others: Vec<u32> =
            site.worker_pids().into_iter().filter(|pid| *pid != frozen).collect();
        let before = site.sso.all_connections().len();
        site.freeze_worker(frozen);

        // Sent to the one that does not listen.
        open = !open;
        open_public(&site, open);
        end_session(&site, "alice");
        let status = if open { 200 } else { 401 };
        within(TAKEN_OVER, "another has taken over", || {
            site.sso.all_connections().len() > before && all_say(others.clone(), &page, status)
        });
        let alice = alice.get("/page");
        within(TAKEN_OVER, "her session is over", || alice.status() == 401);
        assert_ne!(holder(&site), frozen);

        // Sent to both.
        open = !open;
        open_public(&site, open);
        end_session(&site, "bob");
        let bob = bob.get("/page");
        within(Duration::from_secs(5), "his session is over", || bob.status() == 401);
        let status = if open { 200 } else { 401 };
        within(Duration::from_secs(3), "live", || all_say(others.clone(), &page, status));

        site.thaw_worker(frozen);
        within(TAKEN_OVER, "one connection is left", || site.sso.connections().len() == 1);
        within(Duration::from_secs(3), "the one that slept has caught up", || {
            all_workers_say(&site, &page, status)
        });
        assert_ne!(holder(&site), frozen, "whoever has it keeps it");
        assert_eq!(site.sso.connections()[0].instance_uuid, instance, "one instance");
        assert_eq!(zoe.get("/page").status(), 200, "whose session goes on");
        assert_eq!([alice.status(), bob.status()], [401, 401]);
    }

    std::thread::sleep(Duration::from_secs(1));
    assert!(all_workers_say(&site, &page, 401), "what it heard before it slept undoes nothing");
    assert_eq!(site.sso.connections().len(), 1);
}
