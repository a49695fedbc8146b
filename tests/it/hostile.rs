//! Confusing requests: hardly readable to nginx, or several in a row.

use crate::harness::{Connection, Site};

#[test]
fn a_request_that_nginx_can_hardly_read_is_never_let_through() {
    // CVE-2021-32637: unparsable requests were allowed.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    // The connection is not half-closed: nginx would abort a request that was let through before it
    // reached the application.
    let host = "Host: wiki.test\r\nConnection: close\r\n";
    for raw in [
        format!("GET /%zz HTTP/1.1\r\n{host}\r\n"),
        format!("GET /% HTTP/1.1\r\n{host}\r\n"),
        format!("GET /\x01 HTTP/1.1\r\n{host}\r\n"),
        format!("GET http://wiki.test/page HTTP/1.1\r\n{host}\r\n"),
        format!("GET http://other.test/page HTTP/1.1\r\n{host}\r\n"),
        format!("GET * HTTP/1.1\r\n{host}\r\n"),
        format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: wiki.test\r\n{host}\r\n"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET /\r\n".to_owned(),
        format!("GET //page HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}Cookie\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}: empty name\r\n\r\n"),
    ] {
        let mut connection = Connection::open(site.address());
        connection.send(&raw);
        let answer = connection.read_to_end();
        assert!(!answer.starts_with("HTTP/1.1 2"), "{raw:?}: {answer}");
        assert_eq!(site.app.hits(), 0, "{raw:?}");
    }
}

#[test]
fn a_refused_post_leaves_the_connection_in_order() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /open/ { authentik_provider off; proxy_pass http://app; }",
    );
    let mut connection = Connection::open(site.address());
    let body = "x".repeat(5_000);

    let refused = connection.request(&site.request("POST", "/").body(&body));
    assert_eq!(refused.status(), 401);
    assert_eq!(site.app.hits(), 0);
    let open = connection.request(&site.request("POST", "/open/").body(&body));
    assert_eq!(open.status(), 200);
}

#[test]
fn pipelined_requests_are_each_judged_on_their_own() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let mut connection = Connection::open(site.address());

    let known = alice.get("/").to_bytes();
    let unknown = site.get("/").to_bytes();
    connection.send([known.clone(), unknown.clone(), known, unknown].concat());

    for status in [200, 401, 200, 401] {
        assert_eq!(connection.response().status(), status);
    }
    assert_eq!(site.app.hits(), 2);
}
