//! Nobody is redirected elsewhere: not by `start`, not by the callback, whatever the target of a
//! sign-in.

use std::thread;

use authentik_standin::ProviderSettings;
use url::Url;

use crate::harness::{Request, Response, Site};

#[test]
fn no_payload_leaves_the_host_through_start_or_after_the_callback() {
    let site = site();
    let outcomes = all_payloads(|payload| {
        let encoded = landing(&site, "ext.example", &start(&percent_encoded(&payload.text)));
        let end = encoded.unwrap_or_else(|| panic!("{:?}: no redirect", payload.text));
        if payload.refused {
            assert_eq!(end, "https://ext.example/", "{:?}", payload.text);
        }
        assert_on_host(&end, &payload.text, |host| host == "ext.example");
        raw_ends_on(&site, "ext.example", &payload.text, |host| host == "ext.example");
        end != "https://ext.example/"
    });

    assert!(outcomes.len() >= 300, "{}", outcomes.len());
    let returned = outcomes.iter().filter(|&&returned| returned).count();
    assert!(returned >= 30, "harmless ones are returned to: {returned}");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn no_payload_leaves_the_domain_through_start_or_after_the_callback() {
    let site = site();
    let root = "https://auth.ext.example/";
    let outcomes = all_payloads(|payload| {
        let target = start(&percent_encoded(&payload.text));
        let end = landing(&site, "auth.ext.example", &target);
        let end = end.unwrap_or_else(|| panic!("{:?}: no redirect", payload.text));
        assert_on_host(&end, &payload.text, in_domain);
        raw_ends_on(&site, "auth.ext.example", &payload.text, in_domain);
        end != root
    });

    let returned = outcomes.iter().filter(|&&returned| returned).count();
    assert!(returned >= 15, "harmless ones are returned to: {returned}");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn no_payload_leaves_the_host_as_the_page_that_was_asked_for() {
    let site = site();
    let outcomes = all_payloads(|payload| {
        if !fits_a_request_line(&payload.text) {
            return false;
        }
        // In the absolute form, `GET https://evil.example/ HTTP/1.1`, the request line selects the
        // server.
        let is_path = payload.text.starts_with('/');
        for (host, allowed) in HOSTS {
            let allowed = if is_path { allowed } else { in_domain };
            if let Some(end) = landing(&site, host, &payload.text) {
                assert_on_host(&end, &payload.text, allowed);
            }
        }
        true
    });

    assert!(outcomes.iter().filter(|&&sent| sent).count() >= 200);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn no_host_header_makes_a_sign_in_end_elsewhere() {
    let site = site();
    for host in [
        "evil.example",
        "ext.example.evil.example",
        "evil.example/.ext.example",
        "evil.example#.ext.example",
        "evil.example?.ext.example",
        "evil.example\\.ext.example",
        "auth.ext.example@evil.example",
        "evil.example%00.ext.example",
        "evil.example%2f.ext.example",
        "ext.example:443@evil.example",
        "wiki.ext.example.",
        "[::1]",
        "xext.example",
    ] {
        if let Some(end) = landing(&site, host, "/page") {
            assert_on_host(&end, host, in_domain);
        }
    }
    let home = landing(&site, "wiki.ext.example", "/page").expect("a redirect");
    assert_eq!(home, "https://wiki.ext.example/page");
    assert_eq!(site.app.hits(), 0);
}

/// The provider `ext` for `https://ext.example`, the provider `domain` for `*.ext.example` and for
/// every other host: TLS ends in front of this nginx.
fn site() -> Site {
    Site::builder()
        .settings(|settings, _| {
            let providers = [
                ProviderSettings::new("ext", "https://ext.example"),
                ProviderSettings::new("domain", "https://auth.ext.example"),
            ];
            settings.providers.extend(providers);
        })
        .http(
            "authentik_provider ext {
                 issuer %%SSO%%/application/o/ext/;
                 client_id ext-client-id;
                 client_secret ext-client-secret;
                 external_host https://ext.example;
             }
             authentik_provider domain {
                 issuer %%SSO%%/application/o/domain/;
                 client_id domain-client-id;
                 client_secret domain-client-secret;
                 external_host https://auth.ext.example;
                 mode forward_domain;
                 cookie_domain ext.example;
             }
             server {
                 listen 127.0.0.1:%%PORT%% default_server;
                 server_name *.ext.example;
                 authentik_provider domain;
                 location / { proxy_pass http://app; }
             }
             server {
                 listen 127.0.0.1:%%PORT%%;
                 server_name ext.example;
                 authentik_provider ext;
                 location / { proxy_pass http://app; }
             }",
        )
        .server("location / { return 204; }")
        .start()
}

/// Requests `target` in a browser without a session; alice signs in on the way. Returns the first
/// address that is neither authentik's nor the callback, or `None` without a redirect.
fn landing(site: &Site, host: &str, target: &str) -> Option<String> {
    let mut response = site.get(target).host(host).navigation().send();
    let mut cookies = Vec::new();
    for _ in 0..6 {
        cookies.extend(response.all("set-cookie").filter_map(pair));
        let location = response.header("location")?.to_owned();
        let is_callback = CALLBACKS.iter().any(|callback| location.starts_with(callback));
        if location.starts_with(&site.sso.url()) {
            let authority = site.sso.address().to_string();
            response =
                ask(Request::new(site.sso.address(), "GET", &authority, &target_of(&location)));
        } else if is_callback {
            let host = Url::parse(&location).expect("a URL").host_str().expect("a host").to_owned();
            let request = site.get(&target_of(&location)).host(&host);
            response = ask(request.header("Cookie", cookies.join("; ")));
        } else {
            return Some(location);
        }
    }
    panic!("{target:?}: goes round in circles");
}

fn ask(request: Request) -> Response {
    request.navigation().send()
}

fn pair(set_cookie: &str) -> Option<String> {
    set_cookie.split(';').next().map(str::to_owned)
}

fn target_of(url: &str) -> String {
    let url = Url::parse(url).expect("a URL");
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// Sends the payload unencoded, if HTTP allows that. `%`, `&`, `+` and `#` have a meaning there, so
/// only the host is checked.
fn raw_ends_on(site: &Site, host: &str, payload: &str, allowed: Allowed) {
    if !fits_a_request_line(payload) {
        return;
    }
    if let Some(end) = landing(site, host, &start(payload)) {
        assert_on_host(&end, payload, allowed);
    }
}

/// RFC 9112 section 3: no whitespace or control characters; nginx accepts the rest.
fn fits_a_request_line(payload: &str) -> bool {
    !payload.is_empty() && payload.bytes().all(|byte| byte > b' ' && byte != 0x7f)
}

fn start(rd: &str) -> String {
    format!("/outpost.goauthentik.io/start?rd={rd}")
}

/// Both readers must see an allowed host: a browser, and somebody who does not know URLs.
fn assert_on_host(location: &str, payload: &str, allowed: Allowed) {
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{payload:?}: {location:?}");
    let rest = location.strip_prefix("https://");
    let rest = rest.unwrap_or_else(|| panic!("{payload:?}: {location:?} is no absolute https URL"));
    let naive = rest.split(['/', '\\', '?', '#', ';', '@', '%', '&', ':']).next();
    assert!(naive.is_some_and(allowed), "{payload:?}: {location:?}");

    let base = Url::parse("https://ext.example/").expect("a URL");
    let url = base.join(location).unwrap_or_else(|error| panic!("{location:?}: {error}"));
    assert!(url.host_str().is_some_and(allowed), "{payload:?}: {location:?}");
    assert_eq!((url.username(), url.password()), ("", None), "{payload:?}: {location:?}");
}

fn in_domain(host: &str) -> bool {
    host == "ext.example" || host.ends_with(".ext.example")
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

type Allowed = fn(&str) -> bool;

/// One line of the list.
struct Payload {
    /// Whether its group must be refused if only one host is allowed.
    refused: bool,
    text: String,
}

/// Runs the check for each payload, on several threads.
fn all_payloads<T: Send>(check: impl Fn(&Payload) -> T + Sync) -> Vec<T> {
    let payloads = payloads();
    thread::scope(|scope| {
        let check = &check;
        let parts = payloads.chunks(payloads.len().div_ceil(THREADS));
        let running: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(check).collect::<Vec<T>>()))
            .collect();
        running.into_iter().flat_map(|part| part.join().expect("a part of the list")).collect()
    })
}

fn payloads() -> Vec<Payload> {
    let mut refused = None;
    let mut payloads = Vec::new();
    for line in include_str!("../data/open_redirect_payloads.txt").lines() {
        if line.starts_with("# refused: ") {
            refused = Some(true);
        } else if line.starts_with("# safe: ") {
            refused = Some(false);
        } else if !(line == "#" || line.starts_with("# ")) {
            let refused = refused.expect("a heading");
            payloads.push(Payload { refused, text: with_bytes(line) });
        }
    }
    payloads
}

/// `{hh}` is the byte with this value.
fn with_bytes(line: &str) -> String {
    let mut parts = line.split('{');
    let mut payload = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (hex, rest) = part.split_once('}').expect("a closing brace");
        payload.push(char::from(u8::from_str_radix(hex, 16).expect("two hex digits")));
        payload.push_str(rest);
    }
    payload
}

/// Requested hosts, and where the redirect may lead.
const HOSTS: [(&str, Allowed); 3] = [
    ("ext.example", |host| host == "ext.example"),
    ("auth.ext.example", in_domain),
    ("wiki.ext.example", in_domain),
];
const CALLBACKS: [&str; 2] = [
    "https://ext.example/outpost.goauthentik.io/callback?",
    "https://auth.ext.example/outpost.goauthentik.io/callback?",
];
const THREADS: usize = 4;
