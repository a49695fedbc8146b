//! An administrator ends sessions.

use authentik_standin::{User, WIKI_CLIENT_ID};
use serde_json::{Value, json};

use super::only_session;
use crate::harness::{Builder, Request, Response, Site};
use crate::header_auth::token;
use crate::outpost::all_workers_say;

const SERVER: &str = "authentik_provider wiki;
    add_header X-Worker $pid always;
    location / { proxy_pass http://app; }
    location = /status { authentik_require user bob; authentik_status end_sessions=on; }
    location = /closed { authentik_require user bob; authentik_status; }
    location = /local {
        authentik_provider off; allow 127.0.0.1; deny all;
        authentik_status format=json end_sessions=on;
    }";

fn site() -> Builder {
    Site::builder().workers(4).server(SERVER)
}

/// A request like that of a program.
fn told(site: &Site, body: &Value) -> Request {
    site.request("POST", "/local")
        .header("X-Requested-With", "test")
        .header("Content-Type", "application/json")
        .body(body.to_string())
}

fn ended(request: &Request) -> u64 {
    let response = request.send();
    assert_eq!(response.status(), 200, "{response:?}");
    let said: Value = serde_json::from_str(&response.text()).expect("JSON");
    said["ended"].as_u64().expect("a number")
}

/// A request like that of the page's form.
fn form(request: Request, by: &str, value: &str) -> Request {
    request
        .header("Accept", "text/html")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Dest", "document")
        .body(format!("by={by}&value={value}"))
}

#[test]
fn all_sessions_of_a_user_or_of_a_sid_end_in_all_workers() {
    let site = site().start();
    let bob = site.signed_in_as("bob");
    for by in ["username", "sub"] {
        let (desk, phone) = (site.signed_in(), site.signed_in());
        assert_eq!(desk.get("/").status(), 200);
        let value = match by {
            "username" => "alice".to_owned(),
            _ => site.app.last().header("X-authentik-uid").expect("a uid").to_owned(),
        };
        assert_eq!(ended(&told(&site, &json!({by: value}))), 2, "{by}");
        for dead in [&desk, &phone] {
            assert!(all_workers_say(&site, &dead.get("/"), 401), "{by}");
        }
        assert_eq!(ended(&told(&site, &json!({by: value}))), 0, "{by}");
    }
    assert_eq!(bob.get("/").status(), 200, "another user stays");
    let said = site.error_log().lines_with("sessions ended by hand: 2, of user \"alice\"");
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("[notice]"), "{said:?}");
}

#[test]
fn what_is_remembered_of_credentials_ends_too_and_their_cookie_stays_dead() {
    let site = site().start();
    let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
    let call = || site.get("/").header("Authorization", &bearer).send();
    let offered = |answer: &Response| {
        let cookie = answer.header("Set-Cookie").expect("a session is offered").to_owned();
        cookie.split(';').next().expect("a cookie").to_owned()
    };
    for by in ["username", "sub"] {
        let cookie = offered(&call());
        let with_cookie = || site.get("/").header("Cookie", &cookie);
        assert_eq!(with_cookie().status(), 200, "{by}");
        let uid = site.app.last().header("X-authentik-uid").expect("a uid").to_owned();
        let asked = site.sso.count("/application/o/introspect/");

        let value = if by == "sub" { uid } else { "bob".to_owned() };
        assert!(ended(&told(&site, &json!({by: value}))) >= 1, "{by}");

        let hits = site.app.hits();
        assert!(all_workers_say(&site, &with_cookie(), 401), "{by}");
        assert_eq!(site.app.hits(), hits);
        // authentik still accepts the token: it is asked again, and the session is a new one.
        let again = call();
        assert_eq!(again.status(), 200);
        assert_eq!(site.sso.count("/application/o/introspect/"), asked + 1, "{by}");
        assert_ne!(offered(&again), cookie, "{by}");
        assert_eq!(with_cookie().status(), 401, "{by}");
    }
}

#[test]
fn a_sid_ends_what_came_of_it_and_is_not_logged() {
    let site = site().start();
    let alice = site.signed_in();
    let sid = only_session(&site);
    let other = site.signed_in();
    assert_eq!(ended(&told(&site, &json!({"sid": sid}))), 1);
    assert_eq!([alice.get("/").status(), other.get("/").status()], [401, 200]);
    let log = site.error_log();
    assert_eq!(log.lines_with("sessions ended by hand: 1, of one session at authentik").len(), 1);
    assert!(!log.text().contains(&sid));
}

#[test]
fn an_administrator_ends_them_by_a_form() {
    let site = site().start();
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    let page = bob.get("/status").send();
    assert!(page.text().contains("<form method=\"post\">"), "{}", page.text());
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self'"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));

    let response = form(bob.get("/status").method("POST"), "username", "alice").send();

    assert_eq!(response.status(), 200);
    assert!(response.text().contains("1 session was ended."), "{}", response.text());
    assert_eq!(alice.get("/").status(), 401);
    let line = "sessions ended by hand: 1, of user \"alice\", by \"bob\"";
    assert_eq!(site.error_log().lines_with(line).len(), 1);
}

