//! Requests that nginx redirects internally: no claims and no identity come along.

use crate::harness::{Connection, Site, eventually};

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
         error_page 400 /open/400;
         error_page 494 /open/494;
         location / { proxy_pass http://app; }
         location /open/ { authentik_provider off; proxy_pass http://app; }",
    );
    let too_long = format!("X-Long: {}", "x".repeat(9000));

    for (page, faulty) in [("/open/400", "Content-Length: x"), ("/open/494", &too_long)] {
        let mut connection = Connection::open(site.address());
        connection.send(format!(
            "GET / HTTP/1.1\r\nHost: x\r\nX-authentik-username: akadmin\r\n{faulty}\r\n\r\n"
        ));

        assert_eq!(connection.response().status(), 400, "{page}");
        assert_eq!(site.app.last().target, page);
        assert_eq!(site.app.last().identity_headers(), [], "{page}");
    }
}

#[test]
fn a_first_request_that_nginx_cannot_read_is_no_fault_of_the_build() {
    const SERVER: &str = "authentik_provider wiki;
         error_page 400 /open/400;
         location / { proxy_pass http://app; }
         location /open/ { authentik_provider off; auth_request /ask; proxy_pass http://app; }
         location /ask { internal; authentik_provider off; proxy_pass http://app; }";
    // HTTP/0.9 is a single line, for which nginx does not initialize the list of headers.
    for first in [
        "GET /\r\n",
        "GET /open/\r\n",
        "GET http://wiki.test/\r\n",
        "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.x\r\nHost: x\r\n\r\n",
        "GET / HTTP/7.0\r\nHost: x\r\n\r\n",
        "?\r\nHost: x\r\n\r\n",
    ] {
        // Each is the first request of its worker.
        let site = Site::builder().server(SERVER).workers(1).start();
        let mut connection = Connection::open(site.address());
        connection.send(first);
        assert!(!connection.read_to_end().contains(" 500 "), "{first}");

        assert_eq!(site.get("/").status(), 401, "{first}");
    }
}

#[test]
fn a_visitor_who_is_known_stays_known_when_nginx_sends_the_request_on() {
    let site = Site::start(
        "authentik_provider wiki;
         error_page 404 /inner/;
         location / { try_files /none /inner/; }
         location /named/ { try_files /none @inner; }
         location /missing/ { root %%PREFIX%%/none; }
         location /rewritten/ { rewrite ^ /inner/ last; }
         location /inner/ { proxy_pass http://app; }
         location @inner { proxy_pass http://app; }",
    );
    let alice = site.signed_in();

    for (path, status) in [("/", 200), ("/named/", 200), ("/missing/x", 404), ("/rewritten/", 200)]
    {
        site.app.forget();
        assert_eq!(site.get(path).status(), 401, "{path}");
        assert_eq!(site.app.hits(), 0, "{path}");
        assert_eq!(alice.get(path).status(), status, "{path}");
        assert_eq!(site.app.last().all("X-authentik-username"), ["alice"], "{path}");
        assert_eq!(site.app.last().identity_headers().len(), 12, "{path}");
    }
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

/// nginx clears the modules' state of a request that one of its filters answers: 412.
#[test]
fn the_log_names_who_asked_under_a_condition_that_does_not_hold() {
    let site = Site::builder()
        .file("html/page.txt", "a page")
        .http("log_format whose '$status $authentik_status $authentik_username';")
        .server(
            "access_log access.log whose;
             authentik_provider wiki;
             location / { proxy_pass http://app; }
             location = /page.txt { root html; }",
        )
        .start();
    let alice = site.signed_in();

    let asked = alice.get("/page.txt").header("If-Match", "\"another\"");
    assert_eq!(asked.status(), 412);

    eventually("the line of the log", || site.file("access.log").contains("412 known alice"));
}
