//! Changes in authentik take effect here, in every worker, without a reload.

use std::thread;
use std::time::Duration;

use authentik_standin::ProviderSettings;

use super::{all_workers_say, connected, connected_for_all_hosts, started};
use crate::harness::{at_best, eventually, within};

/// A change must be live in all workers within this time.
const LIVE: Duration = Duration::from_secs(3);
/// The end of a session must be effective within this time.
const ENDED: Duration = Duration::from_millis(200);

#[test]
fn a_changed_provider_is_live_in_all_workers_within_three_seconds() {
    let site = started(connected());
    site.sso.await_connections(1, Duration::from_secs(10));
    let request = site.get("/public/page");
    let mut changes = [("^/public/", 200), ("", 401), ("^/public/page$", 200)].into_iter().cycle();
    let mut change = || {
        let (pattern, status) = changes.next().expect("one of three");
        site.sso.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = pattern.to_owned());
        eventually("the change is live", || all_workers_say(&site, &request, status))
    };
    for _ in 0..3 {
        at_best(LIVE, "a change is live", &mut change);
    }
}

#[test]
fn a_provider_that_is_new_or_gone_is_so_in_all_workers() {
    let site = started(connected_for_all_hosts());
    let port = site.address().port();
    let new = site.get("/").host(&format!("new.test:{port}"));
    assert_eq!(new.send().status(), 400);

    let host = format!("http://new.test:{port}");
    at_best(LIVE, "a new one is there, or a former gone", || {
        site.sso.change(|settings| settings.providers.push(ProviderSettings::new("new", &host)));
        site.sso.push_update();
        let came = eventually("the new one is there", || all_workers_say(&site, &new, 401));
        site.sso.change(|settings| settings.providers.retain(|provider| provider.slug != "new"));
        site.sso.push_update();
        came.max(eventually("it is gone", || all_workers_say(&site, &new, 400)))
    });
    assert_eq!(site.get("/").send().status(), 401, "the other one stays");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_change_is_live_although_authentik_refused_the_token_a_moment_before() {
    use authentik_standin::{Endpoint, Fault};

    let site = started(connected());
    site.sso.await_connections(1, Duration::from_secs(10));
    let request = site.get("/");
    for fault in [Fault::NoOutposts, Fault::Status(403)] {
        // Rejected so often that the next scheduled attempt would be minutes away.
        site.sso.fault(Endpoint::Instances, fault.clone());
        for _ in 0..4 {
            let asked = site.sso.count("/api/v3/outposts/instances/");
            site.sso.push_update();
            eventually("it is asked", || site.sso.count("/api/v3/outposts/instances/") > asked);
        }
        assert_eq!(request.send().status(), 401, "{fault:?}: the former settings stay");
        site.sso.clear_faults();
        site.sso.update_provider("wiki", |wiki| wiki.proxy.has_application = false);
        within(LIVE * 3, "the provider is gone", || all_workers_say(&site, &request, 400));
        site.sso.update_provider("wiki", |wiki| wiki.proxy.has_application = true);
        within(LIVE * 3, "and back", || all_workers_say(&site, &request, 401));
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_session_that_ends_in_authentik_ends_in_all_workers_at_once() {
    let site = started(connected());
    site.sso.await_connections(1, Duration::from_secs(10));
    let bob = site.signed_in_as("bob");
    at_best(ENDED, "a session is over", || {
        let request = site.signed_in_as("alice").get("/page");
        assert!(all_workers_say(&site, &request, 200));
        let sessions = site.sso.sessions();
        let sid = sessions.iter().find(|(user, _)| user == "alice").expect("a session").1.clone();
        assert!(site.sso.end_session(&sid));
        let took = eventually("the session is over", || request.send().status() == 401);
        assert!(all_workers_say(&site, &request, 401), "in the zone, for all workers at once");
        took
    });
    assert_eq!(bob.get("/page").status(), 200, "another's session goes on");

    // An empty id matches nobody, not even sessions without one.
    assert!(site.sso.push_session_end("") > 0);
    thread::sleep(ENDED);
    assert_eq!(bob.get("/page").status(), 200);
}

#[test]
fn what_cannot_be_used_is_skipped_named_and_the_others_load() {
    let site = started(connected_for_all_hosts().settings(|settings, _| {
        let mut odd = ProviderSettings::new("odd", "not a url");
        odd.proxy.name = "odd one".to_owned();
        settings.providers.push(odd);
        let mut garbled = ProviderSettings::new("garbled", "http://garbled.test");
        garbled.proxy.oddities = vec![("client_id".to_owned(), Some(7.into()))];
        settings.providers.push(garbled);
        let mut paths = ProviderSettings::new("paths", "http://paths.test");
        paths.proxy.skip_path_regex = "(\n^/open".to_owned();
        paths.proxy.oddities = vec![("unknown_field".to_owned(), Some("x".into()))];
        settings.providers.push(paths);
    }));
    for words in
        ["\"odd one\"", "\"garbled-proxy\"", "\"paths-proxy\": unauthenticated path left out"]
    {
        eventually(words, || !site.error_log().lines_with(words).is_empty());
    }
    let ask = |target: &str| site.get(target).host("paths.test").send().status();
    assert_eq!((ask("/open"), ask("/")), (200, 401), "the other pattern works");
    assert_eq!(site.get("/").host("garbled.test").send().status(), 400);
}

#[test]
fn a_request_that_waits_sees_one_state_of_the_settings() {
    use authentik_standin::{Endpoint, Fault};

    let site = started(connected());
    let mut browser = site.browser();
    let trail = browser.open_until("/page", |url| url.path().ends_with("/callback"));
    let callback = trail.page().location().to_owned();
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_secs(6)));
    let public = site.get("/public/page");

    thread::scope(|scope| {
        let waiting = scope.spawn(|| browser.step(&callback));
        eventually("authentik is asked", || site.sso.count("/application/o/token/") == 1);
        site.sso.update_provider("wiki", |wiki| {
            wiki.proxy.cookie_domain = "wiki.test".to_owned();
            wiki.proxy.skip_path_regex = "^/public/".to_owned();
        });
        eventually("the change is live", || all_workers_say(&site, &public, 200));
        assert!(!waiting.is_finished(), "it waits while they change");
        let response = waiting.join().expect("the visitor");
        assert_eq!(response.status(), 302, "{response:?}");
        let domains = response.all("Set-Cookie").filter(|c| c.contains("Domain=")).count();
        assert_eq!(domains, 0, "begun without: {response:?}");
    });
    assert_eq!(browser.open("/page").status(), 200);
}

#[test]
fn a_sign_in_outlives_a_change_of_its_secrets_in_authentik() {
    let site = started(connected());
    let mut browsers = [site.browser(), site.browser()];
    let callbacks = browsers.each_mut().map(|browser| browser.open_until_callback("/page"));
    let request = site.get("/public/page");
    for (pattern, status, cookie_secret) in
        [("^/public/", 200, None), ("", 401, Some("of the provider's new cookie secret"))]
    {
        site.sso.update_provider("wiki", |wiki| {
            wiki.client_secret = format!("renewed, {status}");
            wiki.proxy.skip_path_regex = pattern.to_owned();
            if let Some(secret) = cookie_secret {
                secret.clone_into(&mut wiki.proxy.cookie_secret);
            }
        });
        eventually("the change is live", || all_workers_say(&site, &request, status));
    }

    let [first, second] = &mut browsers;
    assert_eq!(first.open(&callbacks[0]).status(), 200);
    // Workers that have not seen the change.
    site.reload();
    assert_eq!(second.open(&callbacks[1]).status(), 200);
    assert_eq!(site.browser().open("/new").status(), 200);
}

#[test]
fn what_is_typed_in_authentik_writes_no_line_of_the_log() {
    let site = started(connected().settings(|settings, _| {
        for slug in ["one", "two"] {
            let host = "https://twin.test/\n2026/01/01 forged";
            settings.providers.push(ProviderSettings::new(slug, host));
        }
    }));
    eventually("both are named", || site.error_log().lines_with("two-proxy").len() == 1);
    let lines = site.error_log().lines_with("forged");
    assert!(lines.iter().all(|line| line.contains("authentik: outpost: provider")), "{lines:#?}");
}

#[test]
fn a_scope_that_headers_need_and_authentik_does_not_send_is_named_once_for_each_change() {
    let site = started(connected());
    let said = "provider \"wiki-proxy\": its scopes leave out";
    let lines = || site.error_log().lines_with(said);
    let set = |scopes: &[&str], pattern: &str| {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        site.sso.update_provider("wiki", |wiki| {
            wiki.scopes = scopes;
            pattern.clone_into(&mut wiki.proxy.skip_path_regex);
        });
    };
    assert_eq!(lines(), [""; 0]);
    set(&["openid", "profile", "email", "entitlements"], "");
    eventually("it is named", || lines().len() == 1);
    assert!(lines()[0].contains("[error]") && lines()[0].contains("\"ak_proxy\""), "{:?}", lines());

    // Another change to the same provider, which still lacks the scope; then one more scope is
    // removed.
    let request = site.get("/public/page");
    set(&["openid", "profile", "email", "entitlements"], "^/public/");
    eventually("the change is live", || all_workers_say(&site, &request, 200));
    assert_eq!(lines().len(), 1);
    set(&["openid", "email", "entitlements"], "^/public/");
    eventually("the other is named", || lines().len() == 2);
    assert!(lines()[1].contains("\"profile\": every sign-in is refused"), "{:?}", lines());
}
