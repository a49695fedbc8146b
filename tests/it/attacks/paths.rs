//! Getting in by the path: what a rule checks, what nginx serves, what the application receives.

use super::assert_untouched;
use crate::harness::{Builder, Site};

#[test]
fn s05_what_is_let_in_is_what_the_application_is_asked_for() {
    // GHSA-6jwx-7vp4-9847: the path that was checked was not the one that was passed on.
    for (pass, locations) in [
        ("as sent", "location / { proxy_pass http://app; }"),
        ("normalised", "location / { proxy_pass http://app/; }"),
        ("$request_uri", "location / { proxy_pass http://app$request_uri; }"),
        ("$uri", "location / { proxy_pass http://app$uri; }"),
        (
            "rewritten to an open path",
            "location / { rewrite ^/private/(.*)$ /public/$1 break; proxy_pass http://app; }",
        ),
        (
            "rewritten to a closed path",
            "location / { proxy_pass http://app; }
             location /public/old/ { rewrite ^/public/old/(.*)$ /private/$1 last; }",
        ),
        (
            "a prefix replaced",
            "location / { proxy_pass http://app; }
             location /private/ { proxy_pass http://app/public/; }",
        ),
    ] {
        let site = site(locations).start();
        for target in HOSTILE.iter().chain(HONEST) {
            site.app.forget();
            let status = site.get(target).status();
            let let_in = site.app.hits() > 0;
            assert_eq!(status == 200, let_in, "{pass}: {target}: {status}");
            if let_in {
                let asked = site.app.last().target;
                assert!(is_open(target) && is_open(&asked), "{pass}: {target} became {asked}");
            }
        }
        assert_eq!(site.get("/public/page").status(), 200, "{pass}: the rule itself works");
    }
}

#[test]
fn s05_an_alias_serves_nothing_that_its_rule_does_not_cover() {
    let site = site(
        "location / { root %%PREFIX%%/html; }
         location /public/ { alias %%PREFIX%%/html/public/; }",
    )
    .file("html/public/page", "open")
    .file("html/private/page", "closed")
    .start();
    for target in HOSTILE.iter().chain(&["/private/page"]) {
        let response = site.get(target).send();
        assert!(!response.text().contains("closed"), "{target}");
        assert_ne!(response.status(), 200, "{target}");
    }
    assert_eq!(site.get("/public/page").send().text(), "open");
}

#[test]
fn s09_no_spelling_of_a_closed_path_is_covered_by_any_form_of_rule() {
    // CVE-2026-41059, GHSA-pxq7-h93f-9jrg: `#` and `%23` widened a pattern.
    let location = |pattern: &str| {
        Site::builder().server(&format!(
            "authentik_provider wiki;
             authentik_unauth_paths {pattern};
             location / {{ proxy_pass http://app; }}"
        ))
    };
    let of_provider = |lines: &str| {
        let server = "authentik_provider wiki; location / { proxy_pass http://app; }";
        Site::builder().provider(lines).server(server)
    };
    for (rule, builder) in [
        ("a prefix", location("^/public/")),
        ("one page", location("^/public/page$")),
        ("not anchored", location("/public/")),
        ("a word", location("public/page")),
        ("in any case", location("(?i)^/PUBLIC/")),
        ("at the end", location("/page$ ^/public/")),
        ("a class", location("^/[a-z]+/page$")),
        ("the provider's own", of_provider("unauth_paths ^/public/;")),
        (
            "whole URLs",
            of_provider(
                "mode forward_domain; cookie_domain wiki.test;
                 unauth_paths ^http://wiki\\.test:\\d+/public/;",
            ),
        ),
    ] {
        let site = builder.start();
        for target in HOSTILE {
            let status = site.get(target).status();
            assert!(matches!(status, 400 | 401), "{rule}: {target}: {status}");
        }
        assert_untouched(&site, rule);
        assert_eq!(site.get("/public/page").status(), 200, "{rule}: the rule itself works");
    }
}

#[test]
fn s10_the_query_opens_nothing_also_where_the_provider_sees_it() {
    // GHSA-7rh7-c77v-6434: patterns matched the path and the query as one string.
    let site = Site::builder()
        .provider(
            "mode forward_domain; cookie_domain wiki.test;
             unauth_paths ^http://wiki\\.test:\\d+/open[?];",
        )
        .server(
            "authentik_provider wiki;
             authentik_unauth_paths /public/ /page$;
             location / { proxy_pass http://app; }",
        )
        .start();
    for (target, open) in [
        ("/open?x", true),
        ("/open", false),
        ("/x?http://wiki.test:1/open?", false),
        ("/private?x=/public/", false),
        ("/private?/public/", false),
        ("/private?x/page", false),
        ("/private?x=%2Fpublic%2F", false),
        ("/x/public/?y", true),
        ("/page?y=/private", true),
    ] {
        site.app.forget();
        assert_eq!(site.get(target).status(), if open { 200 } else { 401 }, "{target}");
        assert_eq!(site.app.hits(), u64::from(open), "{target}");
    }
}

#[test]
fn s13_slashes_that_nginx_does_not_merge_open_nothing() {
    // `proxy_pass_normalized` in gixy; `merge_slashes off` keeps slashes that most upstreams merge.
    for merge in ["on", "off"] {
        let site = site(&format!("merge_slashes {merge}; location / {{ proxy_pass http://app; }}"))
            .start();
        for (target, open) in [
            ("/public/page", true),
            ("/public//page", true),
            ("//public/page", false),
            ("///public/page", false),
            ("/private//../public/page", false),
            ("/public//../private/page", false),
            ("/public//../../private/page", false),
            ("/private//public/page", false),
        ] {
            site.app.forget();
            let status = site.get(target).status();
            // 400: more `..` than directories, rejected by nginx itself.
            let expected: &[u16] = if open { &[200] } else { &[400, 401] };
            assert!(expected.contains(&status), "merge_slashes {merge}: {target}: {status}");
            assert_eq!(site.app.hits(), u64::from(open), "merge_slashes {merge}: {target}");
        }
    }
}

/// Everything below `/public/` is open.
fn site(locations: &str) -> Builder {
    Site::builder().server(&format!(
        "authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         {locations}"
    ))
}

/// Whether a reader who decodes all escapes repeatedly ends up below `/public/`.
fn is_open(target: &str) -> bool {
    let mut path = target.split('?').next().unwrap_or_default().to_owned();
    for _ in 0..3 {
        path = percent_decoded(&path);
    }
    let plain = !path.contains([';', '#', '\\', '\0']) && !path.contains("/../");
    path.starts_with("/public/") && plain
}

fn percent_decoded(path: &str) -> String {
    url::form_urlencoded::parse(path.replace('+', "%2B").replace(['&', '='], "_").as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect()
}

/// Ordinary ways to write a path, open or closed.
const HONEST: &[&str] = &[
    "/public/page?x=/private/",
    "/public//page",
    "/public/a%20b",
    "/public/%C3%BC+%2B",
    "/public/old/page",
    "/private/page",
    "/private/",
];

/// Paths that are open to some readers, but not to others.
const HOSTILE: &[&str] = &[
    "/private#/public/page",
    "/private%23/public/page",
    "/public/page#/../../private/page",
    "/public/page%23",
    "/private;/public/page",
    "/private%3b/public/page",
    "/public/;/../private/page",
    "/public/..;/private/page",
    "/public/page;x",
    "/private%00/public/page",
    "/public/page%00",
    "//public/page",
    "//wiki.test/public/page",
    "/./public/page",
    "/public/./page",
    "/public/../private/page",
    "/private/../public/page",
    "/public/%2e%2e/private/page",
    "/private/%2e%2e/public/page",
    "/public%2fpage",
    "/public/..%2fprivate/page",
    "/private/..%2fpublic/page",
    "/public/%2e%2e%2fprivate/page",
    "/public/%5cpage",
    "/public/..%5cprivate/page",
    "/public/..\\private/page",
    "/public\\page",
    "/public/%252e%252e/private/page",
    "/public/..%252fprivate/page",
    "/%2570ublic/page",
    "/public/%25",
    "/private%3f/public/page",
    "/public/%c0%ae%c0%ae/private/page",
    "/public/.../private/page",
    "/private%0a/public/page",
    "/private%0d%0a/public/page",
];
