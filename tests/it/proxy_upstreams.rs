//! nginx-conf/proxy-mode.conf, unchanged: names, addresses, TLS, WebSocket, large bodies, streams.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use crate::harness::{
    Browser, Builder, Connection, NameServer, Site, TempDir, UPGRADE, Wire, certificate,
};

#[test]
fn the_internal_host_may_be_a_name_that_the_resolver_knows() {
    let names = NameServer::start(BACKEND);
    for (name, status) in [(BACKEND, 200), ("unknown.test", 502)] {
        let site = site(&format!("http://{name}:%%PORT2%%"))
            .http("server { listen 127.0.0.1:%%PORT2%%; location / { proxy_pass http://app; } }")
            .server(&protected(&format!("resolver {} ipv6=off;", names.address())))
            .start();
        let browser = signed_in(&site);

        assert_eq!(browser.get("/a%2Fb?x=1").status(), status, "{name}");
        assert_eq!(site.app.hits(), u64::from(status == 200), "{name}");
        if status == 200 {
            assert_eq!(site.app.last().target, "/a%2Fb?x=1");
        }
    }
}

#[test]
fn the_internal_host_may_be_the_name_of_an_upstream_block() {
    let site = site("http://app").start();
    let browser = signed_in(&site);

    assert_eq!(browser.get("/page").status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
    assert_eq!(received.header("X-Forwarded-Proto"), Some("http"));
}

#[test]
fn the_internal_host_may_be_an_address() {
    let site = site("http://%%APP%%").start();
    let browser = signed_in(&site);

    assert_eq!(site.get("/page").status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(browser.get("/page").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn the_certificate_of_an_internal_host_is_verified_unless_that_is_switched_off() {
    let off = PROXY_MODE.replace("proxy_ssl_verify on;", "proxy_ssl_verify off;");
    for (what, conf, trusted, status) in [
        ("its authority is trusted", PROXY_MODE, "cert.pem", 200),
        ("another authority is trusted", PROXY_MODE, "other.pem", 502),
        ("verification is off", off.as_str(), "other.pem", 200),
    ] {
        let site = behind_tls(BACKEND, conf, trusted);
        let browser = signed_in(&site);

        assert_eq!(browser.get("/page").status(), status, "{what}");
        assert_eq!(site.app.hits(), u64::from(status == 200), "{what}");
    }
}

#[test]
fn an_internal_host_with_a_certificate_of_another_name_is_not_told_anything() {
    let site = behind_tls("other.test", PROXY_MODE, "cert.pem");
    let browser = signed_in(&site);

    assert_eq!(browser.get("/page").status(), 502);

    assert_eq!(site.app.hits(), 0);
    let lines = site.error_log().lines_with("upstream SSL certificate does not match");
    assert!(!lines.is_empty(), "{}", site.error_log().tail());
}

#[test]
fn messages_go_both_ways_through_a_websocket() {
    let site = site("http://%%APP%%").start();
    let browser = signed_in(&site);
    assert_eq!(site.get("/ws").headers(&UPGRADE).status(), 401);
    assert_eq!(site.app.hits(), 0);

    let mut socket = Connection::open(site.address());
    socket.send(browser.get("/ws").headers(&UPGRADE).to_bytes());
    let answer = socket.read_until("\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    for word in ["one", "two"] {
        // RFC 6455 section 5.2: a masked text frame; a zero mask changes nothing.
        let head = [0x81, 0x80 | word.len() as u8, 0, 0, 0, 0];
        socket.send([&head[..], word.as_bytes()].concat());
        assert!(socket.read_until(word).ends_with(word));
    }
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn events_arrive_when_they_are_sent() {
    let (go_on, gone_on) = mpsc::channel();
    let gone_on = Mutex::new(gone_on);
    let wire = Wire::start(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        stream.get_mut().write_all(format!("{head}data: first\n\n").as_bytes())?;
        let gone_on = gone_on.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = gone_on.recv();
        stream.get_mut().write_all(b"data: second\n\n")
    });
    let site = site(&format!("http://{}", wire.address())).start();
    let browser = signed_in(&site);

    let mut stream = Connection::open(site.address());
    stream.send(browser.get("/events").to_bytes());
    // The application sends the second event only after the first has arrived.
    stream.read_until("data: first\n\n");
    go_on.send(()).expect("the application waits");
    stream.read_until("data: second\n\n");
}

#[test]
fn uploads_are_passed_on_while_they_come() {
    let (arrived, arrival) = mpsc::channel();
    let arrived = Mutex::new(arrived);
    let wire = Wire::start(move |_, stream| {
        let mut half = vec![0; HALF];
        stream.read_exact(&mut half)?;
        let _ = arrived.lock().unwrap_or_else(PoisonError::into_inner).send(());
        stream.read_exact(&mut half)?;
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    });
    let site = site(&format!("http://{}", wire.address())).start();
    let browser = signed_in(&site);

    let length = (2 * HALF).to_string();
    let head = browser.get("/upload").method("POST").header("Content-Length", length);
    let mut upload = Connection::open(site.address());
    upload.send(head.to_bytes());
    upload.send(vec![b'u'; HALF]);
    arrival.recv_timeout(std::time::Duration::from_secs(20)).expect("the first half arrives");
    upload.send(vec![b'u'; HALF]);
    assert!(upload.read_until("\r\n\r\nok").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_large_answer_comes_whole() {
    let site = site("http://%%APP%%").start();
    let browser = signed_in(&site);

    let answer = browser.get(&format!("/bytes/{}", 50 << 20)).send();

    assert_eq!((answer.status(), answer.text().len()), (200, 50 << 20));
}

/// A provider in proxy mode with this backend, used by the unchanged sample.
fn site(internal_host: &str) -> Builder {
    Site::builder()
        .provider(&format!("mode proxy; internal_host {internal_host};"))
        .file("proxy-mode.conf", &PROXY_MODE.replace(SYSTEM_AUTHORITIES, "cert.pem"))
        .file("cert.pem", &authority())
        .server(&protected(""))
}

fn protected(lines: &str) -> String {
    format!("{lines} authentik_provider wiki; location / {{ include %%PREFIX%%/proxy-mode.conf; }}")
}

/// An application with a TLS certificate for `name`, accessed as [`BACKEND`].
fn behind_tls(name: &str, conf: &str, trusted: &str) -> Site {
    let directory = TempDir::new();
    let (certificate, key) = certificate(name, "127.0.0.1", &directory);
    let read = |path| std::fs::read_to_string(path).expect("a PEM file");
    let names = NameServer::start(BACKEND);
    site(&format!("https://{BACKEND}:%%PORT2%%"))
        .file("cert.pem", &read(certificate))
        .file("key.pem", &read(key))
        .file("other.pem", &authority())
        .file("proxy-mode.conf", &conf.replace(SYSTEM_AUTHORITIES, trusted))
        .http(
            "server {
                 listen 127.0.0.1:%%PORT2%% ssl;
                 ssl_certificate cert.pem;
                 ssl_certificate_key key.pem;
                 location / { proxy_pass http://app; }
             }",
        )
        .server(&protected(&format!("resolver {} ipv6=off;", names.address())))
        .start()
}

/// A certificate that has signed nothing.
fn authority() -> String {
    let directory = TempDir::new();
    let (certificate, _) = certificate("authority.test", "127.0.0.1", &directory);
    std::fs::read_to_string(certificate).expect("a PEM file")
}

/// Alice, before her first request to the application.
fn signed_in(site: &Site) -> Browser {
    let mut browser = site.browser();
    let back =
        |url: &url::Url| !url.path().contains("outpost") && url.host_str() == Some("wiki.test");
    browser.open_until("/page", back);
    assert_eq!(browser.session_cookies().len(), 1);
    assert_eq!(site.app.hits(), 0);
    browser
}

const PROXY_MODE: &str = include_str!("../../nginx-conf/proxy-mode.conf");
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
const BACKEND: &str = "backend.test";
const HALF: usize = 4 << 20;
