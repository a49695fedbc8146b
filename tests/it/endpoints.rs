//! Our URLs work wherever the module is used on a server, and nothing else does.

use std::net::SocketAddr;

use authentik_standin::ProviderSettings;

use crate::harness::{Curl, SITE_NAME, Site, eventually, parameter, site_over_http2};

#[test]
fn ping_answers_204_to_anyone() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for method in ["GET", "HEAD"] {
        let response = site.request(method, "/outpost.goauthentik.io/ping").send();
        assert_eq!((response.status(), response.text().as_str()), (204, ""), "{method}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn only_the_exact_path_is_an_endpoint() {
    // CVE-2026-34457; and authentik's own pass-through had no boundary after its prefix.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for path in [
        "/outpost.goauthentik.io",
        "/outpost.goauthentik.io/",
        "/outpost.goauthentik.io/pingx",
        "/outpost.goauthentik.io/ping/",
        "/outpost.goauthentik.io/ping/../../private",
        "/outpost.goauthentik.io/auth/nginx",
        "/outpost.goauthentik.ioX",
        "/x/outpost.goauthentik.io/ping",
        "/OUTPOST.goauthentik.io/ping",
    ] {
        assert_eq!(site.get(path).status(), 401, "{path}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_endpoints_answer_when_a_single_location_is_protected() {
    let site = Site::start(
        "location / { proxy_pass http://app; }
         location /private/ { authentik_provider wiki; proxy_pass http://app; }",
    );

    assert_eq!(site.get("/outpost.goauthentik.io/ping").status(), 204);
    assert_eq!(site.get("/").status(), 200);
    site.app.forget();
    let mut browser = site.browser();
    let trail = browser.open("/private/?a=1");
    assert_eq!(trail.status(), 200);
    assert_eq!(trail.address().as_str(), format!("{}/private/?a=1", site.url()));
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
    assert_eq!(site.app.hits(), 1, "the callback is ours, not the application's");
}

#[test]
fn an_application_below_a_path_has_its_endpoints_there() {
    let site = Site::builder()
        .settings(|settings, ports| {
            let url = format!("http://{SITE_NAME}:{}/app/", ports.main);
            settings.providers.push(ProviderSettings::new("sub", &url));
        })
        .http(
            "authentik_provider sub {
                 issuer %%SSO%%/application/o/sub/;
                 client_id sub-client-id;
                 client_secret sub-client-secret;
                 external_host http://wiki.test:%%PORT%%/app/;
             }",
        )
        .server(
            "location / { proxy_pass http://app; }
             location /app/ { authentik_provider sub; proxy_pass http://app; }",
        )
        .start();

    assert_eq!(site.get("/app/outpost.goauthentik.io/ping").status(), 204);
    assert_eq!(site.app.hits(), 0);
    let trail = site.browser().open("/app/page");
    assert_eq!(trail.status(), 200);
    let callback = trail.addresses()[2];
    let expected = format!("{}/app/outpost.goauthentik.io/callback?", site.url());
    assert!(callback.starts_with(&expected), "{callback}");
    assert_eq!(site.app.last().header("X-authentik-meta-app"), Some("sub"));
}

#[test]
fn locations_cannot_hide_the_endpoints() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location ^~ /outpost.goauthentik.io { authentik_provider off; deny all; }
         location ~ callback { authentik_provider off; return 404; }",
    );

    assert_eq!(site.get("/outpost.goauthentik.io/ping").status(), 204);
    assert_eq!(site.browser().open("/page").status(), 200);
}

#[test]
fn a_server_that_does_not_use_the_module_keeps_its_urls() {
    let site = Site::builder()
        .http("server { listen 127.0.0.1:%%PORT2%%; location / { proxy_pass http://app; } }")
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .start();
    let other = |path: &str| {
        crate::harness::Request::new(site.other_address(), "GET", "other.test", path)
            .header("X-authentik-username", "theirs")
    };

    for path in ["/outpost.goauthentik.io/ping", "/?X-authentik-auth-callback=true", "/"] {
        assert_eq!(other(path).status(), 200, "{path}");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("theirs"), "{path}");
    }
}

#[test]
fn start_sends_to_authentik_and_comes_back_to_an_address_of_this_site_only() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let home = site.url();
    // docs/protocol.md §4.2; GHSA-qqxw-m5fj-f7gv, CVE-2021-32786, CVE-2022-23527 and similar.
    for (rd, destination) in [
        ("/p?q=1", "/p?q=1"),
        ("%2Fp%3Fq%3D1", "/p?q=1"),
        ("", "/"),
        ("//evil.test/", "/"),
        ("///evil.test/", "/"),
        ("/%5Cevil.test", "/"),
        ("%5C%5Cevil.test", "/"),
        ("/%09/evil.test", "/"),
        ("%09//evil.test", "/"),
        ("https%3A%2F%2Fevil.test%2F", "/"),
        ("https%3Aevil.test", "/"),
        ("https%3A%2F%2F%2Fevil.test", "/"),
        ("javascript%3Aalert(1)", "/"),
        ("http%3A%2F%2Fwiki.test%40evil.test%2F", "/"),
        ("http%3A%2F%2Fevil.test%2F%3Fwiki.test", "/"),
        ("http%3A%2F%2Fxwiki.test%2F", "/"),
        ("http%3A%2F%2Fwiki.test.evil.test%2F", "/"),
        ("http%3A%2F%2Fwiki.test%3A1%2F", "/"),
        ("%2F%0D%0ASet-Cookie%3A%20x", "/"),
    ] {
        let start = format!("/outpost.goauthentik.io/start?rd={rd}");
        let trail =
            site.browser().open_until(&start, |url| url.path() == "/p" || url.path() == "/");
        let callback = trail.page();
        assert_eq!(callback.status(), 302, "{rd}: {trail:#?}");
        let there = url::Url::parse(&home).unwrap().join(callback.location()).unwrap();
        let expected = format!("{home}{destination}");
        assert_eq!(there.as_str(), expected, "{rd}");
        assert_eq!(callback.all("set-cookie").filter(|line| line.starts_with('x')).count(), 0);
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn start_accepts_the_absolute_address_of_this_site() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let encoded = site.url().replace(':', "%3A").replace('/', "%2F");

    let trail = site.browser().open(&format!("/outpost.goauthentik.io/start?rd={encoded}%2Fp%3Fq"));

    assert_eq!(trail.address().as_str(), format!("{}/p?q", site.url()));
}

