//! Getting in: headers and error pages that made others check a different request from the one that
//! was served.

use super::{CLOSED, WITH_OPEN_PATHS, assert_untouched};
use crate::harness::{Response, Site, parameter};

#[test]
fn s01_no_forwarded_header_changes_the_verdict() {
    // GHSA-5wcc-hf24-rf5h; S04 and S08 are GHSA-6384-m2mw-rf54 and CVE-2026-34457.
    let site = Site::start(WITH_OPEN_PATHS);
    let alice = site.signed_in();
    let usual = site.navigate("/private").send();
    for name in FORWARDED.iter().chain(OTHERS) {
        for value in VALUES {
            let what = format!("{name}: {value}");
            site.app.forget();
            assert_eq!(site.get("/private").header(name, value).status(), 401, "{what}");
            let person = site.navigate("/private").header(name, value).send();
            assert_eq!(address_and_return(&person), address_and_return(&usual), "{what}");
            assert_untouched(&site, &what);

            assert_eq!(site.get("/public/x").header(name, value).status(), 200, "{what}");
            assert_eq!(alice.get("/private").header(name, value).status(), 200, "{what}");
            let received = site.app.last();
            assert_eq!(received.target, "/private", "{what}");
            assert_eq!(received.header("X-authentik-username"), Some("alice"), "{what}");
        }
    }
}

#[test]
fn s01_a_sign_in_ends_at_the_page_it_began_at_whatever_headers_say() {
    let site = Site::start(CLOSED);
    for value in ["/elsewhere", "evil.test", "http://evil.test/", "https"] {
        let request = FORWARDED
            .iter()
            .fold(site.navigate("/page?x=1"), |request, name| request.header(name, value));
        let started = request.send();
        let login = started.all("set-cookie").filter_map(|line| line.split(';').next());
        let login: Vec<&str> = login.collect();
        let callback = site.browser().step(started.location()).location().to_owned();
        let target = callback.strip_prefix(&site.url()).expect("back to this site").to_owned();

        let ended = site.navigate(&target).header("Cookie", login.join("; ")).send();

        assert_eq!(ended.location(), format!("{}/page?x=1", site.url()), "{value}");
    }
    assert_untouched(&site, "callbacks");
}

#[test]
fn s02_rules_for_whole_urls_are_not_matched_on_forwarded_headers() {
    // CVE-2026-40575: skip rules matched on `X-Forwarded-Uri`.
    let site = crate::domain_level::site();
    let port = site.address().port();
    let open = format!("open.example.test:{port}");
    let url = format!("http://{open}/");
    for forged in [
        vec![("X-Forwarded-Host", open.as_str())],
        vec![
            ("X-Forwarded-Host", open.as_str()),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Uri", "/"),
        ],
        vec![("Forwarded", "host=open.example.test;proto=http")],
        vec![("X-Forwarded-Uri", "/health?deep=1"), ("X-Original-URI", "/health?deep=1")],
        vec![("X-Original-URL", url.as_str()), ("X-Rewrite-URL", url.as_str())],
    ] {
        let request = site.get("/secret").host(&format!("wiki.example.test:{port}"));
        assert_eq!(request.headers(&forged).status(), 401, "{forged:?}");
    }
    assert_untouched(&site, "forwarded host");
    assert_eq!(site.get("/secret").host(&open).status(), 200, "the rule itself works");
}

#[test]
fn s02_nobody_is_trusted_unless_a_directive_says_so() {
    // GHSA-7x63-xv5r-3p2x: the list of trusted proxies was 0.0.0.0/0 by default. The client here is
    // 127.0.0.1, and requests what other software lets through unchecked.
    let site = Site::start(CLOSED);
    for method in ["GET", "HEAD", "OPTIONS", "POST"] {
        for path in [
            "/",
            "/favicon.ico",
            "/robots.txt",
            "/healthz",
            "/public/",
            "/static/app.js",
            "/.well-known/acme-challenge/x",
            "/outpost.goauthentik.io/static/app.js",
            "/api/",
        ] {
            assert_eq!(site.request(method, path).status(), 401, "{method} {path}");
        }
    }
    assert_untouched(&site, "defaults");
}

