//! The web socket of an outpost: docs/protocol.md §3.

use std::time::{Duration, Instant};

use authentik_standin::{Endpoint, Fault, OUTPOST_PK, OUTPOST_TOKEN, OutpostSettings, Standin};
use serde_json::{Value, json};

use crate::client::{get, post, post_with};
use crate::socket_client::{Came, Socket};
use crate::{authorize, standin, started};

const HELLO: &str = r#"{"instruction":1,"args":{"buildHash":"","fipsEnabled":false,"golangVersion":"go1.25.5","hostname":"nginx-host","opensslEnabled":false,"opensslVersion":"","uuid":"cdd64127-9aea-424a-b229-8530dae45ceb","version":"2026.2.2"}}"#;
const ACK: &str = r#"{"instruction": 0, "args": {}}"#;
const UPDATE: &str = r#"{"instruction": 2, "args": {}}"#;
const UUID: &str = "cdd64127-9aea-424a-b229-8530dae45ceb";
const PATIENCE: Duration = Duration::from_secs(5);

fn bearer() -> String {
    format!("Authorization: Bearer {OUTPOST_TOKEN}")
}

fn target() -> String {
    format!("/ws/outpost/{OUTPOST_PK}/?instance_uuid={UUID}&attempt=3")
}

fn connect(standin: &Standin) -> Socket {
    let (head, socket) = Socket::ask(standin.address(), &target(), &[&bearer()]);
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    socket
}

/// A connection that has said hello.
fn connected(standin: &Standin) -> Socket {
    let mut socket = connect(standin);
    socket.text(HELLO);
    assert_eq!(socket.next(), Came::Text(ACK.to_owned()));
    socket
}

fn session_end(sid: &str) -> Came {
    Came::Text(format!(
        r#"{{"instruction": 4, "args": {{"type": "event.session.end", "session_id": "{sid}"}}}}"#
    ))
}

#[test]
fn whatever_is_wrong_is_refused_with_an_empty_reason() {
    let standin = standin();
    let other = "/ws/outpost/b733ba1f-9477-4b6b-ba1e-abc2c5a187f3/";
    let token = bearer();
    for (target, headers) in [
        (target().as_str(), vec![]),
        (target().as_str(), vec!["Authorization: Bearer wrong"]),
        (target().as_str(), vec!["Authorization: Basic YTpi"]),
        (other, vec![token.as_str()]),
        ("/ws/outpost/not-a-uuid/", vec![token.as_str()]),
        (target().replace("/?", "?").as_str(), vec![token.as_str()]),
    ] {
        let (head, mut socket) = Socket::ask(standin.address(), target, &headers);
        assert_eq!(head, "HTTP/1.1 403 \r\ncontent-length: 0\r\n\r\n", "{target} {headers:?}");
        assert_eq!(socket.next(), Came::End);
    }
    assert!(standin.all_connections().is_empty());
    let lower = bearer().replace("Bearer", "bearer");
    assert!(Socket::ask(standin.address(), &target(), &[&lower]).0.starts_with("HTTP/1.1 101 "));
}

#[test]
fn a_hello_is_acknowledged_and_kept() {
    let standin = standin();
    let mut socket = connected(&standin);
    socket.frame(9, b"hi");
    assert_eq!(socket.next(), Came::Pong(b"hi".to_vec()));
    let known = standin.await_connections(1, PATIENCE).remove(0);
    assert_eq!((known.outpost.as_str(), known.attempt.as_deref()), (OUTPOST_PK, Some("3")));
    assert_eq!(known.instance_uuid.as_deref(), Some(UUID));
    assert_eq!(known.hellos[0].args["version"], "2026.2.2");
    assert_eq!(known.received[0].1, HELLO);
    let handshake = &standin.requests()[0];
    assert_eq!(handshake.headers_named("host").len(), 1);
    assert_eq!(handshake.http_version, "HTTP/1.1");

    socket.frame(8, &1000_u16.to_be_bytes());
    assert_eq!((socket.next(), socket.next()), (Came::Close(1000), Came::End));
    standin.await_connections(0, PATIENCE);
    let over = standin.all_connections().remove(0);
    assert_eq!(over.close_code, Some(1000));
}

