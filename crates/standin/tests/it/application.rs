//! The sample application: what it answers and what it keeps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use authentik_standin::Application;

use crate::client::{get, request, send};

const IDENTITY: [&str; 6] = [
    "Accept: text/html,application/xhtml+xml",
    "X-authentik-username: bob",
    "X-authentik-name: Bob <b>Builder</b>",
    "X-authentik-email: bob@example.test",
    "X-authentik-groups: staff|devs",
    "X-Odd: \"><script>alert(1)</script>",
];

#[test]
fn a_browser_is_shown_who_it_is_and_nothing_of_it_is_markup() {
    let application = Application::start(None);
    let page = get(application.address(), "/docs?x=%3Ci%3E", &IDENTITY);
    assert!(page.header("content-type").starts_with("text/html"));
    for shown in ["Bob &lt;b&gt;Builder&lt;/b&gt;", ">staff<", ">devs<", "X-authentik-username"] {
        assert!(page.body.contains(shown), "{shown}");
    }
    assert!(!page.body.contains("<script>alert") && !page.body.contains("<b>Builder"));
    assert!(page.body.contains("/outpost.goauthentik.io/sign_out"));
    assert!(page.body.contains("href=\"/public/\""));
}

#[test]
fn others_get_json() {
    let application = Application::start(None);
    let answer = get(application.address(), "/api?a=1", &["X-Two: a", "X-Two: b"]).json();
    assert_eq!((&answer["method"], &answer["path"]), (&"GET".into(), &"/api?a=1".into()));
    let headers = answer["headers"].as_array().expect("headers");
    let two = headers.iter().filter(|header| header[0] == "X-Two").count();
    assert_eq!(two, 2);
}

#[test]
fn requests_are_kept_as_they_came() {
    let application = Application::start(None);
    let headers = ["hOST: a.test", "Host: b.test", "X_Under: é", "X-Empty:"];
    let text = request("PUT", "/a/%2e/b?q=%20", application.address(), &headers, "body=1&x=%26");
    send(application.address(), &text);
    let seen = application.last().expect("a request");
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("PUT", "/a/%2e/b"));
    assert_eq!((seen.query.as_deref(), seen.http_version.as_str()), (Some("q=%20"), "HTTP/1.1"));
    assert_eq!(seen.headers[0], ("hOST".to_owned(), "a.test".to_owned()));
    assert_eq!(seen.headers_named("host"), ["a.test", "b.test"]);
    assert_eq!((seen.header("x_under"), seen.header("x-empty")), (Some("é"), Some("")));
    assert_eq!(seen.body, b"body=1&x=%26");
    assert_eq!(seen.form_field("x").as_deref(), Some("&"));
    assert_eq!(seen.query_parameter("q").as_deref(), Some(" "));
    assert!(text.as_bytes().starts_with(&seen.head));
    assert_eq!((application.hits(), application.count("/a/")), (1, 1));
}

#[test]
fn requests_of_one_connection_are_kept_apart() {
    let application = Application::start(None);
    let mut stream = TcpStream::connect(application.address()).expect("a connection");
    for path in ["/one", "/two", "/three"] {
        let body = format!("body of {path}");
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("written");
        stream.write_all(body.as_bytes()).expect("written");
        let mut some = [0; 65536];
        assert!(stream.read(&mut some).expect("an answer") > 0);
        let seen = application.last().expect("a request");
        assert_eq!(seen.path, path);
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(seen.headers.len(), 2);
    }
}

#[test]
fn the_helping_paths_do_what_they_say() {
    let application = Application::start(None);
    let at = application.address();
    assert_eq!(get(at, "/status/418", &[]).status, 418);
    assert_eq!(get(at, "/bytes/70000", &[]).body.len(), 70_000);
    let start = Instant::now();
    assert_eq!(get(at, "/slow/120", &[]).status, 200);
    assert!(start.elapsed() >= Duration::from_millis(120));
    let echoed = send(at, &request("POST", "/echo", at, &["Content-Type: text/x-odd"], "hello"));
    assert_eq!((echoed.body.as_str(), echoed.header("content-type")), ("hello", "text/x-odd"));
}

#[test]
fn a_web_socket_echoes_messages() {
    let application = Application::start(None);
    let mut stream = TcpStream::connect(application.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    // RFC 6455, 1.3: key and accept value.
    let handshake = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains(&"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_ascii_lowercase()), "{head}");
    // RFC 6455, 5.7: a masked and an unmasked text message "Hello".
    stream
        .write_all(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
        .expect("written");
    let mut frame = [0; 7];
    stream.read_exact(&mut frame).expect("a frame");
    assert_eq!(frame, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    assert_eq!(application.count("/ws"), 1);
}

#[test]
fn an_application_without_records_counts() {
    let application = Application::start_without_records(None);
    get(application.address(), "/", &[]);
    assert_eq!((application.hits(), application.requests().len()), (1, 0));
}
