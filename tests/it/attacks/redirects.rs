//! Being sent elsewhere after a sign-in. tests/it/open_redirects.rs replays the list of payloads.

use url::Url;

use super::{CLOSED, assert_untouched};
use crate::harness::Site;

#[test]
fn s28_a_sign_in_to_a_domain_ends_at_a_dot_boundary() {
    // GHSA-4mf2-f3wh-gvf2, CVE-2026-41569: `evilexample.com` counted as `example.com`.
    let site = crate::domain_level::site();
    let port = site.address().port();
    let at = |host: &str| format!("http://{host}.example.test:{port}/page");
    let root = format!("http://auth.example.test:{port}/");
    for (rd, destination) in [
        (at("wiki"), at("wiki")),
        (at("a.b"), at("a.b")),
        (at("WIKI"), at("wiki")),
        ("http://example.test/page".to_owned(), "http://example.test/page".to_owned()),
        ("http://wiki.example.test:1/".to_owned(), "http://wiki.example.test:1/".to_owned()),
        ("http://evilexample.test/".to_owned(), root.clone()),
        ("http://example.test.evil.org/".to_owned(), root.clone()),
        ("http://example.test@evil.org/".to_owned(), root.clone()),
        ("http://evil.org@wiki.example.test/".to_owned(), root.clone()),
        ("http://example.test:80@evil.org/".to_owned(), root.clone()),
        ("http://evil.org:80.example.test/".to_owned(), root.clone()),
        ("http://evil.org%00.example.test/".to_owned(), root.clone()),
        ("http://evil.org\\.example.test/".to_owned(), root.clone()),
        ("http://evil.org/.example.test".to_owned(), root.clone()),
        ("http://wiki.example.test./".to_owned(), root.clone()),
        ("http://-.test/".to_owned(), root.clone()),
        ("//wiki.example.test/".to_owned(), root.clone()),
        ("/page".to_owned(), root),
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(rd.as_bytes()).collect();
        let start =
            format!("http://auth.example.test:{port}/outpost.goauthentik.io/start?rd={encoded}");
        let over =
            |url: &Url| !url.path().ends_with("/callback") && !url.path().ends_with("/authorize/");
        let trail = site.browser().open_until(&start, over);
        let page = trail.page();
        assert_eq!((page.status(), page.location()), (302, destination.as_str()), "{rd}");
        for cookie in page.all("set-cookie") {
            assert!(cookie.contains("; Domain=example.test;"), "{cookie}");
        }
    }
    assert_untouched(&site, "redirects");
}

#[test]
fn s29_a_stored_target_is_judged_by_the_settings_of_the_day_it_is_used() {
    // CVE-2024-21497, CVE-2021-29456: stored when it was allowed, used when it no longer was.
    let site = Site::builder()
        .provider("mode forward_domain; cookie_domain wiki.test;")
        .server(CLOSED)
        .start();
    let mut browser = site.browser();
    let start = "/outpost.goauthentik.io/start?rd=http%3A%2F%2Fold.wiki.test%2Fpage";
    let authorize = browser.step(start).location().to_owned();
    // authentik issues a code each time it is asked: one state, two callbacks.
    let callbacks = [(); 2].map(|()| browser.step(&authorize).location().to_owned());
    let mut later = browser.clone();
    assert_eq!(browser.step(&callbacks[0]).location(), "http://old.wiki.test/page");

    site.edit_configuration("mode forward_domain; cookie_domain wiki.test;", "");
    site.reload();

    assert_eq!(later.step(&callbacks[1]).location(), format!("{}/", site.url()));
    assert_untouched(&site, "redirects");
}

#[test]
fn s30_the_redirect_uri_is_the_configured_one_and_all_we_emit_is_http() {
    // CVE-2024-52289, CVE-2024-21637: patterns as redirect URIs, `javascript:` among them.
    let site = Site::start(CLOSED);
    let expected =
        format!("{}/outpost.goauthentik.io/callback?X-authentik-auth-callback=true", site.url());
    for target in [
        "/page",
        "/page?redirect_uri=javascript:alert(1)",
        "/outpost.goauthentik.io/start?rd=javascript%3Aalert(1)",
        "/outpost.goauthentik.io/start?rd=data%3Atext/html,x&redirect_uri=http%3A%2F%2Fevil.test",
        "/outpost.goauthentik.io/start?rd=vbscript%3Ax",
        "/outpost.goauthentik.io/start?rd=file%3A%2F%2F%2Fetc%2Fpasswd",
    ] {
        for host in ["wiki.test", "evil.test", "javascript:alert(1)"] {
            let response = site.navigate(target).host(host).send();
            if response.status() == 400 {
                continue; // a Host that nginx does not read
            }
            let location = response.location();
            let redirects: Vec<String> = Url::parse(location)
                .expect("a URL")
                .query_pairs()
                .filter(|(name, _)| name == "redirect_uri")
                .map(|(_, value)| value.into_owned())
                .collect();
            assert_eq!(redirects, [expected.as_str()], "{target} {host}");
            assert!(location.starts_with(&site.sso.url()), "{target} {host}: {location}");
        }
    }
    let mut browser = site.signed_in();
    let out = browser.step("/outpost.goauthentik.io/sign_out?rd=javascript%3Aalert(1)");
    assert!(out.location().starts_with(&site.sso.url()), "{}", out.location());
    assert_untouched(&site, "redirects");
}
