//! The WebSocket: one for all of nginx, and never none for long.

use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use super::{all_workers_say, connected, started};
use crate::harness::{Site, eventually, within};

/// Maximum time until another worker has the connection.
const TAKEN_OVER: Duration = Duration::from_secs(8);

const INTROSPECT: &str = "/application/o/introspect/";

fn await_connection(site: &Site) {
    let open = site.sso.await_connections(1, Duration::from_secs(10));
    assert_eq!(open.len(), 1, "one connection per nginx: {open:?}");
}

#[test]
fn there_is_one_connection_and_it_says_hello() {
    let site = started(connected().workers(4));
    await_connection(&site);
    let connection = &site.sso.connections()[0];
    let hello = connection.hellos.first().expect("a hello");
    assert_eq!(hello.args["uuid"].as_str(), connection.instance_uuid.as_deref());
    assert!(hello.args["hostname"].as_str().is_some_and(|name| !name.is_empty()));
    assert!(!site.error_log().lines_with("connected to authentik").is_empty());
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(site.sso.all_connections().len(), 1, "no other worker connects");
}

#[test]
fn killed_holders_and_reloads_lose_no_change() {
    let mut site = started(connected());
    await_connection(&site);
    let instance = site.sso.connections()[0].instance_uuid.clone();
    let request = site.get("/public/page");
    let mut open = false;
    for round in 0..13 {
        // Kills both, one after the other, whichever has the connection.
        if round % 4 == 3 {
            for pid in site.worker_pids() {
                site.kill_worker(pid);
            }
        } else {
            site.reload();
        }
        open = !open;
        let pattern = if open { "^/public/" } else { "" };
        site.sso.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = pattern.to_owned());
        let status = if open { 200 } else { 401 };
        within(TAKEN_OVER, "the change is live", || all_workers_say(&site, &request, status));
    }
    eventually("one connection is left", || site.sso.connections().len() == 1);
    assert_eq!(site.sso.connections()[0].instance_uuid, instance, "authentik shows one instance");
}

#[test]
fn a_reload_hands_the_connection_over_without_a_gap() {
    let site = started(connected());
    await_connection(&site);
    let users = ["alice", "bob", "zoe"];
    let browsers = users.map(|user| site.signed_in_as(user));
    for (user, browser) in users.iter().zip(&browsers) {
        site.reload();
        let sessions = site.sso.sessions();
        let sid = sessions.iter().find(|(name, _)| name == user).expect("a session").1.clone();
        assert!(site.sso.end_session(&sid));
        let request = browser.get("/page");
        within(Duration::from_secs(5), "the session is over", || request.send().status() == 401);
    }
    assert_eq!(site.get("/").send().status(), 401);
}

#[test]
fn sessions_that_ended_while_nobody_listened_end_after_the_gap() {
    let mut site = started(connected());
    await_connection(&site);
    let users = ["alice", "bob", "zoe"];
    let browsers = users.map(|user| site.signed_in_as(user));
    let end = |site: &Site, user: &str| {
        let sessions = site.sso.sessions();
        let sid = sessions.iter().find(|(name, _)| name == user).expect("a session").1.clone();
        assert!(site.sso.end_session(&sid));
    };
    // All workers are killed, and a session ends before another connection exists, once for each
    // user.
    for (user, browser) in users.iter().zip(&browsers).take(2) {
        kill_listeners(&mut site);
        end(&site, user);
        assert_eq!(browser.get("/page").status(), 200, "nobody has heard of it");
        site.sso.clear_faults();
        let request = browser.get("/page");
        within(TAKEN_OVER, "the session is over", || request.send().status() == 401);
    }
    assert_eq!(browsers[2].get("/page").status(), 200, "what has not ended goes on");
}

/// Nobody listens from now on, until the faults are cleared.
fn kill_listeners(site: &mut Site) {
    site.sso.fault(Endpoint::WebSocket, Fault::Status(500));
    for pid in site.worker_pids() {
        site.kill_worker(pid);
    }
    eventually("nobody listens", || site.sso.connections().is_empty());
}

