//! Visitors without a session: who is redirected to sign in, and who is just refused.

use crate::harness::{Request, Response, Site};

#[test]
fn a_page_is_redirected_and_everything_else_is_refused() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for (who, method, headers, status) in VISITORS {
        let response = site.request(method, "/page").headers(headers).send();
        assert_eq!(response.status(), *status, "{who}");
        match status {
            302 => assert_redirect(&site, &response, who),
            _ => assert_plain_no(&response, who),
        }
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_answer_to_the_unauthenticated_can_be_chosen_per_location() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /auto/ { authentik_unauthenticated auto; proxy_pass http://app; }
         location /redirect/ { authentik_unauthenticated redirect; proxy_pass http://app; }
         location /401/ { authentik_unauthenticated 401; proxy_pass http://app; }
         location /pass/ { authentik_unauthenticated pass; proxy_pass http://app; }",
    );
    for (path, to_a_person, to_a_script) in [
        ("/", 302, 401),
        ("/auto/", 302, 401),
        ("/redirect/", 302, 302),
        ("/401/", 401, 401),
        ("/pass/", 200, 200),
    ] {
        site.app.forget();
        assert_eq!(site.navigate(path).status(), to_a_person, "{path}");
        assert_eq!(site.get(path).status(), to_a_script, "{path}");
        assert_eq!(site.app.hits(), if path == "/pass/" { 2 } else { 0 }, "{path}");
    }
}

#[test]
fn a_person_who_is_not_redirected_is_shown_the_way() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { authentik_unauthenticated 401; proxy_pass http://app; }",
    );
    let refused = site.navigate("/plans?a=1").send();
    assert_eq!(refused.status(), 401);
    let text = refused.text();
    let link = text.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let link = link.replace("&amp;", "&");
    assert!(link.starts_with("/outpost.goauthentik.io/start?rd="), "{text}");
    assert!(!site.get("/plans").send().text().contains("href"), "a program is not");
    assert_eq!(site.app.hits(), 0);

    let mut browser = site.browser();
    let trail = browser.open(&link);
    assert_eq!((trail.status(), trail.address().path()), (200, "/plans"));
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn pass_lets_strangers_through_without_an_identity_and_known_visitors_with_theirs() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /shop/ { authentik_unauthenticated pass; proxy_pass http://app; }",
    );
    let alice = site.signed_in();

    assert_eq!(site.get("/shop/").status(), 200);
    assert_eq!(site.app.last().identity_headers(), []);
    assert_eq!(alice.get("/shop/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn a_location_can_be_exempted_and_protected_again_below() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /metrics {
             authentik_provider off;
             proxy_pass http://app;
             location /metrics/private { authentik_provider wiki; proxy_pass http://app; }
         }",
    );

    assert_eq!(site.get("/").status(), 401);
    assert_eq!(site.get("/metrics/private").status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(site.get("/metrics").status(), 200);
}

#[test]
fn a_page_that_is_open_when_its_session_ends_learns_it_from_fetch_and_signs_in_by_reloading() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut page = site.signed_in();
    assert_eq!(page.fetch("/api").status(), 200);
    page.clone().step("/outpost.goauthentik.io/sign_out");
    site.app.forget();

    let refused = page.fetch("/api");
    assert_eq!(refused.status(), 401);
    assert_plain_no(&refused, "fetch");
    assert_eq!(page.session_cookies(), [], "the dead cookie is gone");
    assert_eq!(site.app.hits(), 0);
    assert_eq!(page.open("/").status(), 200);
}

#[test]
fn every_refusal_is_one_line_in_the_log_that_says_why() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );

    assert_eq!(site.get("/secret-page?token=hush").status(), 401);

    let lines = site.error_log().lines_with("authentik: ");
    let refused: Vec<&String> = lines.iter().filter(|line| line.contains("reason: ")).collect();
    assert_eq!(refused.len(), 1, "{lines:#?}");
    assert!(refused[0].contains("[info]"), "{refused:?}");
    assert!(refused[0].contains("provider: \"wiki\""), "{refused:?}");
    assert!(refused[0].contains("client: 127.0.0.1"), "{refused:?}");
}

#[test]
fn the_variables_tell_how_a_request_was_decided() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         add_header X-Status $authentik_status always;
         add_header X-Reason $authentik_reason always;
         add_header X-User \"$authentik_username|$authentik_groups|$authentik_provider\" always;
         location / { proxy_pass http://app; }",
    );
    let bob = site.signed_in_as("bob");

    let words = |request: Request| {
        let response = request.send();
        let word = |name: &str| response.header(name).unwrap_or_default().to_owned();
        (word("X-Status"), word("X-Reason"), word("X-User"))
    };
    let (known, no_reason, user) = words(bob.get("/"));
    assert_eq!(no_reason, "");
    assert_eq!(user, "bob|staff|devs|pipe|in|name|restricted-users|wiki");
    let (refused, reason, nobody) = words(site.get("/"));
    assert!(!reason.is_empty());
    assert_eq!(nobody, "||wiki");
    let (public, _, _) = words(site.get("/public/"));
    assert!(known != refused && refused != public && public != known, "{known} {refused} {public}");
}

