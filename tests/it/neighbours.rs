//! Interaction with nginx's own access modules, error pages, internal redirects and upgrades.

use crate::harness::{Connection, Site, UPGRADE, careless_module};

#[test]
fn with_satisfy_any_an_allowed_address_needs_no_session() {
    let site = Site::start(
        "satisfy any;
         allow 127.0.0.1;
         deny all;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );

    // A person too: a redirect would end the request before `allow` is checked.
    for request in [site.get("/"), site.navigate("/")] {
        assert_eq!(request.header("X-authentik-username", "akadmin").status(), 200);
        // Our access handler did not run; client claims are removed nevertheless.
        assert_eq!(site.app.last().identity_headers(), []);
    }
}

#[test]
fn with_satisfy_any_a_denied_address_gets_in_with_a_session() {
    let site = Site::start(
        "satisfy any;
         deny all;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );

    assert_eq!(site.navigate("/").status(), 302);
    assert!(matches!(site.get("/").status(), 401 | 403));
    assert_eq!(site.app.hits(), 0);
    let alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn with_satisfy_all_a_session_does_not_open_what_an_address_rule_closes() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /closed/ { deny all; proxy_pass http://app; }",
    );
    let alice = site.signed_in();

    assert_eq!(alice.get("/closed/").status(), 403);
    assert_eq!(site.get("/closed/").status(), 403);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn with_satisfy_any_a_basic_password_or_a_session_is_enough() {
    let site = Site::builder()
        .file("users", "robot:{PLAIN}secret\n")
        .server(
            "satisfy any;
             auth_basic robots;
             auth_basic_user_file %%PREFIX%%/users;
             authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let robot = ("Authorization", "Basic cm9ib3Q6c2VjcmV0");
    let impostor = ("Authorization", "Basic cm9ib3Q6d3Jvbmc=");

    for request in [site.get("/"), site.navigate("/")] {
        assert_eq!(request.headers(&[robot]).status(), 200);
        assert_eq!(site.app.last().identity_headers(), []);
    }
    site.app.forget();
    assert_eq!(site.get("/").headers(&[impostor]).status(), 401);
    assert_eq!(site.get("/").status(), 401);
    assert_eq!(site.navigate("/").status(), 302);
    assert_eq!(site.app.hits(), 0);
    let alice = site.signed_in();
    let response = alice.get("/").send();
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("www-authenticate"), None);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
}

#[test]
fn with_satisfy_any_pass_overrides_nobody_who_refuses() {
    let site = Site::builder()
        .file("users", "robot:{PLAIN}secret\n")
        .server(
            "satisfy any;
             authentik_provider wiki;
             authentik_unauthenticated pass;
             authentik_unauth_paths ^/[a-z]+/public/;
             location /address/ { deny all; proxy_pass http://app; }
             location /password/ {
                 auth_basic robots;
                 auth_basic_user_file %%PREFIX%%/users;
                 proxy_pass http://app;
             }
             location /question/ { auth_request /answer; proxy_pass http://app; }
             location = /answer { internal; authentik_provider off; return 403; }
             location / { proxy_pass http://app; }",
        )
        .start();
    let mut alice = site.browser();
    assert_eq!(alice.open("/outpost.goauthentik.io/start").status(), 200);
    site.app.forget();
    for (place, status) in [("/address/", 403), ("/password/", 401), ("/question/", 403)] {
        assert_eq!(site.get(place).status(), status, "{place}");
        assert_eq!(site.navigate(place).status(), status, "{place}");
        assert_eq!(site.app.hits(), 0, "{place}");

        assert_eq!(alice.get(place).status(), 200, "{place}");
        assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"), "{place}");
        assert_eq!(site.get(&format!("{place}public/")).status(), 200, "an open path is a vote");
        site.app.forget();
    }
    let robot = site.get("/password/").header("Authorization", "Basic cm9ib3Q6c2VjcmV0");
    assert_eq!(robot.status(), 200);
    assert_eq!(site.get("/").status(), 200, "where nobody refuses");
    assert_eq!(site.app.last().identity_headers(), []);
}

#[test]
fn with_satisfy_all_both_the_basic_password_and_the_session_are_needed() {
    let site = Site::builder()
        .file("users", "robot:{PLAIN}secret\n")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /both/ {
                 auth_basic robots;
                 auth_basic_user_file %%PREFIX%%/users;
                 proxy_pass http://app;
             }",
        )
        .start();
    let robot = ("Authorization", "Basic cm9ib3Q6c2VjcmV0");
    let alice = site.signed_in();

    assert_eq!(alice.get("/both/").status(), 401);
    assert_eq!(site.get("/both/").headers(&[robot]).status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/both/").headers(&[robot]).status(), 200);
}

#[test]
fn an_auth_request_beside_us_has_its_own_say() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /yes/ { auth_request /judge-yes; proxy_pass http://app; }
         location /no/ { auth_request /judge-no; proxy_pass http://app; }
         location = /judge-yes { internal; authentik_provider off; return 204; }
         location = /judge-no { internal; authentik_provider off; return 403; }",
    );
    let alice = site.signed_in();

    assert_eq!(alice.get("/no/").status(), 403);
    assert_eq!(site.get("/yes/").status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/yes/").status(), 200);
}

#[test]
fn an_error_page_replaces_our_answer_and_never_runs_the_protected_handler() {
    // CVE-2026-24513: a custom error backend turned a refusal into the page itself.
    let site = Site::builder()
        .file("html/sorry.html", "please sign in")
        .server(
            "authentik_provider wiki;
             error_page 401 403 /sorry.html;
             location / { proxy_pass http://app; }
             location = /sorry.html { authentik_provider off; root %%PREFIX%%/html; }
             location /named/ { error_page 401 = @sorry; proxy_pass http://app; }
             location @sorry { authentik_provider off; return 401 \"named\"; }
             location /inherits/ { error_page 401 /also-protected; proxy_pass http://app; }",
        )
        .start();

    let response = site.get("/").send();
    assert_eq!((response.status(), response.text().as_str()), (401, "please sign in"));
    let response = site.get("/named/").send();
    assert_eq!((response.status(), response.text().as_str()), (401, "named"));
    assert_eq!(site.get("/inherits/").status(), 401);
    assert_eq!(site.navigate("/").status(), 302);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn an_internal_redirect_is_judged_again_and_keeps_the_identity() {
    let site = Site::builder()
        .file("html/index.html", "front")
        .server(
            "root %%PREFIX%%/html;
             location = / { authentik_provider off; rewrite ^ /private/ last; }
             location /private/ { authentik_provider wiki; proxy_pass http://app; }
             location /try/ { authentik_provider wiki; try_files $uri @app; }
             location @app { authentik_provider wiki; proxy_pass http://app; }
             location /open-try/ { try_files $uri /private/; }",
        )
        .start();

    for path in ["/", "/private/", "/try/x", "/open-try/x"] {
        assert_eq!(site.get(path).status(), 401, "{path}");
        assert_eq!(site.app.hits(), 0, "{path}");
    }
    let mut alice = site.browser();
    assert_eq!(alice.open("/private/").status(), 200);
    for path in ["/", "/private/", "/try/x", "/open-try/x"] {
        assert_eq!(alice.get(path).status(), 200, "{path}");
        let received = site.app.last();
        assert_eq!(received.header("X-authentik-username"), Some("alice"), "{path}");
        assert_eq!(received.identity_headers().len(), 12, "{path}");
    }
}

#[test]
fn a_subrequest_sees_the_identity_of_its_request() {
    let site = Site::builder()
        .file("html/page.html", "<!--# include virtual=\"/fragment\" -->")
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location = /page.html { ssi on; root %%PREFIX%%/html; }
             location /fragment { proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();

    assert_eq!(site.get("/page.html").status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/page.html").status(), 200);
    let received = site.app.last();
    assert!(received.target.starts_with("/fragment"), "{received:?}");
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
}

#[test]
fn a_websocket_of_a_known_visitor_is_upgraded() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /ws {
             proxy_pass http://app;
             proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection upgrade;
         }",
    );
    let alice = site.signed_in();

    assert_eq!(site.get("/ws").headers(&UPGRADE).status(), 401);
    assert_eq!(site.app.hits(), 0);
    let mut connection = Connection::open(site.address());
    assert_eq!(connection.request(&alice.get("/ws").headers(&UPGRADE)).status(), 101);
}

#[test]
fn a_body_reaches_the_application_whole() {
    let site = Site::start(
        "client_max_body_size 4m;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();

    let body = "0123456789".repeat(200_000);
    assert_eq!(alice.get("/upload").method("POST").body(&body).status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("Content-Length"), Some("2000000"));
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
}

#[test]
fn a_module_that_adds_headers_without_their_names_in_lower_case_breaks_nothing() {
    let site = Site::builder()
        .main(&format!("load_module {};", careless_module().display()))
        .server(
            "authentik_provider wiki;
             authentik_unauth_paths ^/public/;
             location / { proxy_pass http://app; }",
        )
        .start();

    assert_eq!(site.get("/page").header("Authorization", "Bearer x").status(), 401);
    assert_eq!(site.app.hits(), 0);
    assert_eq!(site.get("/public/page").status(), 200);
    assert_eq!(site.app.last().identity_headers(), [], "what it says of visitors is not believed");
    assert_eq!(site.app.last().header("X-Care"), Some("none"));

    let alice = site.signed_in();
    assert_eq!(alice.get("/page").header("Cookie", "own=1").status(), 200);
    let seen = site.app.last();
    assert_eq!(seen.header("X-Carefulness"), Some("none"));
    assert_eq!(seen.header("Cookie"), Some("own=1"));
    assert_ne!(seen.header("X-authentik-groups"), Some("admins"), "{seen:#?}");
    assert_eq!(seen.header("X-authentik-username"), Some("alice"));
}
