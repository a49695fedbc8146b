//! What HAProxy asks with authentik's recipe. Debian has neither haproxy-auth-request nor
//! haproxy-lua-http, so their requests are sent by hand: a HEAD whose `Host` is the outpost's address,
//! with the headers that the recipe allows.

use super::site;
use crate::harness::{IDENTITY_HEADERS, Request, Site};

/// The question about a page; `request` has the cookies.
fn asked(request: Request, site: &Site, target: &str) -> Request {
    let host = format!("wiki.test:{}", site.address().port());
    request
        .method("HEAD")
        .host("10.0.0.1:9000")
        .header("X-Original-URL", format!("http://{host}{target}"))
        .header("X-Real-IP", "192.0.2.7")
        .header("X-Forwarded-For", "192.0.2.7")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-Host", host)
        .header("User-Agent", "Mozilla/5.0")
        .header("Accept", "text/html")
}

const ENDPOINT: &str = "/outpost.goauthentik.io/auth/nginx";

#[test]
fn what_the_haproxy_recipe_asks_is_answered() {
    let site = site();
    let alice = site.signed_in();
    site.app.forget();

    let known = asked(alice.get(ENDPOINT), &site, "/plans?week=3").send();
    assert_eq!(known.status(), 200, "{known:#?}");
    assert_eq!(known.header("X-authentik-username"), Some("alice"));
    for name in IDENTITY_HEADERS {
        assert!(known.header(name).is_some(), "the recipe copies {name}: {known:#?}");
    }

    // 401 begins the sign-in, everything else is a refusal.
    let stranger = asked(site.get(ENDPOINT), &site, "/plans?week=3").send();
    assert_eq!(stranger.status(), 401);
    assert_eq!((stranger.header("Location"), stranger.header("Set-Cookie")), (None, None));
    assert_eq!(stranger.header("X-authentik-username"), None);

    let open = asked(site.get(ENDPOINT), &site, "/public/page").send();
    assert_eq!(open.status(), 200);
    assert_eq!(open.header("X-authentik-username"), None);

    let port = site.address().port();
    let start = format!(
        "/outpost.goauthentik.io/start?rd=http%3A%2F%2Fwiki.test%3A{port}%2Fplans%3Fweek%3D3"
    );
    let begun = site.navigate(&start).send();
    assert_eq!(begun.status(), 302);
    assert!(begun.location().contains("/application/o/authorize/?"), "{}", begun.location());
    assert_eq!(site.app.hits(), 0, "HAProxy itself passes the page on");
}
