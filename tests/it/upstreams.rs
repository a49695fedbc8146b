//! Identity headers reach every kind of application with no further directive.

use crate::harness::{Cgi, Protocol, Site, listen_http2};

#[test]
fn applications_behind_fastcgi_scgi_and_uwsgi_receive_the_identity_once() {
    for (protocol, directive) in [
        (Protocol::Fastcgi, "fastcgi_pass"),
        (Protocol::Scgi, "scgi_pass"),
        (Protocol::Uwsgi, "uwsgi_pass"),
    ] {
        let cgi = Cgi::start(protocol);
        let site = Site::start(&format!(
            "underscores_in_headers on;
             authentik_provider wiki;
             location / {{ proxy_pass http://app; }}
             location /cgi/ {{ {directive} {}; }}",
            cgi.address()
        ));
        let bob = site.signed_in_as("bob");

        // GHSA-f59h-q822-g45g: `_` and `-` are one and the same to such applications.
        let request = bob
            .get("/cgi/")
            .header("X_authentik_username", "root")
            .header("X-Authentik_Username", "root")
            .header("X_AUTHENTIK_EMAIL", "root@example.test");
        assert_eq!(request.status(), 200, "{directive}");

        for (variable, value) in [
            ("HTTP_X_AUTHENTIK_USERNAME", "bob"),
            ("HTTP_X_AUTHENTIK_EMAIL", "bob@example.test"),
            ("HTTP_X_AUTHENTIK_GROUPS", "staff|devs|pipe|in|name|restricted-users"),
            ("HTTP_X_AUTHENTIK_META_PROVIDER", "wiki"),
        ] {
            assert_eq!(cgi.last(variable), [value], "{directive} {variable}");
        }
        assert_eq!(cgi.last("HTTP_COOKIE"), [""; 0], "{directive}: our cookie is hidden");
    }
}

#[test]
fn an_anonymous_request_to_a_cgi_application_carries_no_identity() {
    let cgi = Cgi::start(Protocol::Fastcgi);
    let site = Site::start(&format!(
        "underscores_in_headers on;
         authentik_provider wiki;
         authentik_unauth_paths ^/public/;
         location / {{ fastcgi_pass {}; }}",
        cgi.address()
    ));

    let request = site.get("/public/").header("X_authentik_username", "root");
    assert_eq!(request.header("X-authentik-uid", "0").status(), 200);

    assert_eq!(cgi.last("HTTP_X_AUTHENTIK_USERNAME"), [""; 0]);
    assert_eq!(cgi.last("HTTP_X_AUTHENTIK_UID"), [""; 0]);
}

#[test]
fn grpc_applications_receive_the_identity() {
    // A second nginx server plays the gRPC application: it hands over what it received.
    let listen = listen_http2("");
    let site = Site::builder()
        .http(&format!("server {{ {listen} location / {{ proxy_pass http://app; }} }}"))
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /grpc/ { grpc_pass grpc://127.0.0.1:%%PORT2%%; }",
        )
        .start();
    let alice = site.signed_in();

    let request = alice.get("/grpc/call").header("X-authentik-username", "root");
    assert_eq!(request.status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
    assert_eq!(received.header("X-authentik-groups"), Some(""));
}

#[test]
fn a_static_file_is_served_to_known_visitors_only() {
    let site = Site::builder()
        .file("html/index.html", "the front page")
        .file("html/report.txt", "the report")
        .server(
            "authentik_provider wiki;
             root %%PREFIX%%/html;
             location / { index index.html; }",
        )
        .start();

    assert_eq!(site.get("/report.txt").status(), 401);
    assert_eq!(site.get("/").status(), 401);
    assert_eq!(site.get("/no-such-file").status(), 401, "existence is not told to strangers");
    let mut browser = site.browser();
    assert_eq!(browser.open("/").page().text(), "the front page");
    assert_eq!(browser.open("/report.txt").page().text(), "the report");
    let range = browser.get("/report.txt").header("Range", "bytes=4-5").send();
    assert_eq!((range.status(), range.text().as_str()), (206, "re"));
}