#[test]
fn s04_a_prefix_header_moves_neither_endpoints_nor_rules() {
    let site = Site::builder()
        .provider("mode forward_domain; cookie_domain wiki.test; unauth_paths ^[^?]*/public/;")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    for name in ["X-Forwarded-Prefix", "X-Script-Name", "X-Forwarded-Path", "Script-Name"] {
        for prefix in ["/public", "/public/", "/outpost.goauthentik.io", "//", "/.."] {
            for path in ["/private", "/ping", "/start", "/"] {
                let request = site.get(path).header(name, prefix);
                assert_eq!(request.status(), 401, "{name}: {prefix}, {path}");
            }
        }
    }
    assert_untouched(&site, "prefixes");
}

#[test]
fn s12_no_form_of_error_page_runs_the_protected_handler() {
    // CVE-2026-24513: the response of an error page's backend replaced the refusal, so that the
    // page itself was served.
    for error_page in [
        "error_page 401 403 503 /sorry.html;",
        "error_page 401 403 503 = /sorry.html;",
        "error_page 401 403 503 =200 /sorry.html;",
        "error_page 401 403 503 @sorry; recursive_error_pages on; proxy_intercept_errors on;",
        "error_page 401 403 503 =200 @sorry; satisfy any; deny all;",
    ] {
        let site = Site::builder()
            .file("html/sorry.html", "sorry")
            .server(&format!(
                "authentik_provider wiki;
                 location / {{ {error_page} proxy_pass http://app; }}
                 location /staff/ {{
                     {error_page} authentik_require group staff; proxy_pass http://app;
                 }}
                 location = /sorry.html {{ authentik_provider off; root %%PREFIX%%/html; }}
                 location @sorry {{ authentik_provider off; return 200 sorry; }}
                 location /plain/ {{ proxy_pass http://app; }}"
            ))
            .start();
        let mut alice = site.browser();
        assert_eq!(alice.open("/plain/").status(), 200);
        site.app.forget();
        for (who, response) in [
            ("a stranger", site.get("/private").send()),
            ("who is not permitted", alice.get("/staff/").send()),
            ("with a body", site.request("POST", "/private").body("x=1").send()),
        ] {
            assert_eq!(response.text(), "sorry", "{error_page} {who}");
            assert_eq!(response.header("content-length"), Some("5"), "{error_page} {who}");
        }
        assert_untouched(&site, error_page);
    }
}

/// The target of a redirect, and where it will return to.
fn address_and_return(response: &Response) -> (u16, String, Option<String>) {
    let location = response.location();
    let authorize = location.split('?').next().unwrap_or_default().to_owned();
    (response.status(), authorize, parameter(location, "redirect_uri"))
}

/// Headers in which a proxy in front describes the original request.
const FORWARDED: &[&str] = &[
    "X-Original-URI",
    "X-Original-URL",
    "X-Original-Method",
    "X-Forwarded-Uri",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Prefix",
    "X-Forwarded-Method",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Rewrite-URL",
    "X-Auth-Request-Redirect",
    "Forwarded",
];

const OTHERS: &[&str] = &[
    "X-Forwarded-For",
    "X-Real-IP",
    "X-HTTP-Method-Override",
    "X-authentik-username",
    "X-authentik-auth-callback",
    "X-authentik-logout",
    "User-Agent",
    "Referer",
    "Origin",
];

const VALUES: &[&str] = &[
    "/public/",
    "/healthz",
    "/outpost.goauthentik.io/ping",
    "http://wiki.test/healthz",
    "wiki.test",
    "OPTIONS",
    "true",
    "GoogleHC/1.0",
    "127.0.0.1",
    "not an address",
];