#[test]
fn messages_are_answered_as_recorded() {
    let closed = || Came::Close(1000);
    let ack = || Came::Text(ACK.to_owned());
    for (text, answer) in [
        ("this is not json", closed()),
        ("[1,2]", closed()),
        ("{}", closed()),
        (r#"{"instruction":99,"args":{}}"#, ack()),
        (r#"{"instruction":"1","args":{}}"#, closed()),
        (r#"{"instruction":1}"#, ack()),
        (r#"{"instruction":1,"args":null}"#, closed()),
        (r#"{"instruction":1,"args":{"version":"2026.2.2"}}"#, ack()),
        (r#"{"instruction":0,"args":{}}"#, Came::Nothing),
        (r#"{"instruction":2,"args":{}}"#, ack()),
        (r#"{"instruction":3,"args":{"sub_type":"x"}}"#, ack()),
        (r#"{"instruction":1,"args":{},"more":1}"#, ack()),
    ] {
        let standin = standin();
        let mut socket = connect(&standin);
        socket.text(text);
        let came = if answer == Came::Nothing { socket.soon() } else { socket.next() };
        assert_eq!(came, answer, "{text}");
    }
    let standin = standin();
    let mut socket = connect(&standin);
    socket.frame(2, HELLO.as_bytes());
    assert_eq!((socket.next(), socket.next()), (closed(), Came::End));
    let mut socket = connect(&standin);
    socket.text(&json!({"instruction": 1, "args": {"big": "x".repeat(100_000)}}).to_string());
    assert_eq!(socket.next(), ack());
}

#[test]
fn the_health_page_shows_instances_and_stumbles_over_a_bad_version() {
    let standin = standin();
    let health = || {
        let target = format!("/api/v3/outposts/instances/{OUTPOST_PK}/health/");
        get(standin.address(), &target, &[&bearer()])
    };
    let mut socket = connected(&standin);
    let mut shown = health().json()[0].clone();
    assert!(shown["last_seen"].as_str().is_some_and(|at| at.ends_with('Z')));
    shown["last_seen"] = Value::Null;
    assert_eq!(
        shown,
        json!({
            "uid": UUID, "last_seen": null, "version": "2026.2.2", "golang_version": "go1.25.5",
            "openssl_enabled": false, "openssl_version": "", "fips_enabled": null,
            "version_should": "2026.2.2", "version_outdated": false, "build_hash": "",
            "build_hash_should": "", "hostname": "nginx-host",
        })
    );
    socket.text(&HELLO.replace("2026.2.2", "nginx-1.0"));
    assert_eq!(socket.next(), Came::Text(ACK.to_owned()));
    assert_eq!(health().status, 500);
}

#[test]
fn a_saved_provider_is_pushed_twice_to_the_outposts_that_have_it() {
    let standin = started(|settings| {
        settings.outposts.push(OutpostSettings {
            pk: "7d3007dc-c79c-4534-8ead-ee1d6270f290".to_owned(),
            token: Some("second".to_owned()),
            providers: Some(Vec::new()),
            ..OutpostSettings::default()
        });
    });
    let mut socket = connected(&standin);
    let second = "/ws/outpost/7d3007dc-c79c-4534-8ead-ee1d6270f290/";
    let (_, mut second) = Socket::ask(standin.address(), second, &["Authorization: Bearer second"]);
    let before = Instant::now();
    standin.update_provider("wiki", |provider| {
        provider.set_external_host("http://other.test/app/");
    });
    let update = || Came::Text(UPDATE.to_owned());
    assert_eq!((socket.next(), socket.next()), (update(), update()));
    assert!(before.elapsed() >= Duration::from_millis(100), "twice the default delay");
    assert_eq!((socket.soon(), second.soon()), (Came::Nothing, Came::Nothing));
    let provider = standin.provider("wiki").unwrap();
    assert!(provider.redirect_uris[0].starts_with("http://other.test/app/outpost."));
}

#[test]
fn a_session_that_ends_is_told_to_every_outpost() {
    let standin = standin();
    let mut socket = connected(&standin);
    let signed_in = |standin: &Standin| authorize(standin, "").cookie();
    let sid = |standin: &Standin| standin.sessions().remove(0).1;

    let cookie = format!("Cookie: {}", signed_in(&standin));
    let ended = sid(&standin);
    let end_session = get(standin.address(), "/application/o/wiki/end-session/", &[&cookie]);
    assert_eq!(end_session.status, 302);
    assert_eq!(socket.soon(), Came::Nothing, "end-session ends nothing");
    get(standin.address(), "/if/flow/default-invalidation-flow/", &[&cookie]);
    assert_eq!(socket.next(), session_end(&ended), "full logout");

    signed_in(&standin);
    let ended = sid(&standin);
    assert!(standin.end_session(&ended) && !standin.end_session(&ended));
    assert_eq!(socket.next(), session_end(&ended), "an administrator");

    signed_in(&standin);
    let ended = sid(&standin);
    standin.change(|settings| settings.users[0].active = false);
    assert_eq!(socket.next(), session_end(&ended), "the user deactivated");

    assert_eq!(standin.push_session_end(""), 1);
    assert_eq!(socket.next(), session_end(""));
}

#[test]
fn sockets_end_in_every_way() {
    let standin = standin();
    for code in [1012, 1000] {
        let mut socket = connected(&standin);
        assert_eq!(standin.close_sockets(code), 1);
        assert_eq!((socket.next(), socket.next()), (Came::Close(code), Came::End));
    }
    let mut socket = connected(&standin);
    standin.drop_sockets();
    assert_eq!(socket.next(), Came::End);
    standin.await_connections(0, PATIENCE);
    let mut socket = connected(&standin);
    standin.down();
    assert_eq!(socket.next(), Came::End);
    assert!(standin.connections().is_empty());
    standin.up();
    connected(&standin);
}

#[test]
fn a_frozen_socket_stays_open_and_says_nothing() {
    let standin = standin();
    let mut socket = connected(&standin);
    assert_eq!(standin.freeze_sockets(), 1);
    socket.text(HELLO);
    standin.push_update();
    assert_eq!(socket.soon(), Came::Nothing);
    assert_eq!(standin.connections().len(), 1);
    standin.thaw_sockets();
    assert_eq!(socket.next(), Came::Text(ACK.to_owned()), "and the update is lost");
}

#[test]
fn anything_may_be_pushed() {
    let standin = standin();
    let mut socket = connected(&standin);
    standin.push_text("{\"instruction\": 77}");
    standin.push_binary(b"\0\x01");
    standin.push_raw(b"\x81\x02ok");
    standin.push_update();
    assert_eq!(socket.next(), Came::Text("{\"instruction\": 77}".to_owned()));
    assert_eq!(socket.next(), Came::Binary(b"\0\x01".to_vec()));
    assert_eq!(socket.next(), Came::Text("ok".to_owned()));
    assert_eq!(socket.next(), Came::Text(UPDATE.to_owned()));
    standin.push_garbage();
    standin.drop_sockets();
    let garbage = socket.rest();
    assert_eq!((garbage.len(), garbage.first()), (65, Some(&0xff)));
}

#[test]
fn handshakes_go_wrong_on_demand() {
    let standin = standin();
    let ask = || Socket::ask(standin.address(), &target(), &[&bearer()]).0;
    standin.fault_times(Endpoint::WebSocket, Fault::Status(403), 1);
    assert_eq!(ask(), "HTTP/1.1 403 \r\ncontent-length: 0\r\n\r\n");
    standin.fault_times(Endpoint::WebSocket, Fault::HtmlError(500), 1);
    assert!(ask().starts_with("HTTP/1.1 500 "));
    standin.fault_times(Endpoint::WebSocket, Fault::Hangup, 1);
    assert_eq!(ask(), "");
    assert!(ask().starts_with("HTTP/1.1 101 "), "only so many times");
}

#[test]
fn the_demo_changes_a_provider_by_a_form() {
    let standin = standin();
    let mut socket = connected(&standin);
    let address = standin.address();
    let wiki = "/-/standin/providers/wiki/";
    let answer = post(address, wiki, &[("skip_path_regex", "^/open"), ("mode", "proxy")]);
    assert_eq!(answer.json()["skip_path_regex"], "^/open");
    assert_eq!(socket.next(), Came::Text(UPDATE.to_owned()));
    for (name, value) in [("unheard", "of"), ("mode", "sideways")] {
        let refused = post(address, wiki, &[("skip_path_regex", ""), (name, value)]);
        assert_eq!(refused.status, 400);
    }
    assert_eq!(standin.provider("wiki").unwrap().proxy.skip_path_regex, "^/open");
    assert_eq!(post(address, "/-/standin/providers/nope/", &[]).status, 404);
    let list = get(address, "/-/standin/providers/", &[]).json();
    assert_eq!(list[0]["mode"], "proxy");
    assert_eq!(socket.next(), Came::Text(UPDATE.to_owned()));
    assert_eq!(post(address, "/-/standin/updates/", &[]).json()["told"], 1);
    authorize(&standin, "");
    assert_eq!(post(address, "/-/standin/sessions/end/", &[]).json()["told"], 1);
    let connections = get(address, "/-/standin/connections/", &[]).json();
    assert_eq!(connections[0]["instance_uuid"], UUID);
}

#[test]
fn the_demo_has_a_page_of_forms() {
    let standin = started(|settings| {
        settings.sub_path = "/auth".to_owned();
        settings.providers[0].proxy.skip_path_regex = "^/<open>".to_owned();
    });
    let browser = "Accept: text/html";
    let page = get(standin.address(), "/auth/-/standin/", &[browser]);
    assert_eq!(page.status, 200);
    for shown in ["/auth/-/standin/providers/wiki/", "^/&lt;open&gt;", "0 connected"] {
        assert!(page.body.contains(shown), "{shown}");
    }
    let wiki = "/auth/-/standin/providers/wiki/";
    let fields = [("skip_path_regex", "^/a\r\n^/b"), ("intercept_header_auth", "false")];
    let saved = post_with(standin.address(), wiki, &fields, &[browser]);
    assert_eq!(saved.location(), "/auth/-/standin/");
    let proxy = standin.provider("wiki").unwrap().proxy;
    assert_eq!((proxy.skip_path_regex.as_str(), proxy.intercept_header_auth), ("^/a\n^/b", false));
}
