//! A real Caddy, with authentik's recipe for it.

use authentik_standin::ProviderSettings;

use super::recipe::{at, is_nobody, open_paths, sign_out, visit};
use super::{OUTPOST, connected};
use crate::harness::{Browser, Caddy, IDENTITY_HEADERS, Request, Site, eventually, parameter};

/// authentik's documentation of its Caddy integration, "standalone", unchanged except for host
/// names.
const RECIPE: &str = "
    # directive execution order is only as stated if enclosed with route.
    route {
        # always forward outpost path to actual outpost
        reverse_proxy /outpost.goauthentik.io/* http://%%OUTPOST%%

        # forward authentication to outpost
        forward_auth http://%%OUTPOST%% {
            uri /outpost.goauthentik.io/auth/caddy

            # capitalization of the headers is important, otherwise they will be empty
            copy_headers X-Authentik-Username X-Authentik-Groups X-Authentik-Entitlements \
X-Authentik-Email X-Authentik-Name X-Authentik-Uid X-Authentik-Jwt X-Authentik-Meta-Jwks \
X-Authentik-Meta-Outpost X-Authentik-Meta-Provider X-Authentik-Meta-App X-Authentik-Meta-Version

            # optional, in this config trust all private ranges, should probably be set to the \
outposts IP
            trusted_proxies private_ranges
        }

        # actual site configuration below, for example
        reverse_proxy %%APP%%
    }";

/// The recipe in docs/outpost-for-others.md.
fn documented() -> String {
    let docs = include_str!("../../../docs/outpost-for-others.md");
    let (_, snippet) = docs.split_once("```caddyfile\n").expect("a Caddyfile");
    let (snippet, _) = snippet.split_once("```").expect("its end");
    let (_, lines) = snippet.split_once("wiki.example.com {\n").expect("a site");
    let lines = lines.trim_end().strip_suffix('}').expect("its end");
    for address in ["10.0.0.1:9000", "127.0.0.1:3000"] {
        assert!(lines.contains(address), "{address}");
    }
    lines.replace("10.0.0.1:9000", "%%OUTPOST%%").replace("127.0.0.1:3000", "%%APP%%")
}

/// `wiki.test`, with `^/public/` open, and `open.test`, completely open.
fn outpost() -> Site {
    let site = connected()
        .server(OUTPOST)
        .settings(|settings, ports| {
            let wiki = &mut settings.providers[0];
            wiki.proxy.skip_path_regex = "^/public/".to_owned();
            wiki.set_external_host(&format!("http://wiki.test:{}", ports.other));
            let host = format!("http://open.test:{}", ports.other);
            let mut open = ProviderSettings::new("open", &host);
            open.proxy.skip_path_regex = "^/".to_owned();
            settings.providers.push(open);
        })
        .start();
    let host = format!("wiki.test:{}", site.other_address().port());
    let ask = super::question("caddy", site.get(&super::endpoint("caddy", "/")), &host, "/");
    eventually("the settings arrive", || crate::outpost::all_workers_say(&site, &ask, 302));
    site
}

fn stranger(site: &Site) -> Request {
    Browser::new(&at(site, "wiki.test", "")).get("/page")
}

#[test]
fn the_caddy_recipe_works_unchanged() {
    let site = outpost();
    let _caddy = Caddy::start(&site, RECIPE);
    let mut browser = visit(&site, "wiki.test");
    sign_out(&site, &mut browser);
    open_paths(&site, "wiki.test");

    site.app.forget();
    // On any page of the application, too.
    let mut browser = visit(&site, "wiki.test");
    let away = browser.step("/any/page?X-authentik-logout=true");
    assert!(away.location().contains("/end-session/"), "{away:#?}");
    site.app.forget();
    assert_eq!((browser.fetch("/page").status(), site.app.hits()), (302, 0));
}

#[test]
fn the_caddyfile_of_our_documentation_works() {
    let site = outpost();
    let _caddy = Caddy::start(&site, &documented());
    let mut browser = visit(&site, "wiki.test");
    sign_out(&site, &mut browser);
    open_paths(&site, "wiki.test");
}

#[test]
fn identity_headers_that_a_visitor_of_caddy_sends_are_worth_nothing() {
    let site = outpost();
    for recipe in [RECIPE.to_owned(), documented()] {
        let _caddy = Caddy::start(&site, &recipe);
        let mut browser = Browser::new(&at(&site, "wiki.test", ""));
        browser.become_user("bob");
        assert_eq!(browser.open("/page").status(), 200);
        for name in IDENTITY_HEADERS {
            for name in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                site.app.forget();
                assert_eq!(stranger(&site).header(&name, "root").status(), 302, "{name}");
                assert_eq!(site.app.hits(), 0, "{name}");

                // A visitor known to the outpost, and one let through unknown.
                for request in [browser.get("/page"), stranger(&site).target("/public/a")] {
                    let request = request.header(&name, "root").header(&name, "root");
                    assert_eq!(request.status(), 200, "{name}");
                    let told = site.app.last();
                    assert!(!told.all(&name).contains(&"root"), "{name}: {told:#?}");
                }
            }
        }
    }
}

#[test]
fn with_our_caddyfile_no_spelling_of_an_identity_header_comes_through() {
    let site = outpost();
    let _caddy = Caddy::start(&site, &documented());
    for name in ["X_authentik_username", "x-authentik_username", "X-Authentik-Other"] {
        let request = stranger(&site).target("/public/a").header(name, "root");
        assert_eq!(request.status(), 200, "{name}");
        let told = site.app.last();
        assert!(told.identity_headers().iter().all(|(_, value)| is_nobody(value)), "{told:#?}");
    }
}

#[test]
fn what_a_visitor_of_caddy_says_of_the_page_is_worth_nothing() {
    let site = outpost();
    let port = site.other_address().port();
    let open = format!("open.test:{port}");
    let untrusting = RECIPE.replace("trusted_proxies private_ranges", "");
    let other = RECIPE.replace("private_ranges", "192.0.2.7");
    let claims: [(&str, &str); 8] = [
        ("X-Forwarded-Uri", "/public/a"),
        ("X-Forwarded-Host", &open),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Original-URL", "http://open.test/"),
        ("X-Original-URI", "/public/a"),
        ("Forwarded", "for=10.0.0.1;host=open.test;proto=https"),
    ];
    for recipe in [documented(), untrusting, other] {
        let _caddy = Caddy::start(&site, &recipe);
        let all = stranger(&site).headers(&claims);
        let mut requests: Vec<Request> =
            claims.iter().map(|(name, value)| stranger(&site).header(name, value)).collect();
        requests.extend(claims.iter().map(|(name, value)| all.clone().header(name, value)));
        for request in requests {
            let answer = request.send();
            assert_eq!(answer.status(), 302, "{request:?}");
            let client = parameter(answer.location(), "client_id");
            assert_eq!(client.as_deref(), Some("wiki-client-id-0123456789abcdefghijklmno"));
            assert_eq!(site.app.hits(), 0, "{request:?}");
        }
    }

    // With the original recipe, Caddy trusts visitors with private addresses, like this one.
    let _caddy = Caddy::start(&site, RECIPE);
    for (name, value) in &claims {
        if *name != "X-Forwarded-Host" {
            let request = stranger(&site).header(name, value);
            assert_eq!((request.status(), site.app.hits()), (302, 0), "{name}");
        }
    }
}
