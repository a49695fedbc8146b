//! Interaction with modules before and after the access phase: docs/living-together.md.

use crate::harness::{Received, Site, eventually};

#[test]
fn a_mirror_gets_what_was_let_through_and_nothing_else() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { mirror /mirror; mirror /mirror-off; proxy_pass http://app; }
         location = /mirror { internal; proxy_pass http://app/mirrored; }
         location = /mirror-off {
             internal;
             authentik_provider off;
             proxy_set_header X-authentik-jwt \"\";
             proxy_pass http://app/mirrored-without-token;
         }",
    );
    let mut alice = site.browser();
    assert_eq!(alice.open("/").status(), 200);
    wait_for(&site, 3); // the page after the sign-in is mirrored too
    site.app.forget();

    assert_eq!(site.get("/page").status(), 401);
    assert_eq!(site.navigate("/page").status(), 302);
    assert_eq!(alice.get("/page").header("X-authentik-username", "root").status(), 200);

    let received = wait_for(&site, 3);
    assert_eq!(received.len(), 3, "nothing of the strangers: {received:#?}");
    for request in &received {
        assert_eq!(request.header("X-authentik-username"), Some("alice"), "{}", request.target);
        assert_eq!(request.header("Cookie"), None, "{}", request.target);
        let with_token = request.target != "/mirrored-without-token";
        assert_eq!(request.header("X-authentik-jwt").is_some(), with_token, "{}", request.target);
    }
}

#[test]
fn limit_req_counts_strangers_before_they_cost_anything() {
    let site = Site::builder()
        .http("limit_req_zone $binary_remote_addr zone=pace:1m rate=1r/m;")
        .server(
            "authentik_provider wiki;
             location / { limit_req zone=pace burst=2 nodelay; proxy_pass http://app; }",
        )
        .start();

    let statuses: Vec<u16> = (0..5).map(|_| site.navigate("/page").status()).collect();

    assert_eq!(statuses, [302, 302, 302, 503, 503]);
    assert_eq!(site.error_log().lines_with("sent to sign in").len(), 3);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn limit_req_does_not_count_the_endpoints() {
    // They are answered earlier, as docs/living-together.md says.
    let site = Site::builder()
        .http("limit_req_zone $binary_remote_addr zone=pace:1m rate=1r/m;")
        .server(
            "authentik_provider wiki;
             limit_req zone=pace;
             location / { proxy_pass http://app; }",
        )
        .start();

    assert_eq!(site.get("/").status(), 401);
    assert_eq!(site.get("/").status(), 503);
    for _ in 0..5 {
        assert_eq!(site.get("/outpost.goauthentik.io/ping").status(), 204);
        assert_eq!(site.navigate("/outpost.goauthentik.io/start?rd=/").status(), 302);
    }
}

#[test]
fn a_variable_that_was_read_too_early_is_right_later() {
    // `if` and `limit_req` come before the access phase, when nobody is known yet.
    let site = Site::builder()
        .http("limit_req_zone $authentik_username zone=users:1m rate=1r/m;")
        .server(
            "authentik_provider wiki;
             add_header X-User \"$authentik_username\" always;
             location / { proxy_pass http://app; }
             location /early/ {
                 set $early \"before:$authentik_username\";
                 if ($authentik_username) { return 500; }
                 limit_req zone=users;
                 add_header X-Early $early always;
                 add_header X-User \"$authentik_username\" always;
                 proxy_set_header X-Who $authentik_username;
                 proxy_pass http://app;
             }",
        )
        .start();
    let alice = site.signed_in();

    for _ in 0..3 {
        let response = alice.get("/early/").send();
        assert_eq!(response.status(), 200, "an empty key is not counted");
        assert_eq!(response.header("X-Early"), Some("before:"));
        assert_eq!(response.header("X-User"), Some("alice"));
        assert_eq!(site.app.last().header("X-Who"), Some("alice"));
    }
}

#[test]
fn if_and_rewrite_change_the_place_but_not_the_verdict() {
    let site = Site::start(
        "authentik_provider wiki;
         rewrite ^/old/(.*)$ /new/$1;
         if ($arg_where = elsewhere) { rewrite ^ /elsewhere last; }
         if ($http_x_blocked) { return 403; }
         location / {
             if ($arg_a) { proxy_pass http://app; }
             if ($request_method = POST) { set $unused 1; }
             if ($http_x_public) { rewrite ^/(.*)$ /public/$1 break; }
             proxy_pass http://app;
         }
         location /jump/ { rewrite ^/jump/(.*)$ /$1 last; }
         location /open/ { authentik_provider off; rewrite ^/open/(.*)$ /$1 last; }
         location /elsewhere { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    for (target, arrives_at) in [
        ("/?a=1", "/?a=1"),
        ("/page", "/page"),
        ("/old/page", "/new/page"),
        ("/?where=elsewhere", "/elsewhere?where=elsewhere"),
        ("/jump/page", "/page"),
        ("/open/page", "/page"),
    ] {
        for method in ["GET", "POST"] {
            site.app.forget();
            assert_eq!(site.request(method, target).status(), 401, "{method} {target}");
            let public = site.request(method, target).header("X-Public", "1");
            assert_eq!(public.status(), 401, "{method} {target}");
            assert_eq!(site.app.hits(), 0, "{method} {target}");

            assert_eq!(alice.get(target).method(method).status(), 200, "{method} {target}");
            let received = site.app.last();
            assert_eq!(received.target, arrives_at, "{method} {target}");
            assert_eq!(received.header("X-authentik-username"), Some("alice"), "{target}");
        }
    }
    assert_eq!(alice.get("/").header("X-Blocked", "1").status(), 403);
}

#[test]
fn an_addition_is_made_for_the_visitor_and_not_for_strangers() {
    let site = Site::builder()
        .file("html/page.html", "page ")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location = /page.html { root %%PREFIX%%/html; add_after_body /footer; }",
        )
        .start();
    let alice = site.signed_in();

    let refused = site.get("/page.html").send();
    assert_eq!(refused.status(), 401);
    assert_eq!(site.navigate("/page.html").status(), 302);
    assert_eq!(site.app.hits(), 0, "{}", refused.text());
    let page = alice.get("/page.html").send().text();
    assert!(page.starts_with("page {"), "{page}");
    let received = site.app.last();
    assert_eq!(received.target, "/footer");
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
}

#[test]
fn an_error_page_for_403_replaces_that_of_a_rule() {
    let site = Site::builder()
        .file("html/no.html", "ask the board")
        .server(
            "authentik_provider wiki;
             error_page 403 /no.html;
             location / { proxy_pass http://app; }
             location = /no.html { internal; root %%PREFIX%%/html; }
             location /board/ { authentik_require group board; proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();

    let response = alice.get("/board/").send();
    assert_eq!((response.status(), response.text().as_str()), (403, "ask the board"));
    assert_eq!(site.app.hits(), 0);
}

/// Waits for this many requests at the application: nginx does not wait for mirrors.
fn wait_for(site: &Site, count: usize) -> Vec<Received> {
    eventually("the application is asked", || site.app.received().len() >= count);
    std::thread::sleep(std::time::Duration::from_millis(50)); // one too many would come now
    site.app.received()
}