#[test]
fn nobody_else_ends_anything() {
    let site = site().start();
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    let here = site.url();
    let post = |target: &str| bob.get(target).method("POST");
    let bare = |request: Request| {
        request
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("by=username&value=alice")
    };
    let json = |request: Request| {
        request.header("Content-Type", "application/json").body(r#"{"username":"alice"}"#)
    };
    for (what, request, status) in [
        (
            "whom authentik_require keeps out",
            form(alice.get("/status").method("POST"), "username", "bob"),
            403,
        ),
        ("a stranger", json(site.request("POST", "/status")).header("X-Requested-With", "x"), 401),
        ("where it is off", form(post("/closed"), "username", "alice"), 405),
        (
            "a form of another site",
            bare(post("/status")).header("Sec-Fetch-Site", "cross-site"),
            403,
        ),
        ("a form of a neighbour", bare(post("/status")).header("Sec-Fetch-Site", "same-site"), 403),
        ("a form from nowhere", bare(post("/status")), 403),
        (
            "a form of another origin",
            bare(post("/status")).header("Origin", "http://evil.test"),
            403,
        ),
        ("a form of no origin", bare(post("/status")).header("Origin", "null"), 403),
        ("a form in an address that lets in", bare(site.request("POST", "/local")), 403),
        ("JSON without the header", json(post("/status")), 403),
        (
            "JSON of another site",
            json(post("/status"))
                .header("X-Requested-With", "x")
                .header("Sec-Fetch-Site", "cross-site"),
            403,
        ),
        ("no body", post("/status"), 411),
        ("a long body", post("/status").body(vec![b'x'; 5000]), 413),
        ("words", told(&site, &json!("alice")), 400),
        ("nobody", told(&site, &json!({"username": ""})), 400),
        ("two at once", told(&site, &json!({"username": "alice", "sid": "x"})), 400),
        ("another method", told(&site, &json!({"username": "alice"})).method("DELETE"), 405),
    ] {
        assert_eq!(request.status(), status, "{what}");
        assert_eq!(alice.get("/").status(), 200, "{what}");
    }
    assert!(site.error_log().lines_with("ended by hand").is_empty());
    // An old browser sends only its origin.
    assert_eq!(bare(post("/status")).header("Origin", &here).status(), 200);
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn who_is_let_in_as_nobody_ends_nothing() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location = /open {
             authentik_require user bob; authentik_unauth_paths ^/open$; authentik_status end_sessions=on;
         }
         location = /pass {
             authentik_require user bob; authentik_unauthenticated pass; authentik_status end_sessions=on;
         }",
    );
    let alice = site.signed_in();
    for target in ["/open", "/pass"] {
        assert_eq!(site.get(target).status(), 200, "who may read it");
        let request = site
            .request("POST", target)
            .header("X-Requested-With", "x")
            .header("Content-Type", "application/json")
            .body(r#"{"username":"alice"}"#);
        assert_eq!(request.status(), 403, "{target}");
    }
    assert_eq!(alice.get("/").status(), 200);
}

/// nginx skips the access phase for a subrequest, and does not read a body for it.
#[test]
fn a_mirrored_request_ends_nothing_and_stops_no_worker() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location = /ending { authentik_require user bob; authentik_status end_sessions=on; }
         location /mirrored/ {
             authentik_provider off; mirror /ending; proxy_pass http://app;
         }
         location /bodiless/ {
             authentik_provider off; mirror /ending; mirror_request_body off; proxy_pass http://app;
         }
         location /after/ { authentik_provider off; post_action /ending; root html; }",
    );
    let alice = site.signed_in();
    let bob = site.signed_in_as("bob");
    let workers = site.worker_pids();
    for target in ["/mirrored/", "/bodiless/", "/after/"] {
        for sender in [site.request("POST", target), bob.get(target).method("POST")] {
            let request = sender
                .header("X-Requested-With", "x")
                .header("Content-Type", "application/json")
                .body(r#"{"username":"alice"}"#);
            // Large enough to be discarded in several pieces.
            assert_ne!(request.status(), 500, "{target}");
            let _ = request.body(vec![b' '; 4_000]).try_send();
        }
        assert_eq!(site.worker_pids(), workers, "{target}");
        assert_eq!(alice.get("/").status(), 200, "{target}");
    }
}

#[test]
fn a_wish_that_nginx_has_put_into_a_file_is_answered_with_the_cure() {
    let site = Site::start(
        "authentik_provider wiki;
         client_body_in_file_only clean;
         location / { proxy_pass http://app; }
         location = /local {
             authentik_provider off; allow 127.0.0.1; deny all;
             authentik_status format=json end_sessions=on;
         }
         location = /cured {
             authentik_provider off; allow 127.0.0.1; deny all; client_body_in_file_only off;
             authentik_status format=json end_sessions=on;
         }",
    );
    let alice = site.signed_in();
    let wish = told(&site, &json!({"username": "alice"}));

    let answer = wish.send();
    assert_eq!(answer.status(), 413);
    assert!(answer.text().contains("client_body_in_file_only"), "{}", answer.text());
    assert_eq!(alice.get("/").status(), 200);

    assert_eq!(ended(&wish.target("/cured")), 1);
    assert_eq!(alice.get("/").status(), 401);
}

#[test]
fn a_full_zone_is_looked_through_in_several_turns() {
    let site = site()
        .workers(1)
        .settings(|settings, _| {
            let groups = (0..60).map(|number| format!("{number:02}{}", "g".repeat(60))).collect();
            settings.users.push(User { groups, ..User::new("many", "In Many Groups") });
        })
        .start();
    let many: Vec<_> = (0..90).map(|_| site.signed_in_as("many")).collect();
    let bob = site.signed_in_as("bob");
    let status: Value = serde_json::from_str(&site.get("/local").send().text()).expect("JSON");
    let used = status["zone"]["used_bytes"].as_u64().expect("a number");
    assert!(used > 2048 * 512, "more than is looked through at once: {used}");

    assert_eq!(ended(&told(&site, &json!({"username": "many"}))), 90);

    assert!(many.iter().all(|browser| browser.get("/").status() == 401));
    assert_eq!(bob.get("/").status(), 200);
}
