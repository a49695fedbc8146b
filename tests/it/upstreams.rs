//! Identity headers reach every kind of application without any further directive.

use crate::harness::{Cgi, Curl, Protocol, SITE_NAME, Site, TempDir, listen_http2};

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

        // GHSA-f59h-q822-g45g: `_` and `-` are the same to such applications.
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
    // A second nginx server in place of the gRPC application passes on what it received.
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
fn a_grpc_call_over_http_2_reaches_its_peer_for_known_visitors_only() {
    let listen = listen_http2("");
    let peer = listen.replace("127.0.0.1:%%PORT2%%", "unix:%%PREFIX%%/peer.sock");
    let site = Site::builder()
        .http(&format!(
            "server {{
                 {peer}
                 location / {{ proxy_pass http://app; }}
             }}
             server {{
                 {listen}
                 server_name {SITE_NAME};
                 authentik_provider wiki;
                 location / {{ grpc_pass grpc://unix:%%PREFIX%%/peer.sock; }}
             }}"
        ))
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .start();
    let directory = TempDir::new();
    let address = site.other_address();
    let call = |headers: &[&str]| {
        let grpc = ["--http2-prior-knowledge", "-H", "content-type: application/grpc"];
        let curl = Curl::new(SITE_NAME, address, &directory).with(&grpc).with(headers);
        curl.run(&format!("http://{SITE_NAME}:{}/echo", address.port()))
    };
    let session = site.signed_in().cookie_header().expect("a session cookie");

    // Without a body: curl 7.88 treats an early response as a broken stream.
    let refused = call(&["-X", "POST"]);
    assert!(refused.starts_with("HTTP/2 401"), "{refused}");
    assert_eq!(site.app.hits(), 0);
    let known = ["-H", &format!("cookie: {session}"), "-H", "x-authentik-username: root"];
    let answer =
        call(&[&known[..], &["-H", "te: trailers", "--data-binary", "a message"]].concat());
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert!(answer.ends_with("a message"), "{answer}");
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
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
