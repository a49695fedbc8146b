//! Which provider of the outpost a host belongs to.

use authentik_standin::{Mode, ProviderSettings};

use super::{AUTO, connected, started};
use crate::harness::{Request, Site, eventually};

/// `wiki.test` from the harness, and a domain with an additional provider for one of its hosts.
fn several() -> Site {
    let builder = connected()
        .http(&format!(
            "authentik_outpost %%SSO%% {{ token_file %%TOKEN%%; }}
             server {{
                 listen 127.0.0.1:%%PORT%% default_server;
                 server_name *.example.test evilexample.test;
                 {AUTO}
             }}"
        ))
        .settings(|settings, ports| {
            let at = |host: &str| format!("http://{host}:{}", ports.main);
            let mut domain = ProviderSettings::new("domain", &at("auth.example.test"));
            domain.proxy.mode = Mode::ForwardDomain;
            domain.proxy.cookie_domain = "example.test".to_owned();
            settings.providers.push(domain);
            settings.providers.push(ProviderSettings::new("files", &at("files.example.test")));
        });
    started(builder)
}

fn ask(site: &Site, host: &str) -> Request {
    site.navigate("/page").host(host)
}

/// The client id with which a visitor of this host is sent to authentik.
fn client_of(site: &Site, host: &str) -> Option<String> {
    let location = ask(site, host).send().header("Location")?.to_owned();
    crate::harness::parameter(&location, "client_id")
}

