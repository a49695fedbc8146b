//! The same for visitors of other proxies.

use std::time::Instant;

use super::wait_until;
use crate::harness::{Request, Site};
use crate::outpost::{CONNECTED, connected, started};

const SERVER: &str = "authentik_provider auto;
    add_header X-Worker $pid always;
    location / { proxy_pass http://app; }
    location /outpost.goauthentik.io/ { authentik_outpost_endpoint trusted=127.0.0.1; }";

/// The question of this kind of proxy, with a request's cookies.
fn question(site: &Site, proxy: &str, request: Request) -> Request {
    let host = format!("wiki.test:{}", site.address().port());
    let request = request.target(&format!("/outpost.goauthentik.io/auth/{proxy}"));
    match proxy {
        "nginx" => request.header("X-Original-URL", format!("http://{host}/page")),
        _ => request
            .header("X-Forwarded-Proto", "http")
            .header("X-Forwarded-Host", &host)
            .header("X-Forwarded-Uri", "/page"),
    }
}

#[test]
fn a_proxy_that_asks_about_an_opened_page_is_told_to_begin_a_sign_in() {
    let http = CONNECTED.replace("token_file", "recheck 4s; token_file");
    let site = started(connected().http(&http).server(SERVER));
    let start = Instant::now();
    let alice = site.signed_in();
    wait_until(start, 4);
    let ask = |proxy: &str, request: Request| question(&site, proxy, request).send().status();
    let page = || alice.get("/").navigation();

    for proxy in ["nginx", "traefik", "caddy"] {
        assert_eq!(ask(proxy, alice.get("/").header("Sec-Fetch-Mode", "cors")), 200, "{proxy}");
        // A form: the method is told, or cannot be known.
        let told = page().header("X-Forwarded-Method", "POST");
        assert_eq!(ask(proxy, told), 200, "{proxy}");
        let untold = page().header("Origin", "http://wiki.test");
        assert_eq!(ask(proxy, untold), 200, "{proxy}");
    }
    assert_eq!(ask("traefik", page()), 302);
    assert_eq!(ask("nginx", page()), 200, "another page, a moment later");
    let start = Instant::now();
    wait_until(start, 5);
    assert_eq!(ask("nginx", page()), 401);
    assert_eq!(ask("traefik", page()), 302);
    let reason = site.error_log().lines_with("reason: recheck-due");
    assert_eq!(reason.len(), 3, "{reason:#?}");
}
