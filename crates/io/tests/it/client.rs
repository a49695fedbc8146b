//! What goes over the wire, and what the answers become.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use authentik_gate::http::{ClaimedHost, TransportError};
use authentik_gate::provider::Trust;
use authentik_io::client::Client;

use crate::peer::{Peer, fetch, fetch_with, fetch_within, form, get, text};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

fn headers(request: &str) -> BTreeMap<String, Vec<String>> {
    let mut headers = BTreeMap::<_, Vec<_>>::new();
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    for (name, value) in head.lines().skip(1).map(|line| line.split_once(": ").unwrap()) {
        headers.entry(name.to_lowercase()).or_default().push(value.to_owned());
    }
    headers
}

#[test]
fn a_form_goes_out_as_one_http_1_1_request_with_these_headers_only() {
    let peer = Peer::answering(OK);
    fetch(&form(peer.url("/application/o/token/")), &Trust::System).unwrap();

    let heard = &peer.heard(1)[0];
    assert!(heard.starts_with("POST /application/o/token/ HTTP/1.1\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\ncode=abc&client_secret=hunter2"), "{heard}");
    let host = format!("127.0.0.1:{}", peer.port());
    let expected = [
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
        ("content-length", "30"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("host", &host),
        ("user-agent", "goauthentik.io/outpost/2026.2.2"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
    assert_eq!(headers(heard), BTreeMap::from(expected));
}

#[test]
fn a_get_has_no_body_and_keeps_its_query() {
    let peer = Peer::answering(OK);
    fetch(&get(peer.url("/application/o/wiki/jwks/?a=b%20c#d")), &Trust::System).unwrap();

    let heard = &peer.heard(1)[0];
    assert!(heard.starts_with("GET /application/o/wiki/jwks/?a=b%20c HTTP/1.1\r\n"), "{heard}");
    let headers = headers(heard);
    assert!(!headers.contains_key("content-type") && !headers.contains_key("content-length"));
}

#[test]
fn the_claimed_host_is_the_only_host() {
    // A second Host broke authentik 2026.8.0 (#25234); docs/protocol.md §1.2.
    let peer = Peer::answering(OK);
    let own = format!("127.0.0.1:{}", peer.port());
    for (host, proto) in [("sso.example.com", Some("https")), (own.as_str(), None)] {
        let claimed = Some(ClaimedHost { host: host.into(), scheme: "https" });
        let request = authentik_gate::http::HttpRequest { claimed, ..form(peer.url("/")) };
        let count = peer.heard(0).len();
        fetch(&request, &Trust::System).unwrap();

        let headers = headers(&peer.heard(count + 1)[count]);
        assert_eq!(headers["host"], [host]);
        let sent = headers.get("x-forwarded-proto").map(|values| values.join(","));
        assert_eq!(sent.as_deref(), proto);
    }
}

#[test]
fn each_request_has_a_connection_of_its_own_even_if_the_peer_would_keep_it() {
    let peer =
        Peer::answering("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    let client = Client::new();
    for _ in 0..3 {
        let time = Duration::from_secs(5);
        fetch_with(&client, time, &form(peer.url("/")), &Trust::System).unwrap();
    }
    assert_eq!(peer.heard(3).len(), 3);
}

#[test]
fn proxies_in_the_environment_are_not_used() {
    // The variables cannot be set in this process: other tests run in it.
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
    {
        child.env(name, "http://127.0.0.1:1");
    }
    let name = "client::a_form_goes_out_as_one_http_1_1_request_with_these_headers_only";
    let output = child.args(["--exact", name]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn redirects_come_back_as_they_are() {
    let elsewhere = Peer::answering(OK);
    for (status, location) in [
        (301, elsewhere.url("/")),
        (302, elsewhere.url("/")),
        (303, elsewhere.url("/")),
        (307, elsewhere.url("/")),
        (308, elsewhere.url("/")),
        (302, "http://[".to_owned()),
        (302, String::new()),
    ] {
        let peer = Peer::answering(format!(
            "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\nbody"
        ));
        for request in [get(peer.url("/")), form(peer.url("/"))] {
            let response = fetch(&request, &Trust::System).unwrap();
            assert_eq!((response.status, text(&response)), (status, "body"), "{location}");
        }
    }
    assert_eq!(elsewhere.heard(0).len(), 0);
}

#[test]
fn every_status_passes_with_its_body() {
    for (answer, status, body) in [
        (OK, 200, "{}"),
        ("HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\n\r\n<h1>no</h1>", 500, "<h1>no</h1>"),
        ("HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400, "abc"),
        ("HTTP/1.1 404 No\r\n\r\n", 404, ""),
        ("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 401, ""),
        ("HTTP/1.1 204 None\r\n\r\n", 204, ""),
        ("HTTP/1.0 200 OK\r\n\r\nold", 200, "old"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}"),
    ] {
        let peer = Peer::answering(answer);
        let response = fetch(&form(peer.url("/")), &Trust::System);
        let response = response.unwrap_or_else(|error| panic!("{answer}: {error:?}"));
        assert_eq!((response.status, text(&response)), (status, body), "{answer}");
    }
}

#[test]
fn what_is_not_a_whole_http_answer_is_a_protocol_error() {
    for answer in [
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x15\x03\x03\x00\x02\x02\x50",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"half\"",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nhunter2: \x00\r\n\r\n",
        "code=abc&client_secret=hunter2",
    ] {
        let peer = Peer::answering(answer);
        let error = fetch(&form(peer.url("/?code=hunter2")), &Trust::System).map(|r| r.status);
        assert!(matches!(error, Err(TransportError::Protocol(_))), "{answer:?}: {error:?}");
    }
}

#[test]
fn a_body_may_be_as_long_as_allowed_and_no_longer() {
    let long = "x".repeat(1000);
    let endless = "x".repeat(4_000_000);
    for (answer, fits) in [
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{long}"), true),
        (format!("HTTP/1.1 200 OK\r\n\r\n{long}"), true),
        (
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n{long}\r\n0\r\n\r\n"
            ),
            true,
        ),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{long}x"), false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n{}".to_owned(), false),
        (format!("HTTP/1.1 200 OK\r\n\r\n{endless}"), false),
        (
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3d0900\r\n{endless}"),
            false,
        ),
    ] {
        let peer = Peer::answering(answer.clone());
        let answered = fetch(&get(peer.url("/")), &Trust::System);
        let what = &answer[..60.min(answer.len())];
        match answered {
            Ok(response) => assert!(fits && text(&response) == long, "{what}"),
            Err(error) => assert!(!fits && error == TransportError::TooLarge, "{what}: {error:?}"),
        }
    }
}

#[test]
fn s41_a_compressed_body_is_not_inflated() {
    // mod_auth_openidc, May 2026: a few bytes that became gigabytes. None is asked for (see above);
    // what comes all the same stays as it is, and is no JSON.
    let squeezed =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\x4a\x4c\x2e\xc9\x2c\x4b\x55\xb2\
        \x2a\x29\x2a\x4d\xad\x05\x00\x16\x7e\xc0\x83\x0f\x00\x00\x00"; // {"active":true}
    for coding in ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, gzip"] {
        let length = squeezed.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
        );
        let peer = Peer::answering([head.as_bytes(), squeezed].concat());
        match fetch(&form(peer.url("/")), &Trust::System) {
            Ok(response) => assert_eq!(response.body.expose(), squeezed, "{coding}"),
            Err(error) => assert!(matches!(error, TransportError::Protocol(_)), "{coding}"),
        }
    }
}

#[test]
fn an_endless_header_is_a_protocol_error() {
    let peer = Peer::answering(format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(4_000_000)));
    let error = fetch(&get(peer.url("/")), &Trust::System).unwrap_err();
    assert!(matches!(error, TransportError::Protocol(_)), "{error:?}");
}

#[test]
fn nobody_at_the_port_is_unreachable() {
    // A port that no other test can be given in the meantime.
    let error = fetch(&form("http://127.0.0.1:1/".to_owned()), &Trust::System).unwrap_err();
    assert_eq!(error, TransportError::Unreachable("connection refused".into()));
}

#[test]
fn an_unknown_name_is_unreachable() {
    // RFC 6761 §6.4: "invalid" never resolves.
    // More time than a machine without a name server takes to find that out.
    let request = form("http://authentik.invalid/".into());
    let error = fetch_within(Duration::from_secs(20), &request, &Trust::System).unwrap_err();
    assert!(matches!(error, TransportError::Unreachable(_)), "{error:?}");
}

#[test]
fn after_the_deadline_nobody_is_asked() {
    let peer = Peer::answering(OK);
    let request = form(peer.url("/"));
    let error = Client::new().fetch(&request, &Trust::System, Instant::now()).unwrap_err();
    assert_eq!(error, TransportError::Timeout);
    assert_eq!(peer.heard(0).len(), 0);
}
