//! Requests that are allowed without a session.

use crate::harness::{Connection, Site};

#[test]
fn a_rule_matches_the_path_that_nginx_serves_and_the_one_that_was_sent() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths ^/healthz$ ^/public/;
         location / { proxy_pass http://app; }",
    );
    for (target, allowed) in [
        ("/healthz", true),
        ("/public/", true),
        ("/public/page", true),
        ("/public/a%20b", true),
        ("/public/?next=/private", true),
        ("/healthz?verbose=1", true),
        ("/", false),
        ("/private", false),
        ("/healthz/", false),
        ("/healthzz", false),
        ("/x/healthz", false),
        ("/public", false),
        ("/PUBLIC/", false),
        // A rule only considers the path (GHSA-7rh7-c77v-6434).
        ("/private?/public/", false),
        ("/private?x=/healthz", false),
        ("/private#/public/", false),
        ("/private%23/public/", false),
        ("/private%3f/public/", false),
        // Raw and served path differ (GHSA-6jwx-7vp4-9847, GHSA-pxq7-h93f-9jrg).
        ("/public/x/../y", false),
        ("/public/../private", false),
        ("/public/..%2fprivate", false),
        ("/public/%2e%2e/private", false),
        ("/public/%2E%2E/private", false),
        ("/public/.%2e/private", false),
        ("/public/./../private", false),
        ("/public//../../private", false),
        ("/public%2f..%2fprivate", false),
        ("/private/../public/", false),
        ("/private/..%2fpublic/", false),
        ("//public/", false),
        ("/%70ublic/", false),
        ("/private/%2e%2e/healthz", false),
    ] {
        site.app.forget();
        let status = site.get(target).status();
        assert_eq!(status == 200, allowed, "{target}: {status}");
        assert_eq!(site.app.hits(), u64::from(allowed), "{target}");
    }
}

#[test]
fn a_path_with_a_nul_byte_or_a_broken_escape_is_not_allowed() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / { proxy_pass http://app; }",
    );
    for target in ["/public/%00", "/public/%", "/public/%2", "/public/%zz", "/public/../../../"] {
        let mut connection = Connection::open(site.address());
        connection
            .send(format!("GET {target} HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n"));
        let answer = connection.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 40"), "{target}: {answer}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn patterns_are_searched_in_the_path_and_not_anchored() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths /skip.* (?i)readme;
         location / { proxy_pass http://app; }",
    );

    assert_eq!(site.get("/private/skip").status(), 200);
    assert_eq!(site.get("/skipping/all").status(), 200);
    assert_eq!(site.get("/docs/README").status(), 200);
    assert_eq!(site.get("/private/ski").status(), 401);
}

#[test]
fn the_providers_own_list_and_the_locations_list_add_up() {
    let site = Site::builder()
        .provider("unauth_paths ^/from-provider/;")
        .http("authentik_unauth_paths ^/from-http/;")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /deep/ {
                 authentik_unauth_paths ^/deep/open/;
                 proxy_pass http://app;
             }",
        )
        .start();

    for (target, status) in [
        ("/from-provider/x", 200),
        ("/from-http/x", 200),
        ("/deep/open/x", 200),
        ("/deep/closed", 401),
        ("/", 401),
    ] {
        assert_eq!(site.get(target).status(), status, "{target}");
    }
}

#[test]
fn a_known_visitor_keeps_the_identity_on_an_unauthenticated_path() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();

    assert_eq!(alice.get("/public/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
    assert_eq!(site.get("/public/").status(), 200);
    assert_eq!(site.app.last().identity_headers(), []);
}

#[test]
fn a_stale_or_forged_cookie_does_not_close_an_unauthenticated_path() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / { proxy_pass http://app; }",
    );
    let cookie = site.signed_in().session_cookies().remove(0);
    let stale = format!("{}={}", cookie.name, "A".repeat(cookie.value.len()));

    assert_eq!(site.get("/public/").header("Cookie", stale).status(), 200);
    assert_eq!(site.app.last().identity_headers(), []);
}

#[test]
fn a_pattern_that_explodes_costs_a_bounded_time_and_is_named() {
    let explosive = ["[ab]*a[ab]{900}X"; 16].join("|");
    let site = Site::builder()
        .workers(1)
        .server(&format!(
            "authentik_provider wiki;
             authentik_unauth_paths \"{explosive}\" ^/public/;
             location / {{ proxy_pass http://app; }}"
        ))
        .start();
    let mut seed = 1_u32;
    let letters = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if seed >> 31 == 0 { 'a' } else { 'b' }
    });
    let hostile: String = letters.take(7_900).collect();
    for _ in 0..3 {
        assert_eq!(site.get(&format!("/{hostile}")).status(), 401);
    }
    assert_eq!(site.app.hits(), 0);
    // The next request is served, and cheap paths are open.
    assert_eq!(site.get("/public/page").status(), 200);
    let said = site.error_log().lines_with("takes too long for a path of this kind");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("[error]") && said[0].contains("[ab]*a[ab]{900}X|"), "{said:?}");
}
