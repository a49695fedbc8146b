//! The response to each kind of proxy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::stranger;
use super::{OUTPOST, PROXIES, connected, endpoint, public, question, site, started};
use crate::harness::{IDENTITY_HEADERS, Response, Site, parameter};
use crate::unasked::{UNASKED, assert_no_effect};

fn has_identity(response: &Response) -> bool {
    IDENTITY_HEADERS.iter().any(|name| response.header(name).is_some())
}

#[test]
fn a_stranger_is_refused_in_the_way_each_proxy_understands() {
    let site = site();
    let page = format!("{}/page?x=1&y=2", site.url());
    for proxy in PROXIES {
        let refusal = stranger(&site, proxy, "/page?x=1&y=2").send();
        assert!(!has_identity(&refusal), "{proxy}: {refusal:#?}");
        if proxy == "nginx" {
            assert_eq!(refusal.status(), 401);
            assert_eq!(refusal.text(), "unauthorized request");
            assert!(refusal.header("Content-Type").is_some_and(|t| t.starts_with("text/plain")));
            assert_eq!(refusal.header("Location"), None);
            assert_eq!(refusal.header("Set-Cookie"), None);
        } else {
            assert_eq!(refusal.status(), 302, "{proxy}");
            let location = refusal.location();
            assert!(location.contains("/application/o/authorize/?"), "{proxy}: {location}");
            let callback = parameter(location, "redirect_uri").expect("a redirect URI");
            assert!(callback.starts_with(&site.url()), "{proxy}: {callback}");
            assert!(refusal.header("Set-Cookie").is_some(), "{proxy}");
        }
    }
    let mut browser = site.browser();
    let location = browser.step(&page).location().to_owned();
    assert!(location.contains("/application/o/authorize/?"), "the page itself: {location}");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn what_a_visitors_browser_sends_unasked_has_no_effect_behind_a_proxy_either() {
    let site = site();
    let alice = site.signed_in();
    let host = format!("wiki.test:{}", site.address().port());
    for (who, method, headers) in UNASKED {
        for proxy in PROXIES {
            // Envoy asks with the visitor's method; auth_request does not send it.
            let method = match proxy {
                "nginx" if *method != "GET" => continue,
                "envoy" => *method,
                _ => "GET",
            };
            let refusal = stranger(&site, proxy, "/page").method(method).headers(headers);
            let refusal = refusal.header("X-Forwarded-Method", said(who)).send();
            assert_no_effect(&refusal, 401, who);
        }
        for proxy in ["traefik", "caddy"] {
            let target = "/page?X-authentik-logout=true";
            let request = question(proxy, alice.get(&endpoint(proxy, target)), &host, target);
            let request = request.headers(headers).header("X-Forwarded-Method", said(who));
            assert_no_effect(&request.send(), 403, who);
        }
    }
    assert_eq!(alice.get("/page").status(), 200, "still signed in");
}

/// The method of this visitor.
fn said(who: &str) -> &'static str {
    UNASKED.iter().find(|(name, ..)| *name == who).map_or("GET", |(_, method, _)| method)
}

