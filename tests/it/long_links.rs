//! Links of more than 2,048 bytes: kept in the zone while the visitor signs in.

use std::thread;

use authentik_standin::ProviderSettings;

use crate::domain_level;
use crate::harness::{
    Browser, Builder, Curl, SITE_NAME, Site, TempDir, parameter, site_over_http2,
};
use crate::unasked::UNASKED;

/// A path and query of this many bytes.
fn link(length: usize) -> String {
    let begin = "/page?filter=";
    format!("{begin}{}", "a%20b/c=d&".repeat(length).split_at(length - begin.len()).0)
}

const PROTECTED: &str = "authentik_provider wiki;
    location / { proxy_pass http://app; }
    location = /status.json { authentik_provider off; authentik_status format=json; }";

/// Accepts requests of more than 8 kB.
const ROOMY: &str = "large_client_header_buffers 4 64k;";

fn roomy() -> Builder {
    Site::builder().http(ROOMY).server(PROTECTED)
}

/// Opens a link that is reported as too long. Returns the page after the sign-in.
fn told_too_long(site: &Site, browser: &mut Browser, link: &str) -> String {
    let trail = browser.open(link);
    let page = trail.page().text();
    assert_eq!(trail.status(), 200, "{page}");
    assert_eq!(trail.address().path(), "/outpost.goauthentik.io/callback", "{page}");
    assert!(page.contains("link-too-long") && page.contains("too long to be remembered"), "{page}");
    assert_eq!(browser.session_cookies().len(), 1, "signed in all the same");
    assert!(page.contains("href=\"http"), "somewhere to go: {page}");
    assert_eq!(trail.page().header("Cache-Control"), Some("no-store"));
    assert_eq!(browser.get(link).status(), 200, "opened once more it works");
    assert_eq!(site.app.last().target, link);
    page
}

#[test]
fn a_long_link_survives_a_sign_in_and_makes_no_url_long() {
    let site = Site::start(PROTECTED);
    for length in [2_000, 2_049, 4_000, 8_000, 8_170] {
        site.app.forget();
        let link = link(length);
        let mut browser = site.browser();

        let authorize = browser.step(&link).location().to_owned();
        assert!(authorize.len() < 3_500, "{length}: {} bytes", authorize.len());
        let trail = browser.open(&link);

        assert_eq!(trail.status(), 200, "{length}");
        assert_eq!(trail.address().as_str(), format!("{}{link}", site.url()), "{length}");
        assert_eq!(site.app.hits(), 1, "{length}");
        assert_eq!(site.app.last().target, link);
        assert!(trail.addresses()[1..3].iter().all(|url| url.len() < 3_500), "{length}");
    }
}

#[test]
fn in_proxy_mode_a_long_link_survives_and_the_application_gets_it() {
    let site = Site::builder()
        .server(
            "authentik_provider wiki;
             location / {
                 proxy_pass $authentik_upstream$request_uri;
                 proxy_set_header Host $authentik_upstream_host;
             }",
        )
        .provider("mode proxy; internal_host http://%%APP%%/;")
        .start();
    let link = link(8_000);
    assert_eq!(site.browser().open(&link).status(), 200);
    assert_eq!(site.app.last().target, link);
}

#[test]
fn in_a_domain_a_long_link_returns_to_its_own_host() {
    let site = domain_level::site();
    for host in ["wiki", "files"] {
        let page = format!("http://{host}.example.test:{}{}", site.address().port(), link(8_000));
        let trail = site.browser().open(&page);
        assert_eq!(trail.status(), 200);
        assert_eq!(trail.address().as_str(), page);
    }
}

#[test]
fn another_proxys_visitor_comes_back_to_a_long_link() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /outpost.goauthentik.io/ { authentik_outpost_endpoint trusted=127.0.0.1; }",
    );
    let link = link(8_000);
    let mut browser = site.browser();
    let host = site.url().replace("http://", "");
    let asked = browser.step_with(
        "/outpost.goauthentik.io/auth/traefik",
        &[
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", &host),
            ("X-Forwarded-Uri", &link),
            ("Sec-Fetch-Mode", "navigate"),
        ],
    );
    assert_eq!(asked.status(), 302);
    let trail = browser.follow("/outpost.goauthentik.io/auth/traefik", asked);
    assert_eq!(trail.address().as_str(), format!("{}{link}", site.url()));
}

