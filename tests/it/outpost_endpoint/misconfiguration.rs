//! A proxy that does not say which page its visitor wants is reported to authentik, now and then.

use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use super::{OUTPOST, connected, site, started};
use crate::harness::eventually;

#[test]
fn a_proxy_that_says_too_little_is_reported_once_and_without_secrets() {
    let site = site();
    for _ in 0..8 {
        let question = site
            .get("/outpost.goauthentik.io/auth/traefik?secret-of-the-query")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Uri", "/page?code=secret-code")
            .header("Cookie", "session=secret-cookie")
            .header("Authorization", "Bearer secret-token");
        assert_eq!(question.send().status(), 500);
    }
    eventually("authentik is told", || site.sso.events().len() == 1);
    std::thread::sleep(Duration::from_secs(1));
    let events = site.sso.events();
    assert_eq!(events.len(), 1, "once a minute: {events:#?}");
    let event = &events[0];
    assert_eq!(event["action"], "configuration_error");
    assert_eq!(event["app"], "authentik.providers.proxy");
    assert_eq!(event["client_ip"], "127.0.0.1");
    let context = &event["context"];
    assert_eq!(context["outpost"], "stand-in outpost");
    assert_eq!(context["provider"], "wiki-proxy");
    assert_eq!(context["url"], "/outpost.goauthentik.io/auth/traefik");
    assert_eq!(context["headers"]["x-forwarded-uri"], "/page");
    let message = context["message"].as_str().unwrap_or_default();
    assert!(message.contains("failed to detect a forward URL from Traefik"), "{message}");
    assert!(!event.to_string().contains("secret"), "{event:#}");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn what_strangers_do_is_not_reported() {
    let untrusted = OUTPOST.replace("trusted=127.0.0.1", "trusted=192.0.2.1");
    let site = started(connected().server(&untrusted));
    for proxy in ["nginx", "traefik", "caddy"] {
        let target = format!("/outpost.goauthentik.io/auth/{proxy}");
        assert_eq!(site.get(&target).send().status(), 500, "{proxy}");
    }
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(site.sso.count("/api/v3/events/"), 0);
}

#[test]
fn a_report_that_fails_is_a_line_in_the_log_and_nothing_else() {
    let site = started(connected().server(&format!("error_log error.log info; {OUTPOST}")));
    site.sso.fault(Endpoint::Events, Fault::Status(500));
    assert_eq!(site.get("/outpost.goauthentik.io/auth/nginx").send().status(), 500);
    eventually("it is tried", || site.sso.count("/api/v3/events/") == 1);
    assert_eq!(site.get("/outpost.goauthentik.io/auth/nginx").send().status(), 500);
    assert_eq!(site.get("/").send().status(), 401);
}
