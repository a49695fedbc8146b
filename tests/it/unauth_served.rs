//! Unauthenticated paths in every configuration that passes on or serves a path other than the
//! requested one: docs/unauthenticated-paths.md.

use crate::harness::{Connection, Site};

/// A site with these lines, `^/public/` open, and a secret file next to the open one.
fn site(lines: &str) -> Site {
    Site::builder()
        .file("html/public/page", "open")
        .file("html/public/a b", "open")
        .file("html/private/page", "secret")
        .server(&format!("authentik_provider wiki; authentik_unauth_paths ^/public/; {lines}"))
        .start()
}

#[test]
fn whatever_is_sent_to_the_application_is_below_the_open_path_in_both_readings() {
    for (shape, prefix) in [
        ("location / { proxy_pass http://app; }", "/public/"),
        ("location / { proxy_pass http://app/; }", "/public/"),
        ("location / { proxy_pass http://app/below/; }", "/below/public/"),
        ("location / { proxy_pass http://app$uri; }", "/public/"),
        ("location / { proxy_pass http://app$request_uri; }", "/public/"),
        ("merge_slashes off; location / { proxy_pass http://app; }", "/public/"),
        ("merge_slashes off; location / { proxy_pass http://app/; }", "/public/"),
        ("location / { rewrite ^/(.*)$ /$1 break; proxy_pass http://app; }", "/public/"),
        (
            "location /public/ { proxy_pass http://app/public/; } location / { proxy_pass http://app; }",
            "/public/",
        ),
        (
            "location ~ ^/public/(.*) { proxy_pass http://app/public/$1; } location / { proxy_pass http://app; }",
            "/public/",
        ),
    ] {
        let site = site(shape);
        assert_eq!(site.get("/public/page").status(), 200, "{shape}");
        assert!(site.app.last().target.starts_with(prefix), "{shape}: {:?}", site.app.last());

        for target in CROOKED {
            site.app.forget();
            let answer = raw(&site, target);
            let refused = ["401", "400", "404"].iter().any(|code| answer.get(9..12) == Some(code));
            assert!(refused, "{shape}: {target}: {answer:.200}");
            assert_eq!(site.app.hits(), 0, "{shape}: {target}");
        }
    }
}

#[test]
fn whatever_file_is_served_is_below_the_open_path() {
    for shape in [
        "location / { root %%PREFIX%%/html; }",
        "merge_slashes off; location / { root %%PREFIX%%/html; }",
        "location / { alias %%PREFIX%%/html/; }",
        "location /public/ { alias %%PREFIX%%/html/public/; }
         location / { root %%PREFIX%%/html; }",
        // A missing slash, a known mistake: `/public../private/page` is served from the parent
        // directory.
        "location /public { alias %%PREFIX%%/html/public/; }
         location / { root %%PREFIX%%/html; }",
        "location ~ ^/public/(.*)$ { alias %%PREFIX%%/html/public/$1; }
         location / { root %%PREFIX%%/html; }",
        "location / { root %%PREFIX%%/html; try_files $uri /private/page; }",
    ] {
        let site = site(shape);
        for honest in ["/public/page", "/public/a%20b"] {
            assert_eq!(site.get(honest).send().text(), "open", "{shape}: {honest}");
        }
        for target in CROOKED.iter().chain(&["/public../private/page", "/private/page"]) {
            let answer = raw(&site, target);
            assert!(!answer.contains("secret"), "{shape}: {target}: {answer}");
        }
    }
}

#[test]
fn after_a_rewrite_the_path_that_was_asked_for_and_the_new_one_must_be_open() {
    let site = site(
        "location /in/ { rewrite ^/in/(.*)$ /public/$1 last; }
         location /in-break/ { rewrite ^/in-break/(.*)$ /public/$1 break; proxy_pass http://app; }
         location /public/out/ { rewrite ^/public/out/(.*)$ /private/$1 last; }
         location /public/out-break/ {
             rewrite ^/public/out-break/(.*)$ /private/$1 break;
             proxy_pass http://app;
         }
         location /public/moved/ { rewrite ^/public/moved/(.*)$ /public/$1 last; }
         location /public/moved-break/ {
             rewrite ^/public/moved-break/(.*)$ /public/$1 break;
             proxy_pass http://app;
         }
         location / { proxy_pass http://app; }",
    );
    for (target, arrives_at) in [
        ("/in/page", None),
        ("/in-break/page", None),
        ("/public/out/page", None),
        ("/public/out-break/page", None),
        ("/public/moved/page", Some("/public/page")),
        ("/public/moved-break/page", Some("/public/page")),
        // The captured text is decoded, and may contain `..` only as text that is not resolved
        // again.
        ("/public/moved/..%2fprivate", None),
        ("/public/moved-break/..%2f..%2fprivate", None),
        ("/public/moved/%252e%252e/private", None),
    ] {
        site.app.forget();
        let status = site.get(target).status();
        assert_eq!(status, if arrives_at.is_some() { 200 } else { 401 }, "{target}");
        assert_eq!(site.app.hits(), u64::from(arrives_at.is_some()), "{target}");
        if let Some(path) = arrives_at {
            assert_eq!(site.app.last().target, path, "{target}");
        }
    }
}

#[test]
fn with_merge_slashes_off_a_rule_must_match_with_one_slash_and_with_two() {
    let site = Site::start(
        "merge_slashes off;
         authentik_provider wiki;
         authentik_unauth_paths ^/public/ ^/exact$ ^/a//b$;
         location / { proxy_pass http://app; }",
    );
    for (target, status) in [
        ("/public/page", 200),
        ("/public//page", 200),
        ("//public/page", 401),
        ("/exact", 200),
        ("//exact", 401),
        ("/a//b", 401),
        ("/a/b", 401),
    ] {
        assert_eq!(site.get(target).status(), status, "{target}");
    }
    assert_eq!(site.app.hits(), 3);
}

/// The bytes of the response to a target that an honest client would not send.
fn raw(site: &Site, target: &str) -> String {
    let mut connection = Connection::open(site.address());
    let head = format!("GET {target} HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n");
    connection.send(head);
    connection.read_to_end()
}

/// Ways out of `/public/`, or into it, that only some readers take.
const CROOKED: &[&str] = &[
    "/public/../private/page",
    "/public/..%2fprivate/page",
    "/public/..%2Fprivate/page",
    "/public%2f..%2fprivate/page",
    "/public/%2e%2e/private/page",
    "/public/.%2e/private/page",
    "/public/%2e%2e%2fprivate/page",
    "/public/..%5cprivate/page",
    "/public/..\\private/page",
    "/public/..;/private/page",
    "/public/..;x=y/private/page",
    "/public/..%3b/private/page",
    "/public/%252e%252e/private/page",
    "/public/%252e%252e%252fprivate/page",
    "/public//../../private/page",
    "/public//..//../private/page",
    "//public/../private/page",
    "//public/private/page",
    "///public/page",
    "/./public/../private/page",
    "/private/../public/page",
    "/private/..%2fpublic/page",
    "/private/%2e%2e/public/page",
    "/private%2f..%2fpublic/page",
    "/x/..//public/page",
    "/%70ublic/page",
    "/public/..%00/private/page",
    "/public/%00/page",
    "/public/..%20/private/page",
    "/public/.../private/page",
    "/public/%c0%ae%c0%ae/private/page",
    "/public/\u{ff0e}\u{ff0e}\u{ff0f}private/page",
    "/private/page?/public/",
    "/private/page#/public/",
    "/private/page%23/public/",
    "/private/page%3f/public/",
    "/PUBLIC/page",
    "/public%20/page",
];
