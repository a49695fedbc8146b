//! Where browsers are sent, and the URLs that other proxies report.

use std::sync::LazyLock;

use authentik_gate::forward::{Asked, ForwardUrl, Forwarded, FrontEnd, climbs_out};
use authentik_gate::provider::{Mode, Provider};
use authentik_gate::redirect::{MAX_TARGET, RedirectTarget};
use authentik_gate::testing;
use url::{Host, Url};

use crate::fixtures::{first_line, lossy};

static PROVIDERS: LazyLock<[Provider; 4]> = LazyLock::new(|| {
    let with_port = testing::provider_at("http://ext.example:8080/app/");
    [
        testing::provider(),
        testing::domain_provider(),
        with_port,
        testing::provider_at("https://[2001:db8::1]:8443"),
    ]
});

/// A page to return to, from a parameter (first line) or from the request (host, second line):
/// whatever is accepted stays on the provider's hosts in every reader's eyes.
pub(crate) fn redirect_target(data: &[u8]) {
    let (first, second) = first_line(data);
    for provider in &*PROVIDERS {
        for rd in [lossy(first), lossy(data)] {
            if let Ok(target) = RedirectTarget::parse(&rd, provider) {
                stays(provider, target.as_str());
                assert_eq!(RedirectTarget::parse(target.as_str(), provider), Ok(target));
            }
        }
        for (host, uri) in [(first, second), (second, first), (&b"wiki.example.com"[..], first)] {
            if let Ok(target) = RedirectTarget::of_request(provider, host, uri) {
                stays(provider, target.as_str());
            }
        }
    }
}

/// Panics unless a browser that follows this `Location`, on any page, stays with the provider.
pub(crate) fn stays(provider: &Provider, location: &str) {
    assert!(location.len() <= MAX_TARGET);
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
    let before_query = location.split(['?', '#']).next().unwrap();
    assert!(!before_query.contains('\\'), "some readers take it for a slash: {location}");
    // As a browser does it (WHATWG URL), from another site's page: the result is absolute.
    let elsewhere = Url::parse("https://elsewhere.example/a/b").unwrap();
    let url = elsewhere.join(location).unwrap();
    assert_eq!(Url::parse(location).as_ref(), Ok(&url));
    assert!(url.username().is_empty() && url.password().is_none(), "{location}");
    let external = &provider.external.url;
    match provider.mode {
        Mode::Proxy | Mode::ForwardSingle => {
            assert_eq!(url.origin(), external.origin(), "{location}");
        }
        Mode::ForwardDomain => {
            let Some(Host::Domain(host)) = url.host() else { panic!("{location}") };
            assert!(host == "example.com" || host.ends_with(".example.com"), "{location}");
            assert_eq!(url.scheme(), "https", "a Secure cookie is not sent there: {location}");
        }
    }
    // As a reader does it that knows nothing but RFC 3986.
    let (scheme, rest) = location.split_once("://").unwrap();
    let authority = rest.split(['/', '?', '#']).next().unwrap();
    assert!(matches!(scheme, "http" | "https") && !authority.contains(['@', '%']));
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { host } else { authority }
    });
    assert_eq!(Some(host), url.host_str(), "two readers see two hosts: {location}");
}

/// What another proxy says about a request, a value in each line (`Host`, target, URL, scheme, host,
/// path): one URL for all readers, or none.
pub(crate) fn forwarded_url(data: &[u8]) {
    const NAMES: [&[u8]; 4] =
        [b"x-original-url", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-uri"];
    let mut lines = data.split(|byte| *byte == b'\n');
    let (host, target) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // A line more than there are names repeats one.
    let said: Vec<(&[u8], &[u8])> = NAMES.into_iter().cycle().zip(lines).take(8).collect();
    let said = said.into_iter().filter(|(_, value)| !value.is_empty());
    let forwarded = Forwarded::gather(said);
    for front_end in [FrontEnd::Nginx, FrontEnd::Traefik, FrontEnd::Caddy, FrontEnd::Envoy] {
        let asked = Asked { front_end, host, target, forwarded };
        let Ok(url) = ForwardUrl::of(&asked) else { continue };
        assert!(matches!(url.scheme(), "http" | "https"));
        assert!(url.target().starts_with(b"/") && !url.target().iter().any(u8::is_ascii_control));
        assert!(url.normalized().starts_with(b"/"));
        let segments = || url.normalized().split(|byte| *byte == b'/');
        assert!(!segments().any(|segment| matches!(segment, b"." | b"..")));
        assert!(!url.normalized().windows(2).any(|pair| pair == b"//"));
        let joined = match url.query() {
            Some(query) => [url.path(), b"?", query].concat(),
            None => url.path().to_vec(),
        };
        assert_eq!(joined, url.target());

        // A browser goes to the same host and port.
        assert!(url.authority().is_ascii());
        let authority = lossy(url.authority());
        assert!(!authority.contains(['@', '/', '\\', '?', '#', '%', ',', ' ']), "{authority}");
        let host = lossy(url.host());
        assert_eq!(host, host.to_ascii_lowercase());
        let whole = format!("{}://{authority}/", url.scheme());
        if let Ok(seen) = Url::parse(&whole) {
            assert_eq!(seen.path(), "/");
            let default = if url.scheme() == "https" { 443 } else { 80 };
            assert_eq!(
                seen.port_or_known_default(),
                Some(url.port().unwrap_or(default)),
                "{whole}"
            );
            if let Some(Host::Domain(name)) = seen.host() {
                let name = name.strip_suffix('.').unwrap_or(name);
                assert_eq!(name, host, "{whole}");
            }
        }
        for provider in &*PROVIDERS {
            let site = url.authority();
            if let Ok(target) = RedirectTarget::of_request(provider, site, url.target()) {
                stays(provider, target.as_str());
            }
        }
    }
    if climbs_out(target, host) {
        assert_eq!(FrontEnd::of(target, host), None, "asked without knowing it");
    }
}