#[test]
fn over_http_2_a_long_link_survives_too_and_one_beyond_is_told() {
    let directory = TempDir::new();
    let site = site_over_http2(ROOMY, &directory);
    let url = format!("https://{SITE_NAME}:{}", site.other_address().port());
    for (length, survives) in [(2_049, true), (8_000, true), (9_000, false)] {
        let directory = TempDir::new();
        let curl = |arguments: &[&str]| {
            let curl = Curl::new(SITE_NAME, site.other_address(), &directory);
            curl.with(&["-g", "-H", "Accept: text/html"]).with(arguments)
        };
        let page = format!("{url}{}", link(length));
        let first = curl(&["--http2"]).run(&page);
        assert!(first.starts_with("HTTP/2 302"), "{first}");
        // authentik does not support HTTP/2.
        let second = curl(&[]).run(location(&first));
        let last = curl(&["--http2"]).run(location(&second));
        if survives {
            assert!(last.starts_with("HTTP/2 302"), "{last}");
            assert_eq!(location(&last), page);
        } else {
            assert!(last.starts_with("HTTP/2 200") && last.contains("link-too-long"), "{last}");
        }
    }
}

/// The `Location` of a response.
fn location(head: &str) -> &str {
    let line = head.lines().find_map(|line| line.strip_prefix("location: "));
    line.unwrap_or_default()
}

#[test]
fn a_link_beyond_8_kb_is_told_to_be_too_long_after_the_sign_in() {
    let site = roomy().start();
    for length in [8_500, 9_000, 30_000] {
        told_too_long(&site, &mut site.browser(), &link(length));
    }
    let why = "signed in, but the link is lost, reason: link-too-long, provider: \"wiki\", it is longer \
               than 8 kB";
    assert_eq!(site.error_log().lines_with(why).len(), 3, "{}", site.error_log().text());

    // The same for `start`; links to other sites still end at the root.
    let rd = |url: &str| {
        let encoded = url::form_urlencoded::byte_serialize(url.as_bytes()).collect::<String>();
        format!("/outpost.goauthentik.io/start?rd={encoded}")
    };
    let mut browser = site.browser();
    let trail = browser.open(&rd(&format!("{}{}", site.url(), link(9_000))));
    assert!(trail.page().text().contains("link-too-long"), "{}", trail.page().text());
    let trail = site.browser().open(&rd(&format!("{}{}", site.url(), link(8_000))));
    assert_eq!(trail.address().as_str(), format!("{}{}", site.url(), link(8_000)));
    for elsewhere in [3_000, 8_000].map(|length| format!("http://evil.test{}", link(length))) {
        let trail = site.browser().open(&rd(&elsewhere));
        assert_eq!(trail.address().as_str(), format!("{}/", site.url()));
    }
}

