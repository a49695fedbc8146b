//! `mode forward_domain`: one provider and one sign-in for all hosts of a domain.

use crate::harness::{Browser, Cookie, Site};

pub(crate) fn site() -> Site {
    Site::builder()
        .http(
            "authentik_provider domain {
                 issuer %%SSO%%/application/o/domain/;
                 client_id domain-client-id;
                 client_secret domain-client-secret;
                 external_host http://auth.example.test:%%PORT%%;
                 mode forward_domain;
                 cookie_domain .example.test;
                 unauth_paths ^http://open\\.example\\.test:\\d+/ ^[^?]*/health\\?deep=1$;
             }
             server {
                 listen 127.0.0.1:%%PORT%%;
                 server_name auth.example.test;
                 authentik_provider domain;
                 location / { return 204; }
             }
             server {
                 listen 127.0.0.1:%%PORT%%;
                 server_name *.example.test evilexample.test;
                 authentik_provider domain;
                 location / { proxy_pass http://app; }
             }",
        )
        .settings(|settings, ports| {
            let host = format!("http://auth.example.test:{}", ports.main);
            settings.providers.push(authentik_standin::ProviderSettings::new("domain", &host));
        })
        .start()
}

fn at(site: &Site, host: &str, target: &str) -> String {
    format!("http://{host}.example.test:{}{target}", site.address().port())
}

#[test]
fn one_sign_in_opens_all_hosts_and_returns_to_the_one_asked_for() {
    let site = site();
    let mut browser = site.browser();

    let trail = browser.open(&at(&site, "wiki", "/page?x=1"));
    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(trail.address().as_str(), at(&site, "wiki", "/page?x=1"));
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));

    let asked = site.sso.count("/application/o/authorize/");
    let trail = browser.open(&at(&site, "files", "/"));
    assert_eq!(trail.status(), 200, "{trail:#?}");
    assert_eq!(site.sso.count("/application/o/authorize/"), asked, "no second sign-in");
}

/// An outpost still serves other hosts of the domain, necessarily through another provider, since a
/// provider's callback belongs either to the outpost or to this nginx. So its cookie is different.
#[test]
fn a_site_that_has_moved_leaves_the_session_of_those_that_have_not() {
    let site = site();
    let mut browser = Browser::new(&at(&site, "wiki", ""));
    let (of_outpost, value) = ("authentik_proxy_165dd56c", "MTcwMDAwMDAwMHxEWDhFQVFMX2dB");
    let line = format!("{of_outpost}={value}; Path=/; Domain=example.test; HttpOnly; SameSite=Lax");
    browser.take_cookie_of("old.example.test", &line);
    let assert_kept = |browser: &Browser| {
        let cookies = browser.cookies();
        let is_kept = |cookie: &Cookie| cookie.name == of_outpost && cookie.value == value;
        assert!(cookies.iter().any(is_kept), "{cookies:?}");
    };

    assert_eq!(browser.fetch("/page").status(), 401, "it is no session here");
    assert_kept(&browser);
    assert_eq!(browser.open("/page").status(), 200);
    assert_eq!(browser.fetch("/page").status(), 200);
    assert_kept(&browser);
    browser.take_cookie_of("old.example.test", &line); // signed in there once more
    assert_eq!(browser.fetch("/page").status(), 200);
    browser.step("/outpost.goauthentik.io/sign_out");
    assert_eq!(browser.fetch("/page").status(), 401);
    assert_kept(&browser);
}

/// All hosts have moved at once, with their provider: visitors sign in once, and the old session is
/// not in the way.
#[test]
fn the_session_of_an_outpost_with_the_same_provider_costs_one_sign_in() {
    let site = site();
    let mut browser = Browser::new(&at(&site, "wiki", ""));
    let of_outpost = "authentik_proxy_a9187c16"; // of domain-client-id
    let line = format!("{of_outpost}=MTcwMDAwMDAwMHxE; Path=/; Domain=example.test; HttpOnly");
    browser.take_cookie_of("wiki.example.test", &line);
    assert_eq!(browser.open("/page").status(), 200);
    assert_eq!(browser.open(&at(&site, "files", "/")).status(), 200);
    assert_eq!(site.sso.count("/application/o/authorize/"), 1);
    assert_eq!(browser.session_cookies().len(), 1, "{:?}", browser.cookies());
}

#[test]
fn signing_out_anywhere_signs_out_everywhere() {
    let site = site();
    let mut browser = site.browser();
    assert_eq!(browser.open(&at(&site, "wiki", "/")).status(), 200);

    browser.open(&at(&site, "files", "/outpost.goauthentik.io/sign_out"));
    site.app.forget();

    for host in ["wiki", "files"] {
        assert_eq!(browser.fetch(&at(&site, host, "/")).status(), 401, "{host}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_look_alike_host_is_no_host_of_the_domain() {
    let site = site();
    let port = site.address().port();

    let request = site.navigate("/secret").host(&format!("evilexample.test:{port}"));
    let location = request.send().header("Location").unwrap_or_default().to_owned();

    // The visitor can sign in, but returns to the domain, never to the look-alike.
    assert!(location.contains("auth.example.test"), "{location}");
    let open = site.get("/").host(&format!("open.example.test.evil.test:{port}"));
    assert_ne!(open.status(), 200);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_providers_patterns_see_the_whole_url() {
    let site = site();
    let port = site.address().port();
    for (host, target, status) in [
        ("open", "/anything", 200),
        ("wiki", "/anything", 401),
        ("wiki", "/health?deep=1", 200),
        ("wiki", "/health", 401),
        ("wiki", "/secret?x=/health?deep=1", 401),
        ("wiki", "/?http://open.example.test:80/", 401),
    ] {
        let request = site.get(target).host(&format!("{host}.example.test:{port}"));
        assert_eq!(request.status(), status, "{host} {target}");
    }
    assert_eq!(site.app.hits(), 2);
}