#[test]
fn the_callback_is_recognised_on_any_path_by_its_signature() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    let callback = url::Url::parse(&callback).expect("a callback");
    let query = callback.query().expect("code and state");
    assert!(query.starts_with("X-authentik-auth-callback=true&"), "{query}");

    let response = browser.step(&format!("/any/path?{query}"));

    assert_eq!(response.status(), 302, "{response:?}");
    assert!(response.location().ends_with("/page"), "{}", response.location());
    assert_eq!(site.app.hits(), 0);
    assert_eq!(browser.open("/page").status(), 200);
}

#[test]
fn an_empty_callback_is_a_page_that_says_what_is_missing() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for target in [
        "/outpost.goauthentik.io/callback",
        "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true",
        "/any/path?X-authentik-auth-callback=true",
        "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true&code=x",
        "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true&code=x&state=y",
        "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true&state=a&state=b&code=x",
        "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true&code=%3Cscript%3E&state=%22",
    ] {
        for method in ["GET", "POST", "HEAD"] {
            let response = site.request(method, target).navigation().send();
            assert!((400..500).contains(&response.status()), "{method} {target}: {response:?}");
            if method == "GET" {
                crate::error_pages::assert_error_page(&response);
            }
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_whole_sign_in_works_over_tls_and_http_2() {
    let directory = crate::harness::TempDir::new();
    let site = site_over_http2("", &directory);
    let address: SocketAddr = site.other_address();
    let url = format!("https://{SITE_NAME}:{}", address.port());
    let curl = |arguments: &[&str]| Curl::new(SITE_NAME, address, &directory).with(arguments);

    let ping = curl(&["--http2"]).run(&format!("{url}/outpost.goauthentik.io/ping"));
    assert!(ping.starts_with("HTTP/2 204"), "{ping}");
    let refused = curl(&["--http2"]).run(&format!("{url}/page"));
    assert!(refused.starts_with("HTTP/2 401"), "{refused}");
    assert_eq!(site.app.hits(), 0);

    let html = "Accept: text/html";
    let trail = curl(&["--http2", "-L", "-H", html]).run(&format!("{url}/page?x=1"));
    assert!(trail.contains("HTTP/2 302"), "{trail}");
    assert!(trail.contains("; Secure") || trail.contains("; secure"), "{trail}");
    let last = trail.rsplit("HTTP/2 ").next().unwrap_or_default();
    assert!(last.starts_with("200"), "{trail}");
    let received = site.app.last();
    assert_eq!(received.target, "/page?x=1");
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
}

#[test]
fn the_redirect_to_authentik_names_the_external_host_whatever_host_was_asked_for() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for host in ["WIKI.TEST", "wiki.test.", "evil.test", "wiki.test:1", "127.0.0.1"] {
        let response = site.navigate("/page").host(host).send();
        assert_eq!(response.status(), 302, "{host}");
        let redirect = parameter(response.location(), "redirect_uri").expect("redirect_uri");
        let callback = format!("{}/outpost.goauthentik.io/callback", site.url());
        assert!(redirect.starts_with(&callback), "{host}: {redirect}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn an_endpoint_names_its_provider_also_where_only_a_location_has_one() {
    let site = Site::builder()
        .http("log_format whose '$uri $authentik_provider $authentik_status';")
        .server(
            "access_log access.log whose;
             location / { proxy_pass http://app; }
             location /private/ { authentik_provider wiki; proxy_pass http://app; }",
        )
        .start();
    let mut browser = site.browser();
    assert_eq!(browser.open("/private/").status(), 200);
    browser.step("/outpost.goauthentik.io/sign_out");
    browser.step("/outpost.goauthentik.io/callback?X-authentik-auth-callback=true&state=x&code=y");
    assert_eq!(site.get("/").status(), 200);

    // nginx writes each line after the response, and lines of two workers in any order.
    for line in [
        "/outpost.goauthentik.io/callback wiki signed_in",
        "/outpost.goauthentik.io/sign_out wiki signed_out",
        "/outpost.goauthentik.io/callback wiki failed",
        "/private/ wiki known",
        "/  ",
    ] {
        eventually(line, || site.file("access.log").lines().any(|found| found == line));
    }
}