#[test]
fn a_known_visitor_is_told_in_headers_and_an_open_path_tells_nothing() {
    let site = site();
    let browser = site.signed_in_as("bob");
    let host = format!("wiki.test:{}", site.address().port());
    for proxy in PROXIES {
        for target in ["/page", "/public/a"] {
            let request = browser.get(&endpoint(proxy, target));
            let yes = question(proxy, request, &host, target).send();
            assert_eq!(yes.status(), 200, "{proxy} {target}");
            assert_eq!(yes.text(), "");
            assert_eq!(yes.header("X-authentik-username"), Some("bob"), "{proxy} {target}");
            for name in IDENTITY_HEADERS {
                assert_eq!(yes.all(name).count(), 1, "{proxy} {name}");
            }
            // The user's additional header, as for an application.
            assert!(yes.header("X-Group-Header").is_some(), "{proxy}: {yes:#?}");
            assert_eq!(yes.header("Set-Cookie"), None, "{proxy}");
        }
        let yes = stranger(&site, proxy, "/public/a?x=1").send();
        assert_eq!((yes.status(), yes.text().as_str()), (200, ""), "{proxy}");
        assert!(!has_identity(&yes), "{proxy}: {yes:#?}");
        assert_eq!(yes.header("Set-Cookie"), None, "{proxy}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn what_a_client_claims_is_not_in_the_answer() {
    let site = site();
    for name in ["X-authentik-username", "X-AUTHENTIK-GROUPS"] {
        let yes = stranger(&site, "nginx", "/public/a").header(name, "root").send();
        assert_eq!(yes.status(), 200);
        assert!(!has_identity(&yes), "{yes:#?}");
    }
}

#[test]
fn credentials_begin_a_session_once() {
    let site = site();
    let password = STANDARD.encode("bob:app-password-bob-key-0123456789");
    let ask = |proxy: &str, credentials: &str| {
        let credentials = format!("Basic {credentials}");
        stranger(&site, proxy, "/api").header("Authorization", credentials).send()
    };

    let first = ask("nginx", &password);
    let second = ask("nginx", &password);

    assert_eq!((first.status(), second.status()), (200, 200));
    assert_eq!(first.header("X-authentik-username"), Some("bob"));
    let session = |answer: &Response| {
        let cookie = answer.header("Set-Cookie").and_then(|cookie| cookie.split(';').next());
        cookie.map(str::to_owned)
    };
    assert!(session(&first).is_some_and(|cookie| cookie.starts_with("authentik_proxy_")));
    assert_eq!(second.header("X-authentik-username"), Some("bob"));
    assert_eq!(session(&second), session(&first), "one session is enough");
    // intercept_header_auth has no effect here (docs/protocol.md §5.4).
    let wrong = STANDARD.encode("bob:wrong");
    assert_eq!(ask("nginx", &wrong).status(), 401);
    assert_eq!(ask("traefik", &wrong).status(), 302);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn rules_and_open_paths_of_the_location_hold_too() {
    let site = started(public(connected()).server(
        "authentik_provider auto;
         add_header X-Worker $pid always;
         location / { proxy_pass http://app; }
         location /outpost.goauthentik.io/ {
             authentik_outpost_endpoint trusted=127.0.0.1;
             authentik_require user bob;
             authentik_unauth_paths ^/also/;
             authentik_unauthenticated pass;
             error_page 401 403 =200 /yes;
         }",
    ));
    for (user, status) in [("bob", 200), ("alice", 403)] {
        let browser = site.signed_in_as(user);
        for proxy in PROXIES {
            let host = format!("wiki.test:{}", site.address().port());
            let request = question(proxy, browser.get(&endpoint(proxy, "/page")), &host, "/page");
            assert_eq!(request.status(), status, "{proxy} {user}");
        }
    }
    for proxy in PROXIES {
        assert_eq!(stranger(&site, proxy, "/also/a").status(), 200, "{proxy}");
        let refused = if proxy == "nginx" { 401 } else { 302 };
        assert_eq!(stranger(&site, proxy, "/page").status(), refused, "{proxy}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn while_authentik_is_away_known_visitors_pass_and_nobody_else() {
    let by_hand = OUTPOST.replace("authentik_provider auto", "authentik_provider wiki");
    let mut site = Site::start(&by_hand);
    let browser = site.signed_in();
    site.expect_in_error_log("reason: core-");
    site.expect_in_error_log("discovery failed");
    site.sso.down();
    let credentials = format!("Basic {}", STANDARD.encode("bob:app-password-bob-key-0123456789"));
    for (proxy, status) in [("nginx", 401), ("traefik", 503), ("caddy", 503), ("envoy", 503)] {
        let stranger = stranger(&site, proxy, "/page").header("Authorization", &credentials);
        assert_eq!(stranger.status(), status, "{proxy}");
        let known = browser.get(&endpoint(proxy, "/page"));
        assert_eq!(question(proxy, known, "wiki.test", "/page").status(), 200, "{proxy}");
    }
    assert_eq!(site.app.hits(), 0);
}
