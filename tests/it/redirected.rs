//! Requests that nginx sends on internally: no claim, and no identity, comes along.

use crate::harness::{Connection, Site};

#[test]
fn a_request_that_nginx_cannot_read_brings_no_claims_to_its_error_page() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_identity_headers Remote-User;
         error_page 400 /mine/sorry;
         location / { proxy_pass http://app; }
         location /mine/ { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    let faulty = |cookie: &str| {
        let claims = "X-authentik-username: akadmin\r\nX_Authentik_Groups: admins\r\n\
                      Remote-User: root\r\n";
        let mut connection = Connection::open(site.address());
        connection.send(format!(
            "GET / HTTP/1.1\r\nHost: x\r\n{claims}Cookie: {cookie}\r\nContent-Length: x\r\n\r\n"
        ));
        connection.response().status()
    };

    assert_eq!(faulty("a=1"), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(faulty(&alice.cookie_header().unwrap()), 400);
    let received = site.app.last();
    assert_eq!(received.target, "/mine/sorry");
    assert_eq!(received.all("X-authentik-username"), ["alice"]);
    assert_eq!(received.identity_headers().len(), 12);
    assert_eq!(received.header("Remote-User"), None);
}

#[test]
fn a_request_that_nginx_cannot_read_brings_no_claims_to_an_open_error_page() {
    let site = Site::start(
        "authentik_provider wiki;
         error_page 400 /open/sorry;
         location / { proxy_pass http://app; }
         location /open/ { authentik_provider off; proxy_pass http://app; }",
    );

    let mut connection = Connection::open(site.address());
    connection.send("GET / HTTP/1.1\r\nHost: x\r\nX-authentik-uid: 1\r\nContent-Length: x\r\n\r\n");

    assert_eq!(connection.response().status(), 400);
    assert_eq!(site.app.last().identity_headers(), []);
}

#[test]
fn an_open_location_is_not_told_the_headers_of_a_user_who_was_known_before() {
    let site = Site::start(
        "location / { authentik_provider wiki; proxy_pass http://app; }
         location /try/ { authentik_provider wiki; try_files /none @open; }
         location @open { proxy_pass http://app; }",
    );
    let bob = site.signed_in_as("bob");

    assert_eq!(bob.get("/").status(), 200);
    assert_eq!(site.app.last().header("X-Shared"), Some("group-value"));
    assert_eq!(bob.get("/try/x").status(), 200);
    let received = site.app.last();
    assert_eq!(received.identity_headers(), []);
    assert_eq!((received.header("X-Shared"), received.header("X-Group-Header")), (None, None));
}

#[test]
fn a_refusal_in_an_error_page_location_has_its_own_status() {
    let site = Site::start(
        "location / { root %%PREFIX%%/none; error_page 404 =200 /private/; }
         location /private/ { authentik_provider wiki; proxy_pass http://app; }",
    );

    assert_eq!(site.get("/nowhere").status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(site.signed_in().get("/nowhere").status(), 200);
}
