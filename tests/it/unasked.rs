//! What browsers send unasked has no effect: no session ends, no sign-in starts, no cookie is set.

use crate::harness::{Response, Site};

const PROTECTED: &str = "authentik_provider wiki;
     location / { proxy_pass http://app; }
     location /redirect/ { authentik_unauthenticated redirect; proxy_pass http://app; }";

#[test]
fn a_link_to_sign_out_that_nobody_has_followed_signs_nobody_out() {
    let site = Site::start(PROTECTED);
    let mut alice = site.signed_in();
    for path in ["/outpost.goauthentik.io/sign_out", "/any/page?X-authentik-logout=true"] {
        for (who, method, headers) in UNASKED.iter().chain(FRAMES) {
            let refused = alice.get(path).method(method).headers(headers).send();
            assert_no_effect(&refused, 403, who);
            if *method == "GET" {
                assert!(refused.text().contains("unasked"), "{who}: {}", refused.text());
            }
        }
    }
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/").status(), 200, "still signed in");

    // A deliberate sign-out still works.
    assert_eq!(alice.clone().step("/outpost.goauthentik.io/sign_out").status(), 302);
    assert_eq!(alice.fetch("/").status(), 401);
}

#[test]
fn no_sign_in_begins_that_nobody_has_asked_for() {
    let site = Site::start(PROTECTED);
    for (who, method, headers) in UNASKED {
        for (path, status) in [
            ("/page", 401),
            ("/redirect/page", 401),
            ("/outpost.goauthentik.io/start?rd=/page", 403),
            ("/outpost.goauthentik.io/sign_out", 403), // without a session it is a sign-in
        ] {
            let refused = site.request(method, path).headers(headers).send();
            assert_no_effect(&refused, status, who);
        }
    }
    for (who, method, headers) in FRAMES {
        for (path, status) in [("/page", 401), ("/outpost.goauthentik.io/start?rd=/page", 403)] {
            let page = site.request(method, path).headers(headers).send();
            assert_no_effect(&page, status, who);
            assert!(page.header("Content-Type").is_some_and(|kind| kind.starts_with("text/html")));
            let link = "href=\"/outpost.goauthentik.io/start?rd=http%3A%2F%2Fwiki.test%3A";
            assert!(page.text().contains(link), "{who}: {}", page.text());
        }
    }
    assert_eq!(site.sso.requests().len(), 0, "authentik was not even asked where it signs in");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_callback_that_is_loaded_on_suspicion_leaves_the_code_for_the_one_that_follows() {
    let site = Site::start(PROTECTED);
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    for (who, method, headers) in UNASKED {
        let refused = browser.get(&callback).method(method).headers(headers).send();
        assert_no_effect(&refused, 403, who);
    }
    assert_eq!(site.sso.count("/application/o/token/"), 0, "the code was not used");

    assert_eq!(browser.step(&callback).status(), 302);
    assert_eq!(browser.get("/page").status(), 200);
}

#[test]
fn credentials_that_come_unasked_are_checked_and_begin_no_session() {
    let site = Site::start(PROTECTED);
    let bob = "Basic Ym9iOmFwcC1wYXNzd29yZC1ib2Ita2V5LTAxMjM0NTY3ODk=";
    for (who, method, headers) in UNASKED {
        let answer = site.request(method, "/").headers(headers).header("Authorization", bob).send();
        assert_eq!((answer.status(), answer.header("Set-Cookie")), (200, None), "{who}");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"), "{who}");
    }
}

#[test]
fn a_known_visitor_gets_what_is_loaded_on_suspicion() {
    let site = Site::start(PROTECTED);
    let alice = site.signed_in();
    for (who, method, headers) in UNASKED.iter().chain(FRAMES) {
        let answer = alice.get("/page").method(method).headers(headers).send();
        assert_eq!((answer.status(), answer.header("Set-Cookie")), (200, None), "{who}");
    }
}

/// Asserts that no session is opened or ended, and that the browser is not redirected.
pub(crate) fn assert_no_effect(response: &Response, status: u16, who: &str) {
    assert_eq!(response.status(), status, "{who}: {response:#?}");
    for name in ["Set-Cookie", "Location"] {
        assert_eq!(response.header(name), None, "{who}: {name}");
    }
    let caching = response.header("Cache-Control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{who}: a browser must ask again: {caching}");
}

/// A description, the method, the headers.
type Visitor = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

pub(crate) const UNASKED: &[Visitor] = &[
    ("a prefetch of Chrome", "GET", &[HTML, NAVIGATE, DOCUMENT, ("Sec-Purpose", "prefetch")]),
    (
        "a prerendering",
        "GET",
        &[HTML, NAVIGATE, DOCUMENT, ("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch")],
    ),
    ("an older Chrome, or Safari", "GET", &[HTML, ("Purpose", "prefetch")]),
    ("a preview of Safari", "GET", &[HTML, ("X-Purpose", "preview")]),
    ("an older Firefox", "GET", &[HTML, ("X-Moz", "prefetch")]),
    ("a link that is looked at", "HEAD", &[HTML]),
    ("a navigation's HEAD", "HEAD", &[HTML, NAVIGATE, DOCUMENT]),
    ("a pre-flight", "OPTIONS", &[("Access-Control-Request-Method", "GET"), CORS]),
    ("an image", "GET", &[("Accept", "image/*"), NO_CORS, ("Sec-Fetch-Dest", "image")]),
    ("a script", "GET", &[("Accept", "*/*"), NO_CORS, ("Sec-Fetch-Dest", "script")]),
    ("a style sheet", "GET", &[("Accept", "text/css"), NO_CORS, ("Sec-Fetch-Dest", "style")]),
    ("a font", "GET", &[("Accept", "*/*"), CORS, ("Sec-Fetch-Dest", "font")]),
    ("an object", "GET", &[HTML, NAVIGATE, ("Sec-Fetch-Dest", "object")]),
];

/// Frames that a page displays without the visitor's action.
const FRAMES: &[Visitor] = &[
    ("a frame", "GET", &[HTML, NAVIGATE, IFRAME, ("Sec-Fetch-Site", "same-origin")]),
    ("a frame of another site", "GET", &[HTML, NAVIGATE, IFRAME, ("Sec-Fetch-Site", "cross-site")]),
    ("a frame of a frameset", "GET", &[HTML, NAVIGATE, ("Sec-Fetch-Dest", "frame")]),
];

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const NAVIGATE: (&str, &str) = ("Sec-Fetch-Mode", "navigate");
const CORS: (&str, &str) = ("Sec-Fetch-Mode", "cors");
const NO_CORS: (&str, &str) = ("Sec-Fetch-Mode", "no-cors");
const DOCUMENT: (&str, &str) = ("Sec-Fetch-Dest", "document");
const IFRAME: (&str, &str) = ("Sec-Fetch-Dest", "iframe");