#[test]
fn in_every_mode_a_link_beyond_8_kb_is_told_to_be_too_long() {
    let site = Site::builder()
        .http(&format!(
            "{ROOMY}
             authentik_provider domain {{
                 issuer %%SSO%%/application/o/domain/;
                 client_id domain-client-id;
                 client_secret domain-client-secret;
                 external_host http://auth.example.test:%%PORT%%;
                 mode forward_domain;
                 cookie_domain example.test;
             }}
             server {{
                 listen 127.0.0.1:%%PORT%%;
                 server_name *.example.test;
                 authentik_provider domain;
                 location / {{ proxy_pass http://app; }}
             }}"
        ))
        .settings(|settings, ports| {
            let host = format!("http://auth.example.test:{}", ports.main);
            settings.providers.push(ProviderSettings::new("domain", &host));
        })
        .server(
            "authentik_provider wiki;
             location / { proxy_pass $authentik_upstream$request_uri; }",
        )
        .provider("mode proxy; internal_host http://%%APP%%/;")
        .start();
    let link = link(9_000);
    told_too_long(&site, &mut site.browser(), &link);
    let page = format!("http://wiki.example.test:{}{link}", site.address().port());
    let trail = site.browser().open(&page);
    assert!(trail.page().text().contains("link-too-long"), "{}", trail.page().text());
    let way_on = format!("href=\"http://auth.example.test:{}/\"", site.address().port());
    assert!(trail.page().text().contains(&way_on), "{}", trail.page().text());
}

#[test]
fn a_long_link_is_of_the_browser_that_followed_it() {
    let site = Site::start(PROTECTED);
    let (mut alice, mut eve) = (site.browser(), site.browser());
    let callback = alice.open_until_callback(&link(3_000));

    // With only the callback's address, others start their own sign-in, without the link.
    let stolen = eve.open(&callback);
    assert!(!stolen.addresses().iter().any(|url| url.contains("a%20b/c=d")), "{stolen:#?}");
    assert!(stolen.page().text().contains("link-too-long"), "{}", stolen.page().text());
    assert_eq!(alice.open(&callback).address().as_str(), format!("{}{}", site.url(), link(3_000)));
}

#[test]
fn what_nobody_asked_for_and_short_links_leave_nothing_in_the_zone() {
    let site = Site::start(PROTECTED);
    assert_eq!(site.browser().open("/").status(), 200, "authentik's documents are in the zone now");
    let before = records(&site);
    for (who, method, headers) in UNASKED {
        let refused = site.request(method, &link(3_000)).headers(headers).send();
        assert_ne!(refused.status(), 302, "{who}");
    }
    assert_eq!(site.get(&link(3_000)).status(), 401, "a program");
    assert_eq!(site.navigate(&link(2_000)).status(), 302);
    assert_eq!(records(&site), before);

    assert_eq!(site.navigate(&link(3_000)).status(), 302);
    assert_eq!(records(&site), before + 1);
    assert_eq!(site.browser().open(&link(3_000)).status(), 200);
    assert_eq!(records(&site), before + 2, "a session; its link is gone");
}

#[test]
fn thousands_of_long_links_cost_nobody_a_session_and_who_lost_the_room_is_told() {
    let site = Site::builder().http("authentik_shared_zone zone=small:1m;").server(PROTECTED);
    let site = site.start();
    let sessions: Vec<_> = (0..100).map(|_| site.signed_in()).collect();
    let mut late = site.browser();
    let callback = late.open_until_callback(&link(8_000));

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    assert_eq!(site.navigate(&link(8_000)).status(), 302);
                }
            });
        }
    });

    assert!(sessions.iter().all(|session| session.get("/").status() == 200));
    let trail = late.open(&callback);
    assert_eq!(trail.status(), 200);
    assert!(trail.page().text().contains("link-too-long"), "{}", trail.page().text());
    let why = "link-too-long, provider: \"wiki\", the zone no longer has it";
    assert_eq!(site.error_log().lines_with(why).len(), 1);
    assert_eq!(site.browser().open(&link(8_000)).status(), 200, "who comes now has room");
    let status = site.get("/status.json").send().text();
    assert!(status.contains("link-too-long"), "counted: {status}");
}

#[test]
fn a_page_of_a_failed_sign_in_leads_to_the_long_link_or_says_that_it_is_lost() {
    let site = Site::start(PROTECTED);
    let mut browser = site.browser();
    let callback = browser.open_until_callback(&link(3_000));
    let state = parameter(&callback, "state").expect("a state");
    let refused = format!(
        "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true&error=access_denied&state={state}"
    );
    let page = browser.step(&refused).text();
    assert!(page.contains(&link(3_000).replace('&', "&amp;")), "{page}");

    browser.refuse_cookies(|name| name.contains("authentik_login_"));
    let trail = browser.open(&link(3_000));
    assert_eq!(trail.status(), 400);
    let page = trail.page().text();
    assert!(
        page.contains("state-no-cookie") && page.contains("too long to be remembered"),
        "{page}"
    );
}

/// Number of records in the zone.
fn records(site: &Site) -> u64 {
    let status = site.get("/status.json").send().text();
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    status["zone"]["records"].as_u64().expect("a number")
}
