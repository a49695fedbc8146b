//! What reaches authentik, and over which connections.

use super::{asked, front, ready, start};
use crate::harness::eventually;

const DISCOVERY: &str = "/application/o/wiki/.well-known/openid-configuration";

#[test]
fn connections_to_authentik_are_used_again() {
    let site = ready(start());
    // At first the outpost sends requests too, and may be using the idle connection.
    eventually("ten clients, one connection", || {
        site.sso.forget_requests();
        for _ in 0..10 {
            front(&site, &[], DISCOVERY);
        }
        let seen = asked(&site, DISCOVERY);
        assert_eq!(seen.len(), 10);
        seen.iter().all(|one| one.connection == seen[0].connection)
    });
    for seen in asked(&site, DISCOVERY) {
        assert_eq!(seen.headers_named("Connection"), [""; 0], "neither close nor upgrade");
    }
}

#[test]
fn authentik_is_told_the_address_that_a_client_has_and_none_that_it_claims() {
    let site = ready(start());
    let claims = [
        "--interface",
        "127.0.0.7",
        "-H",
        "X-Forwarded-For: 192.0.2.1",
        "-H",
        "X-Forwarded-Host: evil.example",
        "-H",
        "X-Forwarded-Proto: http",
        "-H",
        "Forwarded: for=192.0.2.1;host=evil.example",
    ];
    let metadata = front(&site, &claims, DISCOVERY);
    let host = format!("sso.example.com:{}", site.other_address().port());
    assert!(metadata.contains(&format!("\"https://{host}/application/o/wiki/\"")), "{metadata}");
    let [seen] = asked(&site, DISCOVERY).try_into().expect("one request");
    super::assert_claims(&seen, &host, &["https"]);
    assert_eq!(seen.headers_named("X-Forwarded-For"), ["127.0.0.7"]);
    assert!(seen.headers_named("X-Forwarded-Host").is_empty());
    assert!(seen.headers_named("Forwarded").is_empty());
}

#[test]
fn only_a_web_socket_of_http_1_1_is_an_upgrade() {
    let site = ready(start());
    for (version, protocol, passed) in [
        ("--http1.1", "websocket", true),
        ("--http1.1", "WebSocket", true),
        ("--http1.1", "h2c", false),
        ("--http1.1", "h2c, websocket", false),
        ("--http1.1", "xwebsocket", false),
        ("--http1.0", "websocket", false),
    ] {
        site.sso.forget_requests();
        let upgrade = format!("Upgrade: {protocol}");
        front(&site, &[version, "-H", &upgrade, "-H", "Connection: Upgrade"], DISCOVERY);
        let [seen] = asked(&site, DISCOVERY).try_into().expect("one request");
        let expected = if passed { (Some("websocket"), Some("upgrade")) } else { (None, None) };
        let got = (seen.header("Upgrade"), seen.header("Connection"));
        assert_eq!(got, expected, "{version} {protocol}");
    }
}

#[test]
fn a_client_of_http_1_0_is_served_by_a_request_of_http_1_1() {
    let site = ready(start());
    let port = site.other_address().port();
    for (arguments, host) in [
        (&["--http1.0"][..], format!("sso.example.com:{port}")),
        (&["--http1.0", "-H", "Host:"], "sso.example.com".to_owned()),
    ] {
        site.sso.forget_requests();
        let answer = front(&site, arguments, DISCOVERY);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.contains("Transfer-Encoding"), "{answer}");
        assert!(answer.contains("Connection: close"), "{answer}");
        let [seen] = asked(&site, DISCOVERY).try_into().expect("one request");
        super::assert_claims(&seen, &host, &["https"]);
    }
}
