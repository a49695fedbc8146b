//! Whose visitors a question is about.

use authentik_standin::{Mode, ProviderSettings};

use super::{CONNECTED, OUTPOST, PROXIES, connected, endpoint, question, started};
use crate::harness::{Site, parameter};

/// `wiki.test`, closed; `files.example.test`, open; and a domain with one open host.
fn several() -> Site {
    let builder = connected()
        .http(&format!(
            "{CONNECTED} server {{ listen 127.0.0.1:%%PORT%% default_server; {OUTPOST} }}"
        ))
        .server(OUTPOST)
        .settings(|settings, ports| {
            let at = |host: &str| format!("http://{host}:{}", ports.main);
            let mut files = ProviderSettings::new("files", &at("files.example.test"));
            files.proxy.mode = Mode::ForwardSingle;
            files.proxy.skip_path_regex = "^/".to_owned();
            let mut domain = ProviderSettings::new("domain", &at("auth.example.test"));
            domain.proxy.mode = Mode::ForwardDomain;
            domain.proxy.cookie_domain = "example.test".to_owned();
            domain.proxy.skip_path_regex = "^http://open\\.example\\.test:\\d+/".to_owned();
            let mut pages = ProviderSettings::new("pages", &at("pages.test"));
            pages.proxy.mode = Mode::Proxy;
            pages.proxy.internal_host = "http://127.0.0.1:1".to_owned();
            settings.providers.extend([files, domain, pages]);
        });
    let mut site = started(builder);
    site.expect_in_error_log("reason: forward-url");
    site
}

#[test]
fn the_provider_is_that_of_the_url_that_is_judged() {
    let site = several();
    let port = site.address().port();
    for (host, client) in [
        ("wiki.test", Some("wiki-client-id-0123456789abcdefghijklmno")),
        ("WIKI.test", Some("wiki-client-id-0123456789abcdefghijklmno")),
        ("any.example.test", Some("domain-client-id")),
        ("auth.example.test", Some("domain-client-id")),
        ("files.example.test", None),
        ("open.example.test", None),
    ] {
        let host = format!("{host}:{port}");
        for proxy in PROXIES {
            // Traefik and ingress-nginx ask under the outpost's own name.
            let request = site.get(&endpoint(proxy, "/page")).host("outpost.internal");
            let answer = question(proxy, request, &host, "/page").send();
            let expected = match (client, proxy) {
                (None, _) => 200,
                (Some(_), "nginx") => 401,
                (Some(_), _) => 302,
            };
            assert_eq!(answer.status(), expected, "{proxy} {host}");
            if expected == 302 {
                assert_eq!(parameter(answer.location(), "client_id").as_deref(), client, "{proxy}");
            }
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_header_beside_the_url_does_not_choose_another_provider() {
    // With nginx's recipe, the visitor's X-Forwarded-Host reaches the outpost.
    let site = several();
    let port = site.address().port();
    let wiki = format!("wiki.test:{port}");
    let files = format!("files.example.test:{port}");
    let ask = |host: &str, url: &str, claimed: &str| {
        let request = site.get(&endpoint("nginx", "")).host(host);
        let request = request.header("X-Forwarded-Host", claimed).header("X-Forwarded-Uri", "/");
        question("nginx", request, url, "/page").status()
    };
    assert_eq!(ask(&wiki, &wiki, &files), 401);
    assert_eq!(ask("outpost.internal", &wiki, &files), 401);
    // The absolute form at the front: `$host` is the site being served, `$http_host` another one.
    assert_eq!(ask(&wiki, &files, &files), 500);
    assert_eq!(ask("wiki.test", &files, &files), 500, "no port in $host");
    let open = format!("open.example.test:{port}");
    assert_eq!(ask("any.example.test", &open, &open), 401);
    assert_eq!(ask("open.example.test", &open, &open), 200);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_host_that_is_nobodys_and_a_provider_in_proxy_mode_have_no_answer() {
    let site = several();
    let port = site.address().port();
    for proxy in PROXIES {
        for (host, status) in [("nobody.test", 400), ("evilexample.test", 400), ("pages.test", 404)]
        {
            let host = format!("{host}:{port}");
            let request = site.get(&endpoint(proxy, "/page")).host("outpost.internal");
            let answer = question(proxy, request, &host, "/page").send();
            assert_eq!(answer.status(), status, "{proxy} {host}");
            assert!(status != 400 || answer.text().contains(&host), "{proxy}: {}", answer.text());
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_provider_by_hand_answers_for_every_host() {
    let site = Site::builder()
        .provider("unauth_paths ^/public/;")
        .server(&OUTPOST.replace("authentik_provider auto", "authentik_provider wiki"))
        .start();
    let browser = site.signed_in();
    for host in ["wiki.test", "alias.test"] {
        for proxy in PROXIES {
            let known = browser.get(&endpoint(proxy, "/page"));
            assert_eq!(question(proxy, known, host, "/page").status(), 200, "{proxy} {host}");
            let open = site.get(&endpoint(proxy, "/public/a"));
            assert_eq!(question(proxy, open, host, "/public/a").status(), 200, "{proxy} {host}");
            let closed = site.get(&endpoint(proxy, "/page"));
            let refused = if proxy == "nginx" { 401 } else { 302 };
            assert_eq!(question(proxy, closed, host, "/page").status(), refused, "{proxy} {host}");
        }
    }
    assert_eq!(site.app.hits(), 0);
}
