//! Getting in: the requested host, the client's address, the client.

use super::{WITH_OPEN_PATHS, assert_untouched};
use crate::harness::{SITE_NAME, Site};

#[test]
fn s07_every_spelling_of_a_host_is_protected_by_the_same_provider() {
    // CVE-2026-48794: the host was compared case-sensitively.
    let site = Site::builder()
        .http(
            "server { listen 127.0.0.1:%%PORT%% default_server;
                 location / { return 404; } }",
        )
        .server(
            "server_name xn--bcher-kva.test \"[::1]\";
             authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();
    let cookie = alice.cookie_header().expect("a session");
    for host in [
        SITE_NAME,
        "WIKI.TEST",
        "WiKi.tEsT",
        "wiki.test.",
        "wiki.test:80",
        "WIKI.TEST.:8443",
        "xn--bcher-kva.test",
        "XN--BCHER-KVA.test:1",
        "[::1]",
        "[::1]:8080",
    ] {
        site.app.forget();
        assert_eq!(site.get("/").host(host).status(), 401, "{host}");
        assert_eq!(site.navigate("/").host(host).status(), 302, "{host}");
        assert_untouched(&site, host);
        let known = site.get("/").host(host).header("Cookie", &cookie);
        assert_eq!(known.status(), 200, "{host}");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"), "{host}");
    }
    site.app.forget();
    for host in ["bücher.test", "wiki.test..", "xwiki.test", "wiki.test.evil.test", "wiki.test@x"]
    {
        let status = site.get("/").host(host).header("Cookie", &cookie).status();
        assert!(matches!(status, 400 | 404), "{host}: {status}");
    }
    assert_untouched(&site, "other hosts");
}

#[test]
fn s07_rules_for_a_host_hold_in_every_spelling_of_it_and_in_no_other() {
    let site = crate::domain_level::site();
    let port = site.address().port();
    for (host, status) in [
        (format!("open.example.test:{port}"), 200),
        (format!("OPEN.Example.TEST:{port}"), 200),
        (format!("open.example.test.:{port}"), 200),
        (format!("wiki.example.test:{port}"), 401),
        (format!("WIKI.example.test.:{port}"), 401),
        (format!("open.example.test.wiki.example.test:{port}"), 401),
        (format!("xopen.example.test:{port}"), 401),
    ] {
        site.app.forget();
        assert_eq!(site.get("/").host(&host).status(), status, "{host}");
        assert_eq!(site.app.hits(), u64::from(status == 200), "{host}");
    }
}

#[test]
fn s08_nothing_depends_on_the_user_agent() {
    // CVE-2026-34457: a health check's User-Agent was let in on any path.
    let site = Site::start(WITH_OPEN_PATHS);
    for agent in [
        "GoogleHC/1.0",
        "ELB-HealthChecker/2.0",
        "kube-probe/1.31",
        "Googlebot/2.1",
        "goauthentik.io/outpost/2026.2.2",
        "ping",
        "",
    ] {
        for (path, status) in [
            ("/private", 401),
            ("/ping", 401),
            ("/healthz/", 401),
            ("/x/outpost.goauthentik.io/ping", 401),
            ("/outpost.goauthentik.io/ping?x=/", 204),
        ] {
            let request = site.get(path).header("User-Agent", agent);
            assert_eq!(request.status(), status, "{agent}, {path}");
        }
    }
    assert_untouched(&site, "user agents");
}

#[test]
fn s11_a_forwarded_address_is_nginxs_business_alone() {
    // CVE-2024-47070, CVE-2023-36456: an unparsable address was let in.
    let realip = "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;";
    for lines in ["", realip] {
        let site = Site::start(&format!("{lines} {WITH_OPEN_PATHS}"));
        let alice = site.signed_in();
        for address in [
            "",
            "garbage",
            "127.0.0.1",
            "127.0.0.1, 127.0.0.1",
            "::1",
            "[::1]:99999",
            "999.999.999.999",
            ",",
            "\"_hidden\"",
            "192.0.2.7\t,",
        ] {
            for name in ["X-Forwarded-For", "X-Real-IP", "Client-IP", "CF-Connecting-IP"] {
                let request = site.get("/private").header(name, address);
                assert_eq!(request.status(), 401, "{lines} {name}: {address}");
            }
        }
        assert_untouched(&site, lines);
        assert_eq!(site.get("/private").header("X-Forwarded-For", "192.0.2.7").status(), 401);
        let logged = site.error_log().lines_with("client: 192.0.2.7").len();
        assert_eq!(logged > 0, lines == realip, "only nginx's own module believes the header");
        let callback = site.get("/outpost.goauthentik.io/callback?code=x&state=y");
        assert_eq!(callback.header("X-Forwarded-For", "192.0.2.9").status(), 400);
        let logged = site.error_log().lines_with("client: 192.0.2.9").len();
        assert_eq!(logged > 0, lines == realip, "at the endpoints too");
        assert_eq!(alice.get("/private").header("X-Forwarded-For", "garbage").status(), 200);
    }
}
