//! Requests that nginx only partly initializes, or handles differently, in every kind of location:
//! none stops a worker, gets in, or carries an identity.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::harness::http2::Http2;
use crate::harness::{Connection, SITE_NAME, Site, TempDir, certificate, listen_http2};

use super::frames;

/// Every kind of location. Requests to the application name their location.
const PLACES: &str = "authentik_provider wiki;
    authentik_identity_headers Remote-User;
    authentik_unauth_paths ^/open/;
    proxy_set_header X-Place closed;
    location / { proxy_pass http://app; }
    location /rule/ { authentik_require group admins; proxy_pass http://app; }
    location /named/ { try_files /none @app; }
    location @app { proxy_pass http://app; }
    location /static/ { root html; }
    location /if/ { if ($request_method = POST) { proxy_pass http://app; } proxy_pass http://app; }
    location /limited/ { limit_except GET { deny all; } proxy_pass http://app; }
    location /nested/ { location /nested/ { proxy_pass http://app; } }
    location /rewritten/ { rewrite ^ /elsewhere last; }
    location /status/ { authentik_status; }
    location /ending/ { authentik_require user bob; authentik_status end_sessions=on; }
    location /outpost.goauthentik.io/auth/ { authentik_outpost_endpoint trusted=127.0.0.1 trusted=unix:; }
    location /inner/ { proxy_set_header X-Place inner; proxy_pass http://app; }

    location /open/ { proxy_set_header X-Place open; proxy_pass http://app; }
    location /pass/ {
        authentik_unauthenticated pass; proxy_set_header X-Place open; proxy_pass http://app;
    }
    location /off/ { authentik_provider off; proxy_set_header X-Place open; proxy_pass http://app; }
    location /files/ { authentik_provider off; root html; }
    location /accel/ { authentik_provider off; proxy_pass http://unix:%%PREFIX%%/accel.sock; }
    location /mirrored/ {
        authentik_provider off; mirror /inner/; mirror /status/; mirror /ending/;
        proxy_set_header X-Place open; proxy_pass http://app;
    }
    location /bodiless/ {
        authentik_provider off; mirror /ending/; mirror_request_body off;
        proxy_set_header X-Place open; proxy_pass http://app;
    }
    location /asked/ {
        authentik_provider off; auth_request /inner/;
        proxy_set_header X-Place open; proxy_pass http://app;
    }
    location /included/ { authentik_provider off; ssi on; root html; }
    location /added/ { authentik_provider off; add_after_body /inner/; root html; }
    location /after/ {
        authentik_provider off; post_action /;
        proxy_set_header X-Place open; proxy_pass http://app;
    }
    location /ended/ { authentik_provider off; post_action /ending/; root html; }";

/// Keeps the application from waiting for an announced body that does not come.
fn places() -> String {
    let bodiless = "proxy_pass_request_body off; proxy_set_header Content-Length \"\";";
    PLACES.replace("proxy_set_header", &format!("{bodiless} proxy_set_header"))
}

/// One target per location.
const TARGETS: [&str; 31] = [
    "/",
    "/rule/",
    "/named/",
    "/static/",
    "/if/",
    "/limited/",
    "/nested/",
    "/rewritten/",
    "/status/",
    "/ending/",
    "/inner/",
    "/open/x",
    "/pass/",
    "/off/",
    "/files/",
    "/accel/",
    "/mirrored/",
    "/bodiless/",
    "/asked/",
    "/included/",
    "/added/",
    "/after/",
    "/ended/",
    "/outpost.goauthentik.io/auth/nginx",
    "/outpost.goauthentik.io/start",
    "/outpost.goauthentik.io/callback",
    "/outpost.goauthentik.io/sign_out",
    "/outpost.goauthentik.io/ping",
    "/outpost.goauthentik.io/backchannel_logout",
    "/outpost.goauthentik.io/frontchannel_logout",
    "/none",
];

/// Those with subrequests.
const SUBREQUESTS: [&str; 5] = ["/mirrored/", "/bodiless/", "/asked/", "/included/", "/added/"];

const MODES: [&str; 2] = ["", "mode proxy; internal_host http://%%APP%%/; basic_auth user pass;"];

/// What nobody may see without a session.
const SECRET: &str = "only for who has signed in";

/// A site with this target for requests that nginx cannot read or accept, and this provider mode.
fn site(page: &str, mode: &str, directory: &TempDir) -> Site {
    let (certificate, key) = certificate(SITE_NAME, "127.0.0.1", directory);
    let read = |path| std::fs::read_to_string(path).expect("a PEM file");
    Site::builder()
        .provider(mode)
        .file("cert.pem", &read(certificate))
        .file("key.pem", &read(key))
        .file("html/static/index.html", SECRET)
        .file("html/files/index.html", "a file")
        .file("html/ended/index.html", "a file")
        .file("html/added/index.html", "a file")
        .file(
            "html/included/index.html",
            "<!--#include virtual=\"/inner/\" --><!--#include virtual=\"/ending/\" -->",
        )
        .http(
            "log_format ours '$authentik_status $authentik_reason $authentik_username $authentik_provider \
             $authentik_upstream $authentik_upstream_host $authentik_ssl_certificate_key';
             server {
                 listen unix:%%PREFIX%%/accel.sock;
                 location / { add_header X-Accel-Redirect $arg_to always; return 200; }
             }",
        )
        .server(&format!(
            "listen 127.0.0.1:%%PORT2%% ssl;
             listen unix:%%PREFIX%%/site.sock;
             listen unix:%%PREFIX%%/proxied.sock proxy_protocol;
             ssl_certificate cert.pem;
             ssl_certificate_key key.pem;
             error_page 400 403 404 405 411 412 413 414 416 494 497 501 505 {page};
             access_log %%PREFIX%%/ours.log ours;
             keepalive_timeout 0;
             lingering_timeout 10ms;
             client_header_timeout 1s;
             client_body_timeout 50ms;
             client_max_body_size 1k;
             {}",
            places()
        ))
        .start()
}

/// Requests that nginx cannot read, or rejects itself.
fn refused(target: &str) -> Vec<String> {
    const HOST: &str = "Host: wiki.test\r\nConnection: close\r\nX-authentik-username: root\r\n";
    let full = |start: &str| format!("{start}{}:88", "a".repeat(8191 - start.len()));
    vec![
        format!("GET {target} HTTP/1.1x\r\n{HOST}\r\n"),
        format!("GET {target} HTTP/7.0\r\n{HOST}\r\n"),
        format!("GET {target} HTTP/1.1\r\n\r\n"),
        format!("GET {target} HTTP/1.1\r\n{HOST}Host: open.test\r\n\r\n"),
        format!("GET {target} HTTP/1.1\r\nHost: :80\r\nRemote-User: root\r\n\r\n"),
        format!("GET http://-_/{target} HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET http://wiki.test:8x{target} HTTP/1.1\r\n{HOST}\r\n"),
        // Nothing fits into the buffer but digits, a colon and a name.
        format!("GET http://wiki.test:{}", "8".repeat(40_000)),
        full("GET http://"),
        format!("GET http://{}", "a".repeat(40_000)),
        format!("GET {target}?{}", "a".repeat(40_000)),
        format!("GET {target} HTTP/1.1\r\n{HOST}X: {}", "x".repeat(40_000)),
        format!("TRACE {target} HTTP/1.1\r\n{HOST}\r\n"),
        format!("CONNECT wiki.test:80 HTTP/1.1\r\n{HOST}\r\n"),
        format!("POST {target} HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n"),
        format!("POST {target} HTTP/1.1\r\n{HOST}Content-Length: x\r\n\r\n"),
        format!("POST {target} HTTP/1.1\r\n{HOST}Content-Length: 2000\r\n\r\nabc"),
    ]
}

/// Unusual, but complete requests.
fn unusual(target: &str) -> Vec<String> {
    const HOST: &str = "Host: wiki.test\r\nConnection: close\r\n";
    const JSON: &str = "Content-Type: application/json\r\nX-Requested-With: x\r\n";
    const WISH: &str = "Content-Length: 20\r\n\r\n{\"username\":\"alice\"}";
    vec![
        format!("GET {target}\r\n"),
        format!("GET {target}?to=/&rd=/&state=y&code=z\r\n"),
        format!("GET http://wiki.test{target}\r\n"),
        format!("GET http://wiki.test:80{target}?to=/ending/ HTTP/1.0\r\n\r\n"),
        format!("GET http://open.test{target}?to=/static/ HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET {target}?to=@app HTTP/1.1\r\n{HOST}Authorization: Basic eDp5\r\n\r\n"),
        format!("GET {target}?to=/ HTTP/1.1\r\n{HOST}If-Match: \"x\"\r\n\r\n"),
        format!("GET {target} HTTP/1.1\r\n{HOST}Range: bytes=99999-\r\n\r\n"),
        format!("HEAD {target}?to=/none HTTP/1.1\r\n{HOST}\r\n"),
        format!("OPTIONS * HTTP/1.1\r\n{HOST}\r\n"),
        format!(
            "GET {target} HTTP/1.1\r\n{HOST}Upgrade: websocket\r\nExpect: 100-continue\r\n\r\n"
        ),
        format!("POST {target}?to=@app HTTP/1.1\r\n{HOST}{JSON}{WISH}"),
        format!("POST {target}?to=/ending/ HTTP/1.1\r\n{HOST}{JSON}Expect: 100-continue\r\n{WISH}"),
        format!("POST {target} HTTP/1.1\r\n{HOST}{JSON}Content-Length: 20\r\n\r\n{{\"user"),
        format!("POST {target}\r\n{HOST}{WISH}"),
        format!(
            "POST {target} HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: chunked\r\n\r\n\
             14\r\n{{\"username\":\"alice\"}}\r\n0\r\n\r\n"
        ),
        format!(
            "GET {target} HTTP/1.1\r\nHost: wiki.test\r\nAuthorization: Basic eDp6\r\n\r\n\
             GET {target} HTTP/1.1\r\n{HOST}\r\n"
        ),
    ]
}

/// A site, and a visitor whose session must not end.
struct Watched {
    site: Site,
    alice: crate::harness::Browser,
    workers: Vec<u32>,
}

impl Watched {
    fn new(site: Site) -> Self {
        let alice = site.signed_in();
        let workers = site.worker_pids();
        Self { site, alice, workers }
    }

    fn ask(&self, request: &str) {
        let mut connection = Connection::open(self.site.address());
        // nginx may respond and close before everything is sent.
        let _ = connection.try_send(request);
        let answer = connection.read_to_end();
        assert!(!answer.contains(SECRET), "{request:.200}: {answer}");
    }

    fn judge(&self, what: &str) {
        let seen = self.site.app.received();
        for received in &seen {
            // "@app" receives the requested path, and nginx does not authorize subrequests.
            let is_open = received.target.starts_with("/open/") || SUBREQUESTS.contains(&what);
            let place = received.header("X-Place");
            assert!(is_open || place != Some("closed"), "{what} {received:#?}");
            assert_eq!(received.identity_headers(), [], "{what} {received:#?}");
            assert_eq!(received.header("Remote-User"), None, "{what} {received:#?}");
        }
        self.site.app.forget();
        assert_eq!(self.alice.get("/as-alice").status(), 200, "{what}");
        let seen = self.site.app.received();
        let of_alice = seen.iter().find(|received| received.target == "/as-alice").expect("hers");
        assert_eq!(of_alice.header("X-authentik-username"), Some("alice"), "{what}");
        self.site.app.forget();
        assert_eq!(self.site.worker_pids(), self.workers, "{what}");
    }
}

#[test]
fn what_nginx_cannot_take_may_lead_to_any_page() {
    for (at, page) in TARGETS.iter().enumerate() {
        let directory = TempDir::new();
        let watched = Watched::new(site(page, MODES[at % 2], &directory));
        for request in refused("/off/") {
            watched.ask(&request);
        }
        watched.judge(page);
    }
}

#[test]
fn an_unusual_request_gets_nobody_in_anywhere() {
    for (page, mode) in [("/open/x", MODES[1]), ("/off/", MODES[0]), ("@app", MODES[1])] {
        let directory = TempDir::new();
        let watched = Watched::new(site(page, mode, &directory));
        for target in TARGETS {
            for request in unusual(target).iter().chain(&refused(target)) {
                watched.ask(request);
            }
            watched.judge(target);
        }
    }
}

#[test]
fn an_unusual_socket_gets_nobody_in_anywhere() {
    for mode in MODES {
        let directory = TempDir::new();
        let watched = Watched::new(site("/open/x", mode, &directory));
        for target in TARGETS {
            for request in unusual(target).iter().chain(&refused(target)) {
                through_unix(&watched.site, "site.sock", request);
            }
            for who in
                ["PROXY TCP4 192.0.2.1 192.0.2.2 1 80\r\n", "PROXY UNKNOWN\r\n", "PROXY x\r\n"]
            {
                let request = format!("GET {target} HTTP/1.0\r\nHost: wiki.test\r\n\r\n");
                through_unix(&watched.site, "proxied.sock", &format!("{who}{request}"));
                through_unix(&watched.site, "proxied.sock", &format!("{who}GET {target}\r\n"));
            }
            // Plain HTTP to a TLS port: 497.
            for request in unusual(target) {
                let mut connection = Connection::open(watched.site.other_address());
                let _ = connection.try_send(request);
                assert!(!connection.read_to_end().contains(SECRET), "{target}");
            }
            watched.judge(target);
        }
    }
}

fn through_unix(site: &Site, socket: &str, request: &str) {
    let mut stream = UnixStream::connect(site.path(socket)).expect("a socket");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("an option");
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains(SECRET), "{request:.200}");
}

#[test]
fn what_nginx_cannot_take_of_http_2_may_lead_to_an_open_page() {
    for mode in MODES {
        let site = Site::builder()
            .provider(mode)
            .http(&format!(
                "server {{
                     {}
                     server_name {SITE_NAME};
                     keepalive_timeout 0;
                     lingering_timeout 10ms;
                     client_header_timeout 1s;
                     client_body_timeout 50ms;
                     error_page 400 404 405 413 421 494 501 /off/page;
                     {}
                 }}",
                listen_http2(""),
                places()
            ))
            .server("authentik_provider wiki; location / { proxy_pass http://app; }")
            .start();
        let watched = Watched::new(site);
        for (_, bytes) in frames::fields_of_requests() {
            Http2::send(watched.site.other_address(), &bytes).answers();
        }
        let pages = watched.site.app.received();
        assert!(pages.iter().any(|page| page.target == "/off/page"), "{pages:#?}");
        watched.judge(mode);
    }
}

#[test]
fn a_client_that_leaves_while_authentik_is_asked_leaves_no_trace_in_what_comes_after() {
    use authentik_standin::{Endpoint, Fault};

    let directory = TempDir::new();
    let watched = Watched::new(site("/open/x", "", &directory));
    let site = &watched.site;
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(300)));
    site.sso.fault(Endpoint::Introspect, Fault::Slow(Duration::from_millis(300)));
    for round in 0..20 {
        for target in ["/", "/accel/?to=/", "/accel/?to=@app", "/after/"] {
            let mut connection = Connection::open(site.address());
            connection.send(format!(
                "GET {target} HTTP/1.1\r\nHost: wiki.test\r\nAuthorization: Bearer a{round}{}\r\n\r\n\
                 GET /open/x HTTP/1.1\r\nHost: wiki.test\r\n\r\n",
                target.len()
            ));
            if round % 2 == 0 {
                connection.finish();
            }
        }
    }
    site.sso.clear_faults();
    // A worker that hangs on one of them would not exit.
    watched.judge("after those who left");
}
