//! `proxy_cache` and `slice`: a cached page is only for those who may see it, and contains nothing
//! of ours.

use crate::harness::Site;

const CACHE: &str = "proxy_cache_path cache keys_zone=pages:1m;";

/// A worker stores a page before it reads the next request; another worker may be faster than that.
const ONE: usize = 1;

/// The boldest kind of cache: everything is stored, whatever the application says.
const CACHED: &str = "proxy_cache pages;
     proxy_cache_valid any 1h;
     proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
     add_header X-Cache $upstream_cache_status always;
     proxy_pass http://app;";

#[test]
fn a_cached_page_is_not_served_to_strangers_and_our_answers_are_not_cached() {
    let site = Site::builder()
        .workers(ONE)
        .http(CACHE)
        .server(&format!(
            "authentik_provider wiki;
             location / {{ proxy_cache_key $uri; {CACHED} }}"
        ))
        .start();

    // First strangers: neither the 401 nor the 302 with its cookie may be stored as the page.
    assert_eq!(site.get("/page").status(), 401);
    assert_eq!(site.navigate("/page").status(), 302);
    assert_eq!(site.app.hits(), 0);
    let alice = site.signed_in();
    for cached in ["MISS", "HIT", "HIT"] {
        let response = alice.get("/page").send();
        assert_eq!(response.status(), 200);
        assert_eq!(response.header("X-Cache"), Some(cached));
        assert_eq!(response.header("Set-Cookie"), None);
    }
    assert_eq!(site.get("/page").status(), 401, "the cache is asked after us");
    assert_eq!(site.navigate("/page").status(), 302);
    assert_eq!(site.app.hits(), 1);
}

#[test]
fn pages_that_differ_by_user_need_the_user_in_the_key() {
    let site = Site::builder()
        .workers(ONE)
        .http(CACHE)
        .server(&format!(
            "authentik_provider wiki;
             authentik_unauth_paths ^/mine$;
             location / {{ proxy_cache_key \"$authentik_provider:$authentik_uid:$uri\"; {CACHED} }}"
        ))
        .start();
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");

    for (visitor, name, cached) in
        [(&alice, "alice", "MISS"), (&bob, "bob", "MISS"), (&alice, "alice", "HIT")]
    {
        let response = visitor.get("/mine").send();
        assert_eq!(response.header("X-Cache"), Some(cached), "{name}");
        // The application echoes the headers that it received.
        let own = format!("\"{name}\"");
        assert!(response.text().contains(&own), "{name}: {}", response.text());
    }
    for cached in ["MISS", "HIT"] {
        let response = site.get("/mine").send();
        assert_eq!(response.header("X-Cache"), Some(cached), "a stranger, where one is allowed");
        assert!(!response.text().contains("X-authentik-"), "{}", response.text());
    }
}

#[test]
fn the_session_cookie_of_header_authentication_is_not_cached() {
    let site = Site::builder()
        .workers(ONE)
        .http(CACHE)
        .server(&format!(
            "authentik_provider wiki;
             location / {{ proxy_cache_key $uri; {CACHED} }}"
        ))
        .start();
    let alice = site.signed_in();
    // bob:app-password-bob-key-0123456789
    let password = "Basic Ym9iOmFwcC1wYXNzd29yZC1ib2Ita2V5LTAxMjM0NTY3ODk=";

    let first = site.get("/page").header("Authorization", password).send();
    assert_eq!((first.status(), first.header("X-Cache")), (200, Some("MISS")));
    assert!(first.header("Set-Cookie").is_some(), "bob gets a session: {first:?}");
    let second = alice.get("/page").send();

    assert_eq!((second.status(), second.header("X-Cache")), (200, Some("HIT")));
    assert_eq!(second.header("Set-Cookie"), None, "and alice does not get it");
}

#[test]
fn each_slice_is_asked_for_with_the_identity() {
    // A second server in place of the application has files for alice only.
    let site = Site::builder()
        .file("html/film", "0123456789abcdef")
        .http(&format!(
            "{CACHE}
             server {{
                 listen 127.0.0.1:%%PORT2%%;
                 if ($http_x_authentik_username != alice) {{ return 403; }}
                 root %%PREFIX%%/html;
             }}"
        ))
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /film {
                 slice 4;
                 proxy_cache pages;
                 proxy_cache_key $uri$slice_range;
                 proxy_cache_valid 200 206 1h;
                 proxy_set_header Range $slice_range;
                 proxy_http_version 1.1;
                 proxy_pass http://127.0.0.1:%%PORT2%%;
             }",
        )
        .start();
    let alice = site.signed_in();

    assert_eq!(site.get("/film").status(), 401);
    for _ in 0..2 {
        let whole = alice.get("/film").send();
        assert_eq!((whole.status(), whole.text().as_str()), (200, "0123456789abcdef"));
    }
    let part = alice.get("/film").header("Range", "bytes=6-9").send();
    assert_eq!((part.status(), part.text().as_str()), (206, "6789"));
    assert_eq!(site.get("/film").status(), 401);
    assert_eq!(site.get("/film").header("Range", "bytes=6-9").status(), 401);
}