/// Ends the session of this user while nobody listens.
fn end_in_a_gap(site: &mut Site, user: &str) {
    kill_listeners(site);
    let sessions = site.sso.sessions();
    let sid = sessions.iter().find(|(name, _)| name == user).expect("a session").1.clone();
    assert!(site.sso.end_session(&sid));
}

#[test]
fn a_question_that_stays_open_after_a_gap_is_asked_again() {
    let mut site = started(connected());
    await_connection(&site);
    let [alice, bob] = ["alice", "bob"].map(|user| site.signed_in_as(user));
    end_in_a_gap(&mut site, "alice");
    site.sso.clear_faults();
    // JSON from a server that knows nothing of tokens.
    site.sso.fault(Endpoint::Introspect, Fault::HugeBody(64));
    within(TAKEN_OVER, "both are asked for", || site.sso.count(INTROSPECT) >= 2);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(bob.get("/page").status(), 200, "nor of him");
    assert_eq!(alice.get("/page").status(), 200, "authentik has said nothing of her");
    site.sso.clear_faults();
    within(Duration::from_secs(40), "her session is over", || alice.get("/page").status() == 401);
    assert_eq!(bob.get("/page").status(), 200);
}

#[test]
fn what_one_process_leaves_unasked_the_next_one_asks() {
    let mut site = started(connected());
    await_connection(&site);
    let [alice, bob] = ["alice", "bob"].map(|user| site.signed_in_as(user));
    end_in_a_gap(&mut site, "alice");
    site.sso.clear_faults();
    site.sso.fault(Endpoint::Introspect, Fault::Status(500));
    within(TAKEN_OVER, "both are asked for", || site.sso.count(INTROSPECT) >= 2);
    site.reload();
    await_connection(&site);
    site.sso.clear_faults();
    within(Duration::from_secs(3), "her session is over", || alice.get("/page").status() == 401);
    assert_eq!(bob.get("/page").status(), 200);
}

#[test]
fn a_client_secret_that_changed_in_a_gap_ends_no_session() {
    let mut site = started(connected());
    await_connection(&site);
    let [alice, bob] = ["alice", "bob"].map(|user| site.signed_in_as(user));
    end_in_a_gap(&mut site, "alice");
    // To a client with the old secret, authentik calls every token inactive.
    site.sso.change(|settings| settings.providers[0].client_secret = "x".repeat(64));
    site.sso.clear_faults();
    within(TAKEN_OVER, "her session is over", || alice.get("/page").status() == 401);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(bob.get("/page").status(), 200, "his goes on");
}

#[test]
fn a_client_secret_that_changes_while_a_session_is_asked_for_does_not_end_it() {
    let mut site = started(connected());
    await_connection(&site);
    let bob = site.signed_in_as("bob");
    kill_listeners(&mut site);
    site.sso.clear_faults();
    // Long enough for the change to take effect before the answer arrives.
    site.sso.fault(Endpoint::Introspect, Fault::Slow(Duration::from_secs(8)));
    within(TAKEN_OVER, "it is asked for", || site.sso.concurrency_peak(INTROSPECT) == 1);
    site.sso.update_provider("wiki", |wiki| wiki.client_secret = "x".repeat(64));
    std::thread::sleep(Duration::from_secs(9));
    assert_eq!(bob.get("/page").status(), 200, "by the old secret no token is active");
    site.sso.clear_faults();
    within(Duration::from_secs(40), "it is asked for again", || site.sso.count(INTROSPECT) == 2);
    assert_eq!(bob.get("/page").status(), 200, "it goes on");
}

#[test]
fn trouble_with_the_connection_ends_in_a_new_one() {
    let site = started(connected());
    type Trouble = fn(&Site) -> usize;
    let troubles: [(&str, Trouble); 4] = [
        ("garbage", |site| site.sso.push_garbage()),
        ("dropped", |site| site.sso.drop_sockets()),
        ("restarting", |site| site.sso.close_sockets(1012)),
        ("odd message", |site| site.sso.push_text("{\"instruction\": 99}")),
    ];
    for (name, trouble) in troubles {
        await_connection(&site);
        assert!(trouble(&site) > 0, "{name}");
        std::thread::sleep(Duration::from_millis(200));
    }
    eventually("a connection is open", || site.sso.connections().len() == 1);
    assert_eq!(site.get("/").send().status(), 401);
}