#[test]
fn each_host_is_protected_by_its_own_provider() {
    let site = several();
    let port = site.address().port();
    for (host, client) in [
        (format!("wiki.test:{port}"), "wiki-client-id-0123456789abcdefghijklmno"),
        (format!("WIKI.test:{port}"), "wiki-client-id-0123456789abcdefghijklmno"),
        (format!("wiki.test.:{port}"), "wiki-client-id-0123456789abcdefghijklmno"),
        (format!("files.example.test:{port}"), "files-client-id"),
        (format!("auth.example.test:{port}"), "domain-client-id"),
        (format!("any.example.test:{port}"), "domain-client-id"),
        ("any.example.test".to_owned(), "domain-client-id"),
    ] {
        assert_eq!(client_of(&site, &host).as_deref(), Some(client), "{host}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_host_that_is_nobodys_is_refused_and_named() {
    let site = several();
    let port = site.address().port();
    for host in [
        "evilexample.test",
        "example.test.evil.test",
        "127.0.0.1",
        "wiki.test:1",
        // A port other than its own: neither that provider nor its domain's.
        "files.example.test:1",
        "files.example.test",
    ] {
        let refusal = ask(&site, host).send();
        assert_eq!(refusal.status(), 400, "{host}");
        assert!(refusal.text().contains(host), "{host}: {}", refusal.text());
        let json = site.get("/page").host(host).send();
        assert_eq!(json.status(), 400);
        let words = format!(
            "{{\"detail\":\"check the outpost settings and make sure '{host}' is included.\",\"host\":\"{host}\",\"message\":\"no app for hostname\"}}\n"
        );
        assert_eq!(json.text(), words);
        assert_eq!(site.get("/outpost.goauthentik.io/ping").host(host).send().status(), 204);
        let start = site.get("/outpost.goauthentik.io/start").host(host).send();
        assert_eq!(start.status(), 400, "{host}");
    }
    // Other claims of the client do not select the provider.
    let claimed = format!("wiki.test:{port}");
    let request = ask(&site, "evilexample.test").header("X-Forwarded-Host", &claimed);
    assert_eq!(request.send().status(), 400);
    let lines = site.error_log().lines_with("reason: unknown-host");
    assert!(lines[0].contains("the outpost has *.example.test, "), "{lines:?}");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_server_lets_nobody_in_by_the_provider_of_a_host_that_it_is_not_named_for() {
    // The only server on its port: nginx passes requests for any host to it.
    let site = started(connected().http(&format!(
        "authentik_outpost %%SSO%% {{ token_file %%TOKEN%%; }}
         server {{ listen 127.0.0.1:%%PORT2%%; server_name admin.test *.admin.test; {AUTO} }}"
    )));
    let alice = site.signed_in();
    let elsewhere = || alice.get("/page").to(site.other_address());
    assert_eq!(alice.get("/page").status(), 200);
    site.app.forget();
    assert_eq!(elsewhere().status(), 400, "the cookie of wiki.test");
    let start = site.get("/outpost.goauthentik.io/start").to(site.other_address());
    assert_eq!(start.send().status(), 400);
    let absolute = format!("{}/page", site.url());
    let request = site.get(&absolute).host("admin.test").to(site.other_address());
    assert_eq!(request.send().status(), 400, "nginx goes by the request line");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn of_two_ports_of_a_host_the_claimed_one_does_not_choose_the_provider() {
    let site =
        started(connected().server(&format!("listen 127.0.0.1:%%PORT2%%; {AUTO}")).settings(
            |settings, ports| {
                let other = format!("http://wiki.test:{}", ports.other);
                settings.providers.push(ProviderSettings::new("other", &other));
            },
        ));
    let ports = [site.address(), site.other_address()];
    let clients = ["wiki-client-id-0123456789abcdefghijklmno", "other-client-id"];
    for (address, client) in ports.iter().zip(clients) {
        for claimed in ports {
            let request = ask(&site, &format!("wiki.test:{}", claimed.port())).to(*address);
            let response = request.send();
            if claimed == *address {
                let asked = crate::harness::parameter(response.location(), "client_id");
                assert_eq!(asked.as_deref(), Some(client));
            } else {
                assert_eq!(response.status(), 400, "{claimed} at {address}");
            }
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_host_whose_provider_cannot_be_used_does_not_fall_to_its_domain() {
    let site = several();
    let host = format!("files.example.test:{}", site.address().port());
    site.sso.update_provider("files", |files| {
        files.proxy.oddities.push(("mode".to_owned(), Some("sideways".into())))
    });
    eventually("the provider is skipped", || ask(&site, &host).send().status() == 400);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_only_provider_answers_for_every_host_where_that_is_asked_for() {
    let site = started(connected().server(
        "authentik_provider auto;
         add_header X-Worker $pid always;
         location / { proxy_pass http://app; }
         location /single { authentik_provider auto fallback=single; proxy_pass http://app; }",
    ));
    let ask = |target: &str| site.get(target).host("nobody.test").send().status();
    assert_eq!((ask("/"), ask("/single")), (400, 401));

    site.sso.change(|settings| {
        settings.providers.push(ProviderSettings::new("files", "http://files.test"));
    });
    site.sso.push_update();
    eventually("with two there is no only one", || ask("/single") == 400);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_whole_sign_in_and_out_works_with_the_providers_of_authentik() {
    let site = several();
    let port = site.address().port();
    let mut browser = site.browser();
    let trail = browser.open(&format!("http://any.example.test:{port}/page?x=1"));
    assert_eq!(trail.status(), 200, "{trail:#?}");
    let last = site.app.last();
    assert_eq!(last.header("X-authentik-username"), Some("alice"));
    assert_eq!(last.header("X-authentik-meta-provider"), Some("domain-proxy"));
    assert_eq!(last.header("X-authentik-meta-outpost"), Some("stand-in outpost"));
    assert_eq!(last.header("X-authentik-meta-app"), Some("domain"));

    let wiki = browser.open(&site.url());
    assert_eq!(wiki.status(), 200, "{wiki:#?}");
    assert_eq!(site.app.last().header("X-authentik-meta-provider"), Some("wiki-proxy"));
    site.app.forget();

    browser.open(&format!("{}/outpost.goauthentik.io/sign_out", site.url()));
    assert_eq!(browser.fetch(&format!("{}/", site.url())).status(), 401);
    let other = format!("http://any.example.test:{port}/");
    assert_eq!(browser.fetch(&other).status(), 401, "every session of the user ends");
    assert_eq!(site.app.hits(), 0);
}
