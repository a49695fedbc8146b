//! HTTP/3, with a third-party client. These tests are skipped if nginx does not support it
//! (ci/it.sh).

use std::time::Duration;

use authentik_standin::{Endpoint, Fault};

use crate::harness::{
    Browser, Builder, GiveUp, Http3, IDENTITY_HEADERS, SITE_NAME, Site, TempDir, certificate,
    eventually,
};

/// Enables HTTP/3 on `%%PORT2%%`, with a socket for each worker: a connection stays with one
/// worker.
const QUIC: &str = "listen 127.0.0.1:%%PORT2%% quic reuseport;
     ssl_certificate cert.pem;
     ssl_certificate_key key.pem;
     client_max_body_size 4m;";

const APPLICATION: &str = "authentik_unauth_paths ^/public/;
     location / { proxy_pass http://app; }";

/// A site over HTTP/3, with more lines for its provider.
fn site(provider: &str, server: &str) -> Site {
    builder(provider, server).start()
}

fn builder(provider: &str, server: &str) -> Builder {
    let directory = TempDir::new();
    let (certificate, key) = certificate(SITE_NAME, "127.0.0.1", &directory);
    let read = |path| std::fs::read_to_string(path).expect("a PEM file");
    Site::builder()
        .without_provider()
        .file("cert.pem", &read(certificate))
        .file("key.pem", &read(key))
        .http(&format!(
            "authentik_provider secure {{
                 issuer %%SSO%%/application/o/wiki/;
                 client_id {};
                 client_secret_file %%PREFIX%%/wiki.secret;
                 external_host https://{SITE_NAME}:%%PORT2%%;
                 {provider}
             }}",
            authentik_standin::WIKI_CLIENT_ID
        ))
        .server(&format!("{QUIC} authentik_provider secure; {server}"))
        .settings(|settings, ports| {
            let url = format!("https://{SITE_NAME}:{}", ports.other);
            settings.providers = vec![authentik_standin::ProviderSettings::wiki(&url)];
        })
}

fn home(site: &Site) -> String {
    format!("https://{SITE_NAME}:{}", site.other_address().port())
}

/// A browser that uses HTTP/3 for the site, and its client.
fn browser(site: &Site) -> (Browser, Http3) {
    let client = Http3::to(site.other_address());
    let mut browser = Browser::new(&home(site));
    browser.speak_http3(&client);
    (browser, client)
}

fn signed_in(site: &Site) -> (Browser, Http3) {
    let (mut browser, client) = browser(site);
    assert_eq!(browser.open("/").status(), 200);
    site.app.forget();
    (browser, client)
}

