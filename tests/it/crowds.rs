//! Many requests that wait for the same answer from authentik.

use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use crate::harness::{Browser, Connection, Request, Site, cpu_time, eventually};
use crate::outpost::{connected, started};

const TOKEN: &str = "/application/o/token/";
const DISCOVERY: &str = "/application/o/wiki/.well-known/openid-configuration";

/// More requests than a page causes, fewer than a process may open files.
const MANY: usize = 600;

/// Processor time that all workers together may use while that many requests wait for three
/// seconds. If every one of them checked 25 times a second, it would be a multiple.
const BOUND: Duration = Duration::from_millis(300);

fn site() -> Site {
    Site::builder()
        .workers(2)
        .events("worker_connections 2000;")
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .start()
}

fn send(site: &Site, request: &Request, count: usize) -> Vec<Connection> {
    let send = |_| {
        let mut connection = Connection::open(site.address());
        connection.send(request.clone().header("Connection", "close").to_bytes());
        connection
    };
    (0..count).map(send).collect()
}

fn cpu(site: &Site) -> Duration {
    site.worker_pids().into_iter().map(cpu_time).sum()
}

fn cpu_while_they_wait(site: &Site) -> Duration {
    std::thread::sleep(Duration::from_secs(1));
    let before = cpu(site);
    std::thread::sleep(Duration::from_secs(3));
    cpu(site) - before
}

#[test]
fn who_waits_for_discovery_looks_at_nothing_and_goes_on_when_it_is_there() {
    let site = site();
    site.sso.fault(Endpoint::Discovery, Fault::Slow(Duration::from_secs(9)));
    let waiting = send(&site, &site.navigate("/page"), MANY);
    eventually("it is asked for", || site.sso.count(DISCOVERY) == 1);

    let used = cpu_while_they_wait(&site);

    for mut connection in waiting {
        let answer = connection.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    }
    assert_eq!(site.sso.count(DISCOVERY), 1);
    assert!(used < BOUND, "{used:?}");
}

#[test]
fn of_those_who_wait_for_credentials_one_looks_and_is_replaced_when_it_leaves() {
    let site = site();
    site.signed_in(); // so that keys and endpoints are known
    site.sso.fault(Endpoint::Introspect, Fault::Slow(Duration::from_secs(8)));
    let request = site.get("/api").header("Authorization", "Bearer made-up");
    let mut waiting = send(&site, &request, MANY);
    // The one that has asked, or checks, is among the first.
    let gone = waiting.drain(..MANY / 2).count();
    assert_eq!(gone, MANY / 2);

    let used = cpu_while_they_wait(&site);

    for mut connection in waiting {
        let answer = connection.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    assert_eq!(site.app.hits(), 0);
    assert!(used < BOUND, "{used:?}");
}

/// Their sign-ins find the client secret outdated, and wait for the outpost's settings.
#[test]
fn of_those_who_wait_for_settings_one_looks() {
    const MANY: usize = 240; // of one client: what it may have in the queue
    let site = started(connected().workers(2).events("worker_connections 2000;"));
    site.sso.await_connections(1, Duration::from_secs(10));
    std::thread::sleep(Duration::from_secs(3)); // all is read that it was told to read
    let begun = |_| {
        let mut browser = site.browser();
        let callback = browser.open_until_callback("/page");
        (browser, callback)
    };
    let begun: Vec<(Browser, String)> = (0..MANY).map(begun).collect();
    let exchanged = site.sso.count(TOKEN);
    site.sso.change(|settings| settings.providers[0].client_secret = "x".repeat(64));
    site.sso.fault(Endpoint::Providers, Fault::Slow(Duration::from_secs(8)));
    let send = |(browser, callback): &(Browser, String)| {
        let mut connection = Connection::open(site.address());
        connection.send(browser.get(callback).header("Connection", "close").to_bytes());
        connection
    };
    let waiting: Vec<Connection> = begun.iter().map(send).collect();
    eventually("all are refused", || site.sso.count(TOKEN) == exchanged + MANY);

    let used = cpu_while_they_wait(&site);

    for mut connection in waiting {
        let answer = connection.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    }
    assert_eq!(site.sso.count(TOKEN), exchanged + 2 * MANY, "each once more");
    assert!(used < BOUND / 4, "{used:?}");
}

/// Each of them needs authentik's endpoints.
#[test]
fn a_long_document_of_authentiks_is_understood_once_and_not_for_each_visitor() {
    let site = site();
    let padding = |settings: &mut authentik_standin::Settings| {
        let scopes = (0..12_000).map(|number| format!("scope-{number:05}"));
        settings.providers[0].scopes.extend(scopes);
    };
    site.sso.change(padding);
    let request = site.navigate("/page");
    let visit = || assert_eq!(request.send().status(), 302);
    (0..20).for_each(|_| visit()); // so that both workers know
    let before = cpu(&site);
    (0..MANY).for_each(|_| visit());
    let used = cpu(&site) - before;
    assert_eq!(site.sso.count(DISCOVERY), 1);
    assert!(used < BOUND, "{used:?}");
}