fn assert_redirect(site: &Site, response: &Response, who: &str) {
    let authorize = format!("{}/application/o/authorize/?", site.sso.url());
    assert!(response.location().starts_with(&authorize), "{who}: {}", response.location());
    assert_no_store(response, who);
}

fn assert_plain_no(response: &Response, who: &str) {
    assert_eq!(response.header("location"), None, "{who}");
    let set = response.all("set-cookie").find(|cookie| !cookie.contains("; Max-Age=0"));
    assert_eq!(set, None, "{who}: an anonymous request stores nothing");
    let kind = response.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{who}: {kind}");
    let body = response.text();
    assert!(body.starts_with('{') && body.trim_end().ends_with('}'), "{who}: {body}");
    assert!(body.len() < 500, "{who}: {} bytes", body.len());
    assert_no_store(response, who);
}

fn assert_no_store(response: &Response, who: &str) {
    let caching = response.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{who}: Cache-Control: {caching}");
}

/// A description, the method, the headers, and the status of the response.
type Visitor = (&'static str, &'static str, &'static [(&'static str, &'static str)], u16);

const VISITORS: &[Visitor] = &[
    ("a person opens a page in Chrome", "GET", &[HTML, MODE_NAVIGATE, DEST_DOCUMENT], 302),
    ("an old browser without Sec-Fetch", "GET", &[HTML], 302),
    (
        "a page that a service worker loads",
        "GET",
        &[HTML, ("Service-Worker-Navigation-Preload", "true"), MODE_NAVIGATE, DEST_EMPTY],
        302,
    ),
    ("an Android WebView", "GET", &[HTML, MODE_NAVIGATE, DEST_DOCUMENT, OF_AN_APP], 302),
    ("an old Android WebView", "GET", &[HTML, OF_AN_APP], 302),
    ("a WebView that hides its app", "GET", &[HTML, ("X-Requested-With", "")], 302),
    ("curl", "GET", &[("Accept", "*/*")], 401),
    ("a script without Accept", "GET", &[], 401),
    ("an API client", "GET", &[("Accept", "application/json")], 401),
    ("fetch()", "GET", &[("Accept", "*/*"), MODE_CORS, DEST_EMPTY], 401),
    ("fetch() that asks for HTML", "GET", &[HTML, MODE_CORS, DEST_EMPTY], 401),
    ("fetch() of the same origin", "GET", &[HTML, ("Sec-Fetch-Mode", "same-origin")], 401),
    ("XMLHttpRequest of jQuery", "GET", &[HTML, ("X-Requested-With", "XMLHttpRequest")], 401),
    ("XMLHttpRequest in any case", "GET", &[HTML, ("X-Requested-With", "xmlhttprequest")], 401),
    ("an image", "GET", &[("Accept", "image/*"), MODE_NO_CORS, ("Sec-Fetch-Dest", "image")], 401),
    ("a script tag", "GET", &[("Accept", "*/*"), MODE_NO_CORS, ("Sec-Fetch-Dest", "script")], 401),
    ("a style sheet", "GET", &[("Accept", "text/css,*/*;q=0.1"), MODE_NO_CORS], 401),
    ("EventSource", "GET", &[("Accept", "text/event-stream"), MODE_CORS, DEST_EMPTY], 401),
    (
        "a WebSocket",
        "GET",
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-Fetch-Mode", "websocket"),
        ],
        401,
    ),
    (
        "a WebSocket of an old browser",
        "GET",
        &[HTML, ("Connection", "Upgrade"), ("Upgrade", "websocket")],
        401,
    ),
    (
        "a pre-flight",
        "OPTIONS",
        &[("Origin", "https://a.test"), ("Access-Control-Request-Method", "PUT"), MODE_CORS],
        401,
    ),
    ("PUT", "PUT", &[HTML], 401),
    ("DELETE", "DELETE", &[HTML], 401),
    ("PROPFIND", "PROPFIND", &[HTML], 401),
    ("a made-up method", "SIGNIN", &[HTML, MODE_NAVIGATE, DEST_DOCUMENT], 401),
];
const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const MODE_NAVIGATE: (&str, &str) = ("Sec-Fetch-Mode", "navigate");
const MODE_CORS: (&str, &str) = ("Sec-Fetch-Mode", "cors");
const MODE_NO_CORS: (&str, &str) = ("Sec-Fetch-Mode", "no-cors");
const DEST_DOCUMENT: (&str, &str) = ("Sec-Fetch-Dest", "document");
const DEST_EMPTY: (&str, &str) = ("Sec-Fetch-Dest", "empty");
const OF_AN_APP: (&str, &str) = ("X-Requested-With", "com.example.app");