#[test]
fn a_visitor_of_http3_signs_in_comes_back_and_signs_out() {
    let site = site("", APPLICATION);
    let (mut alice, client) = browser(&site);

    let trail = alice.open("/page?x=1");

    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(trail.address().as_str(), format!("{}/page?x=1", home(&site)));
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
    let asked = site.sso.requests().len();
    for _ in 0..3 {
        assert_eq!(client.send(&alice.get("/page")).status(), 200);
    }
    assert_eq!(site.sso.requests().len(), asked, "a known session costs nothing");

    let copied = alice.clone();
    let left = alice.step("/outpost.goauthentik.io/sign_out");
    assert_eq!(left.status(), 302);
    assert!(left.location().contains("/end-session/"), "{}", left.location());
    site.app.forget();
    for dead in [&alice, &copied] {
        assert_eq!(client.send(&dead.get("/page")).status(), 401);
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn at_domain_level_a_visitor_of_http3_comes_back_to_the_host_that_was_asked_for() {
    let domain = "mode forward_domain; cookie_domain wiki.test;";
    let site = site(domain, &format!("server_name *.wiki.test; {APPLICATION}"));
    let (mut alice, _client) = browser(&site);
    let page = home(&site).replace(SITE_NAME, "files.wiki.test") + "/page?x=1";

    let trail = alice.open(&page);

    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(trail.address().as_str(), page);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn in_proxy_mode_the_application_is_told_the_host_that_http3_has_no_header_for() {
    let site = site(
        "mode proxy; internal_host http://%%APP%%/;",
        "authentik_unauth_paths ^/public/;
         location / {
             proxy_pass $authentik_upstream$request_uri;
             proxy_set_header Host $authentik_upstream_host;
             proxy_http_version 1.1;
         }",
    );
    let (alice, client) = signed_in(&site);
    let stranger = Browser::new(&home(&site));
    let host = home(&site).replace("https://", "");
    for (browser, target) in [(&alice, "/page"), (&stranger, "/public/page")] {
        let claim = browser.get(target).header("x-forwarded-host", "evil.test");
        assert_eq!(client.send(&claim).status(), 200, "{target}");
        let seen = site.app.last();
        assert_eq!(seen.all("Host"), [host.as_str()], "{target}");
        assert_eq!(seen.all("X-Forwarded-Host"), [host.as_str()], "{target}");
    }
}

#[test]
fn what_a_client_of_http3_claims_is_removed() {
    let site = site("", APPLICATION);
    let (alice, client) = signed_in(&site);
    for target in ["/public/page", "/page"] {
        let claims = ["x-authentik-username", "x_authentik_groups", "x-authentik_uid"];
        let claim = |request: crate::harness::Request| {
            claims.iter().fold(request, |request, name| request.header(name, "admin"))
        };
        assert_eq!(client.send(&claim(alice.get(target))).status(), 200, "{target}");
        let seen = site.app.last();
        assert_eq!(seen.header("X-authentik-username"), Some("alice"), "{target}");
        assert!(seen.headers.iter().all(|(_, value)| value != "admin"), "{seen:#?}");
        assert_eq!(seen.all("Cookie").len(), 0, "only its own cookies were there: {seen:#?}");
    }
    site.app.forget();
    let stranger = Browser::new(&home(&site));
    assert_eq!(client.send(&stranger.get("/page").header("x-authentik-uid", "1")).status(), 401);
    assert_eq!(site.app.hits(), 0);
    let open = stranger.get("/public/page").header("x-authentik-uid", "1");
    assert_eq!(client.send(&open).status(), 200);
    let seen = site.app.last();
    assert!(IDENTITY_HEADERS.iter().all(|name| seen.header(name).is_none()), "{seen:#?}");
}

/// nginx has not initialized the list of headers for such a request.
#[test]
fn a_request_of_http3_that_nginx_refuses_may_lead_to_an_open_page() {
    let site = site(
        "mode proxy; internal_host http://%%APP%%/;",
        &format!(
            "error_page 400 /pass/400;
             location /pass/ {{ authentik_unauthenticated pass; proxy_pass http://app; }}
             {APPLICATION}"
        ),
    );
    let workers = site.worker_pids();
    let client = Http3::to(site.other_address());
    let stranger = Browser::new(&home(&site));
    for pseudo in [":authority", ":path", ":method", ":scheme", ":unknown"] {
        site.app.forget();
        let refused = client.send(&stranger.get("/page").header(pseudo, "/page"));
        assert_eq!(refused.status(), 400, "{pseudo}");
        let seen = site.app.last();
        assert_eq!((seen.target.as_str(), site.app.hits()), ("/pass/400", 1), "{pseudo}");
        assert_eq!(seen.identity_headers(), [], "{pseudo}");
        assert_eq!(seen.all("X-Forwarded-Host").len(), 1, "{pseudo}");
    }
    assert_eq!(site.worker_pids(), workers);
}

#[test]
fn a_megabyte_arrives_whole_and_a_strangers_does_not() {
    let site = site("", APPLICATION);
    let (alice, client) = signed_in(&site);
    let body: Vec<u8> = (0..MEGABYTE).map(|at| (at % 251) as u8).collect();

    let answer = client.send(&alice.get("/echo").method("POST").body(&body));
    assert_eq!(answer.status(), 200);
    assert!(answer.text().as_bytes() == String::from_utf8_lossy(&body).as_bytes());

    site.app.forget();
    let stranger = Browser::new(&home(&site));
    let refused = client.send(&stranger.get("/echo").method("POST").body(&body));
    assert_eq!(refused.status(), 401);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn requests_that_are_given_up_leave_nothing_behind() {
    const STREAMS: usize = 24;
    // Silently lost connections end by timeout.
    let site = site("", &format!("client_body_timeout 2s; keepalive_timeout 6s; {APPLICATION}"));
    let (alice, client) = signed_in(&site);
    let files = open_files(&site);
    let piece = vec![b'x'; MEGABYTE / 8];
    // In the middle of a body, of a response, and while authentik is asked.
    let upload = alice.get("/echo").method("POST").header("content-length", "4000000");
    let upload = |at: usize| upload.clone().header("x-number", at.to_string()).body(&piece);
    let slow = |at: usize| alice.get(&format!("/slow/2000?{at}"));
    site.sso.fault(Endpoint::Introspect, Fault::Slow(Duration::from_secs(3)));
    let stranger = Browser::new(&home(&site));
    let asking = |at: usize| {
        stranger.get("/page").header("authorization", format!("Bearer nobody-knows-this-{at}"))
    };
    for how in [GiveUp::Streams, GiveUp::Connection, GiveUp::Silently] {
        for after in [0, 300].map(Duration::from_millis) {
            for requests in [
                (0..STREAMS).map(upload).collect::<Vec<_>>(),
                (0..STREAMS).map(slow).collect(),
                (0..STREAMS).map(asking).collect(),
            ] {
                client.give_up(&requests, after, how);
                assert_eq!(client.send(&alice.get("/page")).status(), 200, "{how:?} {after:?}");
            }
        }
    }
    site.sso.clear_faults();
    assert_eq!(client.send(&stranger.get("/page")).status(), 401);
    drop(client);
    drop(alice);
    eventually("nothing is left open", || open_files(&site) <= files + SPARE);
}

/// Open files of all workers.
fn open_files(site: &Site) -> usize {
    let count = |pid| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    site.worker_pids().into_iter().map(count).sum()
}

/// Keep-alive connections to the application, and the threads' own files.
const SPARE: usize = 24;

const MEGABYTE: usize = 1 << 20;
