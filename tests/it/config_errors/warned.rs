//! What is allowed, but hardly intended.

use super::{WIKI, directory, whole};
use crate::harness::test_configuration;

/// A server that uses the provider.
const USED: &str = "server { listen 8001; authentik_provider wiki; }";

/// Asserts that the server's lines are accepted: with one warning that contains these words, or
/// without any if they are empty.
fn check(cases: &[(&str, &str)]) {
    let directory = directory();
    for (lines, words) in cases {
        let conf = whole(&format!("{WIKI}{USED}server {{ {lines} }}"), &directory);
        let verdict = test_configuration(&directory, &conf);
        assert!(verdict.accepted, "{lines}: {}", verdict.text);
        let warned = verdict.text.matches("[warn]").count();
        assert_eq!(warned, usize::from(!words.is_empty()), "{lines}: {}", verdict.text);
        assert!(verdict.text.contains(words), "{lines}: {}", verdict.text);
        assert!(words.is_empty() || verdict.text.contains("nginx.conf:"), "{}", verdict.text);
    }
}

#[test]
fn a_recipe_that_is_left_in_a_protected_location_is_pointed_out() {
    const SAID: &str = "still asks an outpost with auth_request /outpost.goauthentik.io/auth/nginx";
    check(&[
        (
            "location / { authentik_provider wiki; auth_request /outpost.goauthentik.io/auth/nginx; }",
            SAID,
        ),
        (
            "authentik_provider wiki; location / { auth_request /outpost.goauthentik.io/auth/nginx; }",
            SAID,
        ),
        (
            "auth_request /outpost.goauthentik.io/auth/nginx; location / { authentik_provider wiki; }",
            SAID,
        ),
        (
            "authentik_provider wiki; auth_request /outpost.goauthentik.io/auth/nginx;
             location / { } location /x { location /x/y { } }",
            SAID,
        ),
        (
            "auth_request /outpost.goauthentik.io/auth/nginx;
             location / { authentik_provider wiki; auth_request off; }",
            "",
        ),
        ("authentik_provider wiki; location / { auth_request /mine; }", ""),
        ("location / { auth_request /outpost.goauthentik.io/auth/nginx; }", ""),
        (
            "authentik_provider wiki;
             location / { authentik_provider off; auth_request /outpost.goauthentik.io/auth/nginx; }",
            "",
        ),
    ]);
    let directory = directory();
    let http = "auth_request /outpost.goauthentik.io/auth/nginx;
        server { location / { authentik_provider wiki; } }";
    let verdict =
        test_configuration(&directory, &whole(&format!("{WIKI}{USED}{http}"), &directory));
    assert!(verdict.accepted && verdict.text.contains(SAID), "{}", verdict.text);
}

#[test]
fn pass_under_satisfy_any_is_pointed_out() {
    const SAID: &str = "has \"pass\" with \"satisfy any\"";
    check(&[
        (
            "satisfy any; authentik_provider wiki; authentik_unauthenticated pass; location / { }",
            SAID,
        ),
        (
            "authentik_provider wiki; satisfy any; location / { authentik_unauthenticated pass; }",
            SAID,
        ),
        (
            "authentik_provider wiki; authentik_unauthenticated pass;
             location / { satisfy any; location /x { } }",
            SAID,
        ),
        ("authentik_provider wiki; authentik_unauthenticated pass; location / { }", ""),
        ("authentik_provider wiki; satisfy any; location / { authentik_unauthenticated 401; }", ""),
        (
            "authentik_provider wiki; authentik_unauthenticated pass;
             location / { authentik_provider off; satisfy any; }",
            "",
        ),
    ]);
}

#[test]
fn a_scope_that_leaves_out_what_headers_need_is_pointed_out() {
    let directory = directory();
    for (scope, left_out) in [
        ("openid", &["profile", "email", "entitlements", "ak_proxy"][..]),
        ("openid email entitlements ak_proxy", &["profile"]),
        ("openid profile email", &["entitlements", "ak_proxy"]),
        ("\"openid profile email entitlements ak_proxy\" more", &[]),
        ("openid profile2 email entitlements ak_proxy", &["profile"]),
    ] {
        let provider = WIKI.replace("client_id", &format!("scope {scope}; client_id"));
        let verdict =
            test_configuration(&directory, &whole(&format!("{provider}{USED}"), &directory));
        assert!(verdict.accepted, "{scope}: {}", verdict.text);
        assert_eq!(verdict.text.matches("[warn]").count(), left_out.len(), "{}", verdict.text);
        for name in left_out {
            let said = format!("\"wiki\": scope leaves out \"{name}\": ");
            assert!(verdict.text.contains(&said), "{scope}: {}", verdict.text);
        }
    }
}

