//! A user who logged out of authentik, was deactivated, or lost access by a policy, where authentik
//! tells nobody: out within `recheck` when browsing, and within `session_lifetime` otherwise. Of the
//! first two an outpost hears at once: see `outpost`.

use std::time::Instant;

use super::{SERVER, wait_until};
use crate::harness::{Site, eventually};
use crate::outpost::CONNECTED;

const TERMS: &str = "session_lifetime 12s; recheck 4s;";

/// What happens at authentik, and what it then answers to the browser.
type Happens = fn(&Site);

fn by_hand() -> Site {
    Site::builder()
        .provider(TERMS)
        .server(SERVER)
        .settings(|settings, _| settings.form = true)
        .start()
}

/// The same with an outpost.
fn by_outpost() -> Site {
    let http = CONNECTED.replace("token_file", &format!("{TERMS} token_file"));
    let server = SERVER.replace("authentik_provider wiki", "authentik_provider auto");
    let site = Site::builder()
        .without_provider()
        .http(&http)
        .server(&server)
        .settings(|settings, _| settings.form = true)
        .start();
    eventually("the settings arrive", || site.get("/").send().status() == 401);
    site
}

fn assert_is_shut_out(site: &Site, happens: Happens, answer: &str) {
    let start = Instant::now();
    let mut alice = site.browser();
    let form = alice.open("/");
    assert_eq!(form.status(), 200);
    let login = form.address().clone();
    let typed = alice.get(login.as_str()).method("POST");
    let typed =
        typed.header("Content-Type", "application/x-www-form-urlencoded").body("pick=alice");
    let response = typed.send();
    let trail = alice.follow(login.as_str(), response);
    assert_eq!(trail.status(), 200, "{:?}", trail.addresses());
    assert_eq!(alice.session_cookies().len(), 1, "{:?}", trail.addresses());
    happens(site);
    wait_until(start, 4);

    let hits = site.app.hits();
    let trail = alice.open("/page");
    assert!(trail.page().text().contains(answer), "{:?}", trail.addresses());
    assert_eq!(site.app.hits(), hits, "nothing was shown");
    assert_eq!(alice.fetch("/").status(), 200, "who does not browse goes on");

    wait_until(start, 12);
    let hits = site.app.hits();
    assert_eq!(alice.fetch("/").status(), 401);
    assert_eq!(site.app.hits(), hits);
}

fn logged_out(site: &Site) {
    site.sso.end_sessions();
}

fn deactivated(site: &Site) {
    site.sso.change(|settings| {
        settings.users.iter_mut().for_each(|user| user.active = false);
    });
}

fn denied(site: &Site) {
    site.sso.change(|settings| {
        settings.providers[0].only_groups = vec!["nobody".to_owned()];
    });
}

#[test]
fn who_logged_out_of_authentik_is_out_with_a_provider_by_hand() {
    assert_is_shut_out(&by_hand(), logged_out, "name=\"username\"");
}

#[test]
fn who_was_deactivated_is_out_with_a_provider_by_hand() {
    assert_is_shut_out(&by_hand(), deactivated, "name=\"username\"");
}

#[test]
fn who_lost_access_by_a_policy_is_out_with_a_provider_by_hand() {
    assert_is_shut_out(&by_hand(), denied, "Permission denied");
}

#[test]
fn who_lost_access_by_a_policy_is_out_with_an_outpost() {
    assert_is_shut_out(&by_outpost(), denied, "Permission denied");
}
