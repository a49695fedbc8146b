//! Reasons that need time, crowds or sizes; and nginx settings that matter.

use std::thread;
use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault, User};

use crate::error_pages::assert_error_page;
use crate::harness::{Browser, Connection, Response, Site, eventually, nginx_options};
use crate::sign_in_floods::sign_in_begun;

const TOKEN: &str = "/application/o/token/";
const SERVER: &str = "authentik_provider wiki; location / { proxy_pass http://app; }";

#[test]
fn a_sign_in_older_than_ten_minutes_is_refused_as_state_expired() {
    let site = Site::start(SERVER);
    // What the module itself would have sent at that time, with the same key.
    for (age, reason) in [(11 * 60, "state-expired"), (9 * 60, "code-rejected")] {
        let (state, cookie) = sign_in_begun(&site, age, 7);
        let callback = "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true";
        let request = site.navigate(&format!("{callback}&code=made-up&state={state}"));

        let response = request.header("Cookie", cookie).send();

        assert_eq!(response.status(), 400, "{age} s");
        assert_reason(&site, &response, reason);
    }
    let asked = site.sso.count(TOKEN);
    assert_eq!(asked, 1, "authentik is asked for the one that is young enough");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_state_of_another_key_is_refused_as_state_foreign() {
    let site = Site::start(SERVER);
    let other = Site::builder()
        .provider("cookie_secret another-key-of-another-site-0123456789abcdef;")
        .server(SERVER)
        .start();
    let (mut browser, callback) = ready_to_come_back(&other);
    let (_, query) = callback.split_once('?').expect("a query");

    // The cookie is sent along: browsers do not distinguish ports.
    let target = format!("{}/outpost.goauthentik.io/callback?{query}", site.url());
    let response = browser.step(&target);

    assert_eq!(response.status(), 400);
    assert_reason(&site, &response, "state-foreign");
    assert_eq!(site.sso.requests().len(), 0, "authentik is not asked");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_session_that_fits_nowhere_is_refused_as_zone_full() {
    let site = Site::builder()
        .http("authentik_shared_zone zone=small:512k;")
        .settings(|settings, _| {
            let groups = (0..1_200).map(|i| format!("{i:04}{}", "g".repeat(70))).collect();
            settings.users.push(User { groups, ..User::new("everywhere", "In All Groups") });
        })
        .server(SERVER)
        .start();
    let alice = site.signed_in();
    let mut browser = site.browser();
    browser.become_user("everywhere");

    let trail = browser.open("/page");

    assert_eq!(trail.status(), 503, "{trail:#?}");
    assert_reason(&site, trail.page(), "zone-full");
    assert_eq!(browser.session_cookies(), []);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/").status(), 200, "nobody else gave way in vain");
}

#[test]
fn worker_shutdown_timeout_ends_a_sign_in_that_waits() {
    let site = Site::builder().main("worker_shutdown_timeout 1s;").server(SERVER).start();
    let alice = site.signed_in();
    let (browser, callback) = ready_to_come_back(&site);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(8)));
    let mut waiting = Connection::open(site.address());
    let asked = site.sso.count(TOKEN);
    waiting.send(browser.get(&callback).navigation().to_bytes());
    eventually("authentik is asked", || site.sso.count(TOKEN) > asked);

    let started = Instant::now();
    site.reload();
    let answer = waiting.read_to_end();

    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}: {answer}");
    assert!(!answer.contains("authentik_proxy_"), "no session: {answer}");
    assert_eq!(alice.get("/").status(), 200);
    site.sso.clear_faults();
}

#[test]
fn a_sign_in_works_with_each_event_method_that_nginx_was_built_with() {
    let methods = event_methods();
    assert!(methods.contains(&"epoll"));
    for method in methods {
        // select() supports at most 1,024 files.
        let events = format!("use {method}; worker_connections 512;");
        let site = Site::builder().events(&events).server(SERVER).start();
        site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(300)));
        let statuses: Vec<u16> = thread::scope(|scope| {
            let sign_in = || scope.spawn(|| site.signed_in_as("bob").get("/").status());
            let running: Vec<_> = (0..10).map(|_| sign_in()).collect();
            running.into_iter().map(|one| one.join().expect("a sign-in")).collect()
        });
        assert_eq!(statuses, [200; 10], "{method}");
        assert_eq!(site.get("/").status(), 401, "{method}");
    }
}

/// Debian builds only epoll.
fn event_methods() -> Vec<&'static str> {
    let options = nginx_options();
    let built_with = |method: &&str| options.contains(&format!("--with-{method}_module"));
    let extra = ["poll", "select"].into_iter().filter(built_with);
    ["epoll"].into_iter().chain(extra).collect()
}

/// A browser just redirected back by authentik, and the target.
pub(crate) fn ready_to_come_back(site: &Site) -> (Browser, String) {
    let mut browser = site.browser();
    let trail = browser.open_until("/page", |url| url.path().ends_with("/callback"));
    (browser, trail.page().location().to_owned())
}

/// Asserts that the page and the log name the reason.
pub(crate) fn assert_reason(site: &Site, response: &Response, reason: &str) {
    assert_error_page(response);
    assert!(response.text().contains(reason), "{reason}: {}", response.text());
    let lines = site.error_log().lines_with(&format!("reason: {reason}"));
    assert!(!lines.is_empty(), "{reason}: {}", site.error_log().tail());
}
