//! `mode proxy`: the backend, the host, HTTP Basic to the application.

use crate::harness::{Builder, Connection, Site};

const PROXY: &str = "authentik_provider wiki;
     authentik_unauth_paths ^/public/;
     location / {
         proxy_pass $authentik_upstream$request_uri;
         proxy_set_header Host $authentik_upstream_host;
         proxy_http_version 1.1;
     }";

fn proxied() -> Builder {
    Site::builder().server(PROXY).provider("mode proxy; internal_host http://%%APP%%/;")
}

#[test]
fn the_application_is_asked_with_the_path_as_sent_and_told_the_host() {
    let site = proxied().start();
    let alice = site.signed_in();

    let request = alice.get("/a%2Fb/c?x=1&y=%20").header("X-Forwarded-Host", "evil.test");
    assert_eq!(request.header("X_Forwarded_Host", "evil.test").status(), 200);

    let received = site.app.last();
    let host = site.url().replace("http://", "");
    assert_eq!(received.target, "/a%2Fb/c?x=1&y=%20");
    assert_eq!(received.header("Host"), Some(host.as_str()));
    assert_eq!(received.all("X-Forwarded-Host"), [host.as_str()]);
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
}

#[test]
fn strangers_on_an_unauthenticated_path_reach_the_internal_host_without_identity() {
    let site = proxied().start();

    assert_eq!(site.get("/public/x").status(), 200);
    assert_eq!(site.get("/private").status(), 401);

    assert_eq!(site.app.hits(), 1);
    let received = site.app.last();
    assert_eq!(received.target, "/public/x");
    assert_eq!(received.header("X-authentik-username"), None);
}

#[test]
fn a_request_without_a_list_of_headers_is_given_what_is_added() {
    let site = proxied()
        .server(&PROXY.replace(
            "location / {",
            "error_page 400 /pass/400;
             location /pass/ { authentik_unauthenticated pass; proxy_pass http://app; }
             location / {",
        ))
        .start();

    // HTTP/0.9 has no headers, and nginx reads none after a malformed request line.
    for request in ["GET /public/x\r\n", "GET /%zz HTTP/1.1\r\nHost: wiki.test\r\n\r\n"] {
        site.app.forget();
        let mut connection = Connection::open(site.address());
        connection.send(request);
        connection.read_to_end();

        assert_eq!(site.app.hits(), 1, "{request}");
        assert_eq!(site.app.last().all("X-Forwarded-Host").len(), 1, "{request}");
        assert_eq!(site.app.last().identity_headers(), [], "{request}");
    }
}

#[test]
fn a_user_may_have_a_backend_and_a_host_of_their_own() {
    let site = proxied()
        .server(&PROXY.replace(
            "location / {",
            "location /own/ { authentik_provider off; proxy_pass http://app; }
             location / {",
        ))
        .settings(|settings, ports| {
            let own = format!("http://127.0.0.1:{}/own/jane", ports.main);
            settings.providers[0].backend_override = Some(own);
            settings.providers[0].host_header = Some("internal.example".to_owned());
        })
        .start();
    let browser = site.signed_in();

    assert_eq!(browser.get("/x?y").status(), 200);

    // The backend is this same nginx, whose location /own/ passes on the target it receives.
    assert_eq!(site.app.last().target, "/own/jane/x?y");
}

#[test]
fn a_backend_that_is_none_is_nobody_elses_backend() {
    for bad in [
        "ftp://other",
        "http://",
        "unix:/run/app.sock",
        "http://a b/",
        "http://h:",
        "http://h:99999",
    ] {
        let site = proxied()
            .settings(move |settings, _| {
                settings.providers[0].backend_override = Some(bad.to_owned());
            })
            .start();
        let mut browser = site.browser();

        let trail = browser.open("/page");

        assert_eq!(trail.status(), 502, "{bad}");
        assert!(trail.page().text().contains("backend-override"), "{bad}: {}", trail.page().text());
        assert_eq!(site.app.hits(), 0, "{bad}");
    }
}

#[test]
fn the_application_gets_http_basic_from_the_users_attributes() {
    for (user, expected) in [
        ("carol", Some("Basic Y2Fyb2wtdXBzdHJlYW06cDpzcyB3w7ZyZA==")), // carol-upstream:p:ss wörd
        ("jürgen", None),                                              // an empty password
        ("alice", None),                                               // no such attributes
    ] {
        let site = Site::builder()
            .server("authentik_provider wiki; location / { proxy_pass http://app; }")
            .provider("basic_auth app_username app_password;")
            .start();
        let browser = site.signed_in_as(user);

        assert_eq!(browser.get("/").status(), 200);

        assert_eq!(site.app.last().header("Authorization"), expected, "{user}");
    }
}

#[test]
fn http_basic_of_the_user_replaces_what_the_client_sends() {
    let site = Site::builder()
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .provider("basic_auth app_username app_password;")
        .start();
    let carol = site.signed_in_as("carol");

    assert_eq!(carol.get("/").header("Authorization", "Basic eDp5").status(), 200);

    let sent = site.app.last();
    assert_eq!(sent.all("Authorization"), ["Basic Y2Fyb2wtdXBzdHJlYW06cDpzcyB3w7ZyZA=="]);
}
