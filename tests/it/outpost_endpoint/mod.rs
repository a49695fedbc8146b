//! `authentik_outpost_endpoint`: this nginx is the outpost of other proxies.

mod caddy;
mod confusion;
mod haproxy;
mod misconfiguration;
mod providers;
mod recipe;
mod verdicts;

pub(crate) use self::recipe::recipe as documented_recipe;
use crate::harness::{Builder, Request, Site};
use crate::outpost::{CONNECTED, connected, started};

/// A server with the outpost's providers, and the endpoint for other proxies.
const OUTPOST: &str = "authentik_provider auto;
    add_header X-Worker $pid always;
    location / { proxy_pass http://app; }
    location /outpost.goauthentik.io/ { authentik_outpost_endpoint trusted=127.0.0.1; }";

/// The provider `wiki` for a single application, with `^/public/` open.
fn site() -> Site {
    started(public(connected()).server(OUTPOST))
}

fn public(builder: Builder) -> Builder {
    builder.settings(|settings, _| {
        settings.providers[0].proxy.skip_path_regex = "^/public/".to_owned();
    })
}

/// The kinds of proxies, by their endpoint names.
const PROXIES: [&str; 4] = ["nginx", "traefik", "caddy", "envoy"];

/// The question of this kind of proxy about a visitor to `http://HOST/…`; `request` has the
/// cookies.
fn question(proxy: &str, request: Request, host: &str, target: &str) -> Request {
    match proxy {
        "nginx" => request.header("X-Original-URL", format!("http://{host}{target}")),
        "traefik" | "caddy" => request
            .header("X-Forwarded-Proto", "http")
            .header("X-Forwarded-Host", host)
            .header("X-Forwarded-Uri", target),
        _ => request.host(host).header("X-Forwarded-Proto", "http"),
    }
}

/// The target of that question.
fn endpoint(proxy: &str, target: &str) -> String {
    let rest = if proxy == "envoy" { target } else { "" };
    format!("/outpost.goauthentik.io/auth/{proxy}{rest}")
}

/// A stranger's question about the site's own host.
fn stranger(site: &Site, proxy: &str, target: &str) -> Request {
    let host = format!("wiki.test:{}", site.address().port());
    question(proxy, site.get(&endpoint(proxy, target)), &host, target)
}
