//! authentik itself behind nginx: `nginx-conf/authentik-server.conf`, unchanged.

mod hosts;
mod wire;

use std::time::{Duration, Instant};

use authentik_standin::Seen;

use crate::harness::{Builder, Curl, Site, TempDir, certificate, eventually, handshake};

/// The sample's TLS server; its redirect to https is also on `%%PORT%%`.
const FRONT: &str = "https://127.0.0.1:%%PORT2%%";

/// This nginx's outpost, which connects through the sample.
fn connected(url: &str, more: &str) -> String {
    format!("authentik_outpost {url} {{ token_file %%TOKEN%%; {more} }}")
}

const TRUSTED: &str = "ssl_trusted_certificate %%PREFIX%%/cert.pem;";

/// The sample with this machine's addresses and files; names are unchanged.
fn sample() -> String {
    let text = include_str!("../../../nginx-conf/authentik-server.conf");
    let mut local = text.to_owned();
    for (written, here, times) in [
        ("server 127.0.0.1:9000;", "server %%SSO_ADDRESS%%;", 1),
        ("    listen [::]:80;\n", "", 1),
        ("    listen [::]:443 ssl;\n", "", 1),
        ("listen 80;", "listen 127.0.0.1:%%PORT%%;", 1),
        ("listen 443 ssl;", "listen 127.0.0.1:%%PORT2%% ssl;", 1),
        ("/etc/ssl/certs/sso.example.com.pem", "%%PREFIX%%/cert.pem", 1),
        ("/etc/ssl/private/sso.example.com.key", "%%PREFIX%%/key.pem", 1),
    ] {
        assert_eq!(local.matches(written).count(), times, "{written:?}");
        local = local.replace(written, here);
    }
    local
}

/// A site with an outpost, behind the sample. With one worker, the result of one request holds for
/// all.
fn behind(front: &str, outpost: &str) -> Builder {
    let directory = TempDir::new();
    let read = |path| std::fs::read_to_string(path).expect("a PEM file");
    let (other, _) = certificate("sso.example.com", "127.0.0.1", &directory);
    let other = read(other);
    let (certificate, key) = certificate("sso.example.com", "127.0.0.1", &directory);
    Site::builder()
        .without_provider()
        .workers(1)
        .file("cert.pem", &read(certificate))
        .file("key.pem", &read(key))
        .file("other.pem", &other)
        .http(&format!("{front} {outpost}"))
        .server("authentik_provider auto; location / { proxy_pass http://app; }")
}

fn start() -> Site {
    behind(&sample(), &connected(FRONT, TRUSTED)).start()
}

/// Waits until the providers are known.
fn ready(site: Site) -> Site {
    eventually("the settings arrive", || site.get("/").send().status() == 401);
    site
}

/// Opens a page like a browser without a session, over TLS wherever it is redirected; returns all
/// responses.
fn open(site: &Site, address: &str) -> String {
    let directory = TempDir::new();
    let curl = Curl::new("wiki.test", site.address(), &directory);
    curl.with(&["-L", "-H", "Accept: text/html"]).run(address)
}

/// One request to the front, over TLS.
fn front(site: &Site, arguments: &[&str], target: &str) -> String {
    let directory = TempDir::new();
    let curl = Curl::new("sso.example.com", site.other_address(), &directory);
    let port = site.other_address().port();
    curl.with(arguments).run(&format!("https://sso.example.com:{port}{target}"))
}

/// Requests to authentik with this path prefix.
fn asked(site: &Site, path: &str) -> Vec<Seen> {
    let all = site.sso.requests();
    let asked: Vec<Seen> = all.into_iter().filter(|seen| seen.path.starts_with(path)).collect();
    assert!(!asked.is_empty(), "authentik was not asked for {path}");
    asked
}

/// Checks what every request must have: HTTP/1.1, one `Host`, one scheme.
fn assert_claims(seen: &Seen, host: &str, scheme: &[&str]) {
    let about = format!("{} {}", seen.method, seen.path);
    assert_eq!(seen.http_version, "HTTP/1.1", "{about}");
    assert_eq!(seen.headers_named("Host"), [host], "{about}");
    assert_eq!(seen.headers_named("X-Forwarded-Proto"), scheme, "{about}");
}

