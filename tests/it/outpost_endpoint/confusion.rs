//! Attempts to have a page checked other than the one served.

use super::{PROXIES, connected, endpoint, public, question, site, started, stranger};
use crate::harness::Site;

/// Accepts log lines that a test causes on purpose.
fn tolerant(mut site: Site) -> Site {
    site.expect_in_error_log("reason: forward-url");
    site
}

#[test]
fn a_question_without_a_readable_url_is_a_configuration_error() {
    let site = tolerant(site());
    let browser = site.signed_in();
    let host = format!("wiki.test:{}", site.address().port());
    let url = format!("http://{host}/public/a");
    let forwarded = [
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", host.as_str()),
        ("X-Forwarded-Uri", "/public/a"),
    ];
    let without = |missing: &str| {
        forwarded.iter().filter(|(name, _)| *name != missing).copied().collect::<Vec<_>>()
    };
    for (proxy, headers) in [
        ("nginx", vec![]),
        ("nginx", forwarded.to_vec()),
        ("nginx", vec![("X-Original-URL", "/public/a")]),
        ("nginx", vec![("X-Original-URL", url.as_str()), ("X-Original-URL", url.as_str())]),
        ("nginx", vec![("X-Original-URL", "http://wiki.test@evil.test/public/a")]),
        ("traefik", vec![("X-Original-URL", url.as_str())]),
        ("traefik", without("X-Forwarded-Proto")),
        ("traefik", without("X-Forwarded-Host")),
        ("caddy", without("X-Forwarded-Uri")),
        ("caddy", [&forwarded[..], &forwarded[2..]].concat()),
    ] {
        for request in [site.get(&endpoint(proxy, "")), browser.get(&endpoint(proxy, ""))] {
            let refusal = request.headers(&headers).send();
            assert_eq!(refusal.status(), 500, "{proxy} {headers:?}");
            assert_eq!(refusal.text(), "configuration error", "{proxy}");
            assert_eq!(refusal.header("X-authentik-username"), None, "{proxy}");
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn nobody_is_believed_who_is_not_trusted() {
    let site = tolerant(started(public(connected()).server(
        "authentik_provider auto;
         add_header X-Worker $pid always;
         location / { proxy_pass http://app; }
         location /outpost.goauthentik.io/ {
             authentik_outpost_endpoint trusted=192.0.2.0/24 trusted=2001:db8::1 trusted=unix:;
             # Lets this test choose who asks; without it the connection says it.
             set_real_ip_from 127.0.0.1;
             real_ip_header X-Peer;
         }",
    )));
    let browser = site.signed_in();
    let host = format!("wiki.test:{}", site.address().port());
    for (peer, trusted) in [
        ("", false),
        ("192.0.2.7", true),
        ("192.0.3.7", false),
        ("127.0.0.1", false),
        ("2001:db8::1", true),
        ("2001:db8::2", false),
        ("::ffff:192.0.2.7", true),
        ("nonsense", false),
    ] {
        for proxy in PROXIES {
            let known = question(proxy, browser.get(&endpoint(proxy, "/page")), &host, "/page");
            let open = stranger(&site, proxy, "/public/a");
            for request in [known, open] {
                let answer = request.header("X-Peer", peer).send();
                assert_eq!(answer.status(), if trusted { 200 } else { 500 }, "{proxy} {peer}");
                let told = answer.header("X-authentik-username").is_some();
                assert!(trusted || !told, "{proxy} {peer}");
            }
        }
    }
    assert!(site.error_log().text().contains("not trusted, proxy: 127.0.0.1"));
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn x_original_uri_is_ignored_in_every_spelling() {
    // GHSA-5wcc-hf24-rf5h (S02 and similar): upstream checked this header's path.
    let mut site = tolerant(site());
    site.expect_in_error_log("client sent invalid header line");
    for name in
        ["X-Original-URI", "x-original-uri", "X-ORIGINAL-URI", "X_Original_URI", "X-Original-Uri"]
    {
        for value in ["/public/a", "/outpost.goauthentik.io/start", "/outpost.goauthentik.io"] {
            let with = stranger(&site, "nginx", "/page").header(name, value);
            assert_eq!(with.status(), 401, "{name}: {value}");
            let twice = with.header(name, value);
            assert_eq!(twice.status(), 401, "{name}: {value}, twice");
            let alone = site.get(&endpoint("nginx", "")).header(name, value);
            assert_eq!(alone.status(), 500, "{name}: {value}, alone");
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn an_open_path_is_one_that_no_two_readers_read_differently() {
    let site = tolerant(site());
    for (target, open) in [
        ("/public/a", true),
        ("/public/a%20b?x=/private", true),
        ("/private?/public/", false),
        ("/private#/public/", false),
        ("/public/../private", false),
        ("/public/%2e%2e/private", false),
        ("/public/..%2fprivate", false),
        ("/public/..%5cprivate", false),
        ("/public/..;/private", false),
        ("/public/%252e%252e/private", false),
        ("//public/a", false),
        ("/private/../public/a", false),
        ("/%70ublic/a", false),
        ("/PUBLIC/a", false),
    ] {
        for proxy in ["nginx", "traefik", "caddy"] {
            let status = stranger(&site, proxy, target).status();
            assert_eq!(status == 200, open, "{proxy} {target}: {status}");
        }
        // nginx itself answers or rejects some of these, never with a yes.
        let status = stranger(&site, "envoy", target).status();
        assert_eq!((200..300).contains(&status), open, "envoy {target}: {status}");
    }
    // nginx also asks about the endpoints; the others have no location for them.
    for (target, open) in [
        ("/outpost.goauthentik.io/start?rd=/", true),
        ("/outpost.goauthentik.io", true),
        ("/outpost.goauthentik.ioXYZ", false),
        ("/outpost.goauthentik.io/../private", false),
        ("/outpost.goauthentik.io/%2e%2e/private", false),
        ("/outpost.goauthentik.io/..;/private", false),
        ("/x/outpost.goauthentik.io/start", false),
    ] {
        let status = stranger(&site, "nginx", target).status();
        assert_eq!(status, if open { 200 } else { 401 }, "{target}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn no_path_behind_envoys_prefix_leads_out_of_it() {
    let site = tolerant(started(public(connected()).server(
        "authentik_provider auto;
         add_header X-Worker $pid always;
         location / { proxy_pass http://app; }
         location /open/ { authentik_provider off; return 200; }
         location /outpost.goauthentik.io/ { authentik_outpost_endpoint trusted=127.0.0.1; }",
    )));
    let host = format!("wiki.test:{}", site.address().port());
    let allowed = format!("http://{host}/public/a");
    for climb in [
        "/../../ping",
        "/%2e%2e/%2e%2e/ping",
        "/../nginx",
        "/x/../../traefik",
        "/../../../open/",
        "/../../../public/a",
        "/..%2f..%2f..%2fopen/",
    ] {
        let request = site
            .get(&endpoint("envoy", climb))
            .header("X-Original-URL", &allowed)
            .header("X-Forwarded-Proto", "http")
            .header("X-Forwarded-Host", &host)
            .header("X-Forwarded-Uri", "/public/a");
        assert_eq!(request.status(), 400, "{climb}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn what_is_no_endpoint_is_not_there() {
    let site = tolerant(site());
    let browser = site.signed_in();
    let host = format!("wiki.test:{}", site.address().port());
    for path in ["auth", "auth/", "auth/apache", "auth/nginx/", "auth/nginx/x", "auth/%6eginx", "x"]
    {
        let request = browser.get(&format!("/outpost.goauthentik.io/{path}"));
        let answer = question("nginx", request, &host, "/page").send();
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.header("X-authentik-username"), None, "{path}");
    }
    for (path, status) in [("ping", 204), ("start", 302), ("sign_out", 302), ("callback", 400)] {
        let request = site.get(&format!("/outpost.goauthentik.io/{path}"));
        assert_eq!(request.status(), status, "{path}");
    }
    assert_eq!(site.app.hits(), 0);
}