#[test]
fn a_setting_without_effect_that_opens_nothing_is_pointed_out() {
    const SAID: &str = "authentik_strip_cookie: has no effect";
    check(&[
        ("authentik_strip_cookie off;", SAID),
        ("location / { authentik_strip_cookie on; }", SAID),
        ("authentik_strip_cookie off; location / { authentik_provider wiki; }", ""),
        (
            "location /a { authentik_strip_cookie off; } location /b { authentik_provider wiki; }",
            "",
        ),
    ]);
    for (line, said) in [
        ("authentik_header_encoding percent;", "authentik_header_encoding: has no effect"),
        ("authentik_header_auth off;", "authentik_header_auth: has no effect"),
    ] {
        check(&[
            (line, said),
            (&format!("location / {{ {line} }}"), said),
            (&format!("location /a {{ {line} }} location /b {{ authentik_provider wiki; }}"), said),
            (
                &format!(
                    "authentik_provider wiki; location / {{ authentik_provider off; {line} }}"
                ),
                said,
            ),
            (&format!("{line} location / {{ authentik_provider wiki; }} location /b {{ }}"), ""),
            (&format!("authentik_provider wiki; location / {{ {line} }}"), ""),
        ]);
    }
}

#[test]
fn an_outpost_that_protects_nothing_is_pointed_out() {
    let outpost = "authentik_outpost https://sso.example.com { token x; }";
    let said = "authentik_outpost: protects nothing";
    let directory = directory();
    for (servers, words) in [
        ("server { location / { } }", said),
        ("server { authentik_provider wiki; }", said),
        ("server { authentik_provider off; location / { authentik_provider off; } }", said),
        ("server { location /a { } location /b { authentik_provider auto; } }", ""),
    ] {
        let http = format!("{WIKI}{USED}{outpost}{servers}");
        let verdict = test_configuration(&directory, &whole(&http, &directory));
        assert!(verdict.accepted, "{servers}: {}", verdict.text);
        let warned = verdict.text.matches("[warn]").count();
        assert_eq!(warned, usize::from(!words.is_empty()), "{servers}: {}", verdict.text);
        assert!(verdict.text.contains(words), "{servers}: {}", verdict.text);
    }
}

#[test]
fn rules_that_strangers_pass_are_pointed_out() {
    const SAID: &str = "authentik_unauthenticated \"pass\", so strangers get in";
    check(&[
        (
            "authentik_provider wiki; location / { authentik_require user jane; authentik_unauthenticated pass; }",
            SAID,
        ),
        (
            "authentik_provider wiki; authentik_unauthenticated pass; authentik_require user jane;
             location / { location /x { } }",
            SAID,
        ),
        (
            "authentik_provider wiki; authentik_require user jane;
             location / { authentik_unauthenticated pass; }",
            SAID,
        ),
        (
            "authentik_provider wiki; location /a { authentik_require user jane; }
             location /b { authentik_unauthenticated pass; }",
            "",
        ),
        (
            "authentik_provider wiki; authentik_require user jane;
             location = /index.php { internal; authentik_unauthenticated pass; }",
            "",
        ),
    ]);
}

#[test]
fn an_answer_that_other_proxies_do_not_get_is_pointed_out() {
    const SAID: &str = "authentik_unauthenticated: has no effect beside authentik_outpost_endpoint";
    let endpoint = "location /outpost.goauthentik.io/ { authentik_outpost_endpoint trusted=::1;";
    check(&[
        (&format!("authentik_provider wiki; {endpoint} authentik_unauthenticated 401; }}"), SAID),
        (&format!("authentik_provider wiki; authentik_unauthenticated 401; {endpoint} }}"), ""),
    ]);
}

#[test]
fn a_store_in_redis_without_a_file_for_ends_is_pointed_out() {
    let directory = directory();
    let store = "authentik_session_store redis redis://127.0.0.1 secret_file=%%DIR%%/long";
    for (more, is_warned) in
        [("", true), ("ends_file=off", false), ("ends_file=%%DIR%%/e/ends", false)]
    {
        let conf = whole(&format!("{WIKI}{USED}{store} {more};"), &directory);
        let verdict = test_configuration(&directory, &conf);
        assert!(verdict.accepted, "{more}: {}", verdict.text);
        let warned = verdict.text.contains("[warn]");
        assert_eq!(warned, is_warned, "{more}: {}", verdict.text);
        assert_eq!(verdict.text.contains("add ends_file=/var/lib"), is_warned, "{}", verdict.text);
    }
}