#[test]
fn an_outpost_works_through_it_if_its_certificate_is_trusted() {
    for (trust, works) in [
        (TRUSTED, true),
        ("ssl_verify off;", true),
        ("ssl_trusted_certificate %%PREFIX%%/other.pem;", false),
        ("", false),
    ] {
        let site = behind(&sample(), &connected(FRONT, trust)).start();
        if !works {
            eventually("the log says why", || {
                let lines = site.error_log().lines_with("settings were not read");
                lines.iter().any(|line| line.contains("certificate"))
            });
            assert_eq!(site.get("/").send().status(), 503, "{trust}");
            assert_eq!(site.sso.requests().len(), 0, "{trust}: nothing was told");
            assert_eq!(site.app.hits(), 0);
            continue;
        }
        let site = ready(site);
        let open_sockets = site.sso.await_connections(1, Duration::from_secs(10));
        assert_eq!(open_sockets.len(), 1, "{trust}");

        let trail = open(&site, &format!("{}/page", site.url()));
        assert!(trail.contains("\nHTTP/1.1 200"), "{trust}: {trail}");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
        let host = format!("127.0.0.1:{}", site.other_address().port());
        for path in ["/api/v3/outposts/", "/ws/outpost/", "/application/o/"] {
            for seen in asked(&site, path) {
                assert_claims(&seen, &host, &["https"]);
            }
        }
    }
}

#[test]
fn an_update_and_the_end_of_a_session_come_through_its_web_socket() {
    let site = ready(start());
    site.sso.await_connections(1, Duration::from_secs(10));
    let [socket] = asked(&site, "/ws/outpost/").try_into().expect("one web socket");
    assert_eq!(socket.header("Upgrade"), Some("websocket"));
    assert_eq!(socket.header("Connection"), Some("upgrade"));

    site.sso.update_provider("wiki", |wiki| wiki.proxy.skip_path_regex = "^/open".to_owned());
    eventually("the update is live", || site.get("/open").send().status() == 200);

    let directory = TempDir::new();
    let page = format!("{}/page", site.url());
    let visit = |arguments: &[&str]| {
        Curl::new("wiki.test", site.address(), &directory).with(arguments).run(&page)
    };
    visit(&["-L", "-H", "Accept: text/html"]);
    assert!(visit(&[]).starts_with("HTTP/1.1 200"), "signed in");
    site.sso.end_sessions();
    eventually("the session is over", || visit(&[]).starts_with("HTTP/1.1 401"));
}

#[test]
fn nginx_leaves_though_its_own_web_socket_goes_through_it() {
    let mut site = ready(start());
    site.sso.await_connections(1, Duration::from_secs(10));
    site.reload();
    eventually("one connection is left", || site.sso.connections().len() == 1);
    let begun = Instant::now();
    site.restart();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn plain_http_is_sent_to_https_and_never_to_authentik() {
    let site = ready(start());
    for (host, target) in [
        ("sso.example.com", "/"),
        ("sso.example.com:80", "/if/flow/x/?next=%2Fa%3Fb"),
        ("SSO.example.com", "/a%20b?c"),
    ] {
        let answer = site.get(target).host(host).send();
        assert_eq!(answer.status(), 301);
        assert_eq!(answer.location(), format!("https://sso.example.com{target}"));
    }
    // The outpost also sends requests, with another name.
    let passed_on = |seen: &Seen| {
        let host = seen.header("Host").unwrap_or_default().to_ascii_lowercase();
        host.starts_with("sso.example.com")
    };
    assert!(!site.sso.requests().iter().any(passed_on));
}

#[test]
fn every_answer_asks_for_https_from_now_on() {
    let site = ready(start());
    let hsts = "Strict-Transport-Security: max-age=63072000";
    assert!(front(&site, &[], "/-/health/live/").contains(hsts));
    let missing = front(&site, &[], "/nowhere");
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains(hsts), "{missing}");
    site.sso.down();
    let away = front(&site, &[], "/");
    assert!(away.starts_with("HTTP/1.1 502") && away.contains(hsts), "{away}");
}

#[test]
fn tls_is_1_2_or_1_3() {
    // At this level, openssl itself supports TLS 1.1: only the sample's ssl_protocols rejects it.
    const ANY: [&str; 2] = ["-cipher", "ALL:@SECLEVEL=0"];
    let weak = |text: &str| text.replace("ssl_ciphers ", "ssl_ciphers ALL:@SECLEVEL=0:");
    let site =
        behind(&weak(&sample()), "authentik_outpost http://127.0.0.1:1 { token x; }").start();
    for (version, accepted) in
        [("-tls1_3", true), ("-tls1_2", true), ("-tls1_1", false), ("-tls1", false)]
    {
        let shown = handshake(site.other_address(), &[&[version][..], &ANY].concat());
        assert_eq!(shown.is_ok(), accepted, "{version}: {shown:?}");
    }
    site.edit_configuration("ssl_protocols TLSv1.2", "ssl_protocols TLSv1.1 TLSv1.2");
    site.reload();
    let shown = handshake(site.other_address(), &[&["-tls1_1"][..], &ANY].concat());
    assert!(shown.is_ok(), "this test can fail: {shown:?}");
}
