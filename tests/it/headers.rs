//! Identity headers: the application can trust them, whatever clients send.

use serde_json::json;

use crate::harness::{Browser, Received, Site};

#[test]
fn the_application_receives_all_twelve_headers_of_the_signed_in_user() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let bob = site.signed_in_as("bob");

    assert_eq!(bob.get("/page").status(), 200);

    let received = site.app.last();
    assert_eq!(names(&received), TWELVE);
    for (name, value) in [
        ("X-authentik-username", "bob"),
        ("X-authentik-groups", "staff|devs|pipe|in|name|restricted-users"),
        ("X-authentik-entitlements", "entitlement b|ü|entitlement-a"),
        ("X-authentik-email", "bob@example.test"),
        ("X-authentik-name", "Bob Builder"),
        ("X-authentik-meta-jwks", &format!("{}/application/o/wiki/jwks/", site.sso.url())),
        ("X-authentik-meta-provider", "wiki"),
        ("X-authentik-meta-app", "wiki"),
    ] {
        assert_eq!(received.header(name), Some(value), "{name}");
    }
    assert_eq!(received.header("X-authentik-uid").map(str::len), Some(64));
    let token = received.header("X-authentik-jwt").unwrap_or_default();
    assert_eq!(token.split('.').count(), 3, "a JWT: {token}");
    let version = received.header("X-authentik-meta-version").unwrap_or_default();
    assert!(version.starts_with("goauthentik.io/outpost/"), "{version}");
}

#[test]
fn empty_claims_are_sent_as_empty_headers_that_replace_the_clients() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let nomail = site.signed_in_as("nomail"); // no name, no mail, no groups, no entitlements

    let request = nomail.get("/").header("X-authentik-email", "ceo@example.test");
    assert_eq!(request.header("X-authentik-groups", "authentik Admins").status(), 200);

    let received = site.app.last();
    assert_eq!(names(&received), TWELVE);
    for name in ["email", "name", "groups", "entitlements"] {
        let name = format!("X-authentik-{name}");
        assert_eq!(received.header(&name), Some(""), "{name}");
    }
}

#[test]
fn values_are_the_raw_utf_8_of_the_claims() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let zoe = site.signed_in_as("zoe");

    assert_eq!(zoe.get("/").status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("X-authentik-name"), Some("Zoë Müller 日本語 😀"));
    assert_eq!(received.header("X-authentik-groups"), Some("staff|Gruppe Müller 名"));
    assert_eq!(received.header("X-authentik-email"), Some("zoe@exämple.test"));
}

#[test]
fn a_token_of_36_kilobytes_with_150_groups_arrives_whole() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let biggy = site.signed_in_as("biggy");

    assert_eq!(biggy.get("/").status(), 200);

    let received = site.app.last();
    let groups = received.header("X-authentik-groups").unwrap_or_default();
    assert_eq!(groups.split('|').count(), 150);
    let token = received.header("X-authentik-jwt").unwrap_or_default();
    assert!(token.len() > 30_000, "{} bytes", token.len());
    // Base64url with dots and nothing else: not truncated, not mixed with other bytes.
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
    assert_eq!(token.split('.').count(), 3);
}

#[test]
fn long_and_short_sessions_in_turn_are_each_read_whole() {
    let site = Site::builder()
        .workers(1)
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .start();
    let (biggy, alice) = (site.signed_in_as("biggy"), site.signed_in());

    let token_for = |browser: &Browser| {
        assert_eq!(browser.get("/").status(), 200);
        site.app.last().header("X-authentik-jwt").unwrap_or_default().to_owned()
    };
    let (long, short) = (token_for(&biggy), token_for(&alice));
    assert!(long.len() > 30_000 && short.len() < 5_000, "{}, {}", long.len(), short.len());
    for _ in 0..20 {
        assert_eq!(token_for(&biggy), long);
        assert_eq!(token_for(&alice), short);
        assert_eq!(token_for(&alice), short);
    }
}

#[test]
fn a_client_copy_of_an_identity_header_never_reaches_the_application_in_any_spelling() {
    let site = Site::start(
        "underscores_in_headers on;
         authentik_unauth_paths ^/public/;
         authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /off/ { authentik_provider off; proxy_pass http://app; }
         location /pass/ { authentik_unauthenticated pass; proxy_pass http://app; }
         location /try/ { authentik_provider off; try_files /nothing @app; }
         location @app { authentik_provider off; proxy_pass http://app; }
         location /moved/ { authentik_provider off; rewrite ^ /off/moved last; }
         location /broken/ { authentik_provider off; error_page 418 = @app; return 418; }",
    );
    for path in ["/public/", "/off/", "/pass/", "/try/", "/moved/", "/broken/"] {
        for spelling in SPELLINGS {
            for method in ["GET", "POST", "OPTIONS"] {
                site.app.forget();
                let forged = site.request(method, path).header(spelling, "akadmin");
                assert_eq!(forged.status(), 200, "{method} {path}");
                let left = site.app.last().identity_headers();
                assert!(left.is_empty(), "{method} {path} with {spelling}: {left:?}");
            }
        }
    }
}

#[test]
fn a_location_without_the_module_is_scrubbed_too_when_another_of_its_server_is_protected() {
    let site = Site::start(
        "location / { proxy_pass http://app; }
         location /private/ { authentik_provider wiki; proxy_pass http://app; }",
    );

    assert_eq!(site.get("/").header("X-authentik-username", "akadmin").status(), 200);

    assert_eq!(site.app.last().identity_headers(), []);
}

#[test]
fn duplicates_and_look_alikes_leave_only_what_the_module_set() {
    let site = Site::start(
        "underscores_in_headers on;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();

    let request = SPELLINGS.iter().fold(alice.get("/"), |request, spelling| {
        request.header(spelling, "akadmin").header(spelling, "second")
    });
    assert_eq!(request.status(), 200);

    let received = site.app.last();
    assert_eq!(names(&received), TWELVE);
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
}

#[test]
fn other_headers_survive_the_removal_in_order() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths .;
         location / { proxy_pass http://app; }",
    );
    // The list of headers is edited around the removed ones: first, middle, last, consecutive, and
    // beyond the 20 headers in the first part of nginx's list.
    for positions in [&[0][..], &[19], &[20], &[39], &[0, 1, 2], &[18, 19, 20, 21], &[5, 25, 39]] {
        let mut request = site.get("/");
        let mut kept = Vec::new();
        for i in 0..40 {
            if positions.contains(&i) {
                request = request.header("X-authentik-uid", "forged");
            }
            let (name, value) = (format!("X-Kept-{i:02}"), format!("value {i}"));
            request = request.header(&name, &value);
            kept.push((name.to_lowercase(), value));
        }

        assert_eq!(request.status(), 200);

        let received = site.app.last();
        assert_eq!(received.identity_headers(), []);
        let arrived: Vec<(String, String)> = received
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.clone()))
            .filter(|(name, _)| name.starts_with("x-kept-"))
            .collect();
        assert_eq!(arrived, kept, "forged at {positions:?}");
    }
}

#[test]
fn the_connection_header_cannot_remove_an_identity_header() {
    // CVE-2024-45410: if listed as hop-by-hop, our header would be dropped by the next proxy.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();

    let request = alice.get("/").header("Connection", "close, X-authentik-username");
    assert_eq!(request.status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
    let hop_by_hop = received.all("Connection").join(",").to_lowercase();
    assert!(!hop_by_hop.contains("authentik"), "{hop_by_hop}");
}

#[test]
fn further_names_can_be_reserved_for_the_module() {
    let site = Site::start(
        "underscores_in_headers on;
         authentik_identity_headers Remote-User X-Department;
         authentik_unauth_paths ^/public/;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    for request in [site.get("/public/"), alice.get("/")] {
        let request = request
            .header("Remote-User", "root")
            .header("remote_user", "root")
            .header("X_DEPARTMENT", "board")
            .header("X-Departments", "kept");
        assert_eq!(request.status(), 200);

        let received = site.app.last();
        for name in ["Remote-User", "remote_user", "X-Department", "X_DEPARTMENT"] {
            assert_eq!(received.all(name), [""; 0], "{name}");
        }
        assert_eq!(received.header("X-Departments"), Some("kept"));
    }
}

#[test]
fn additional_headers_of_the_user_replace_the_clients_of_that_name() {
    // docs/protocol.md §7.4: attribute `additionalHeaders`, of any JSON type.
    let site = Site::start(
        "underscores_in_headers on;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let zoe = site.signed_in_as("zoe");

    let request = zoe
        .get("/")
        .header("X-User-Header", "forged")
        .header("X_USER_HEADER", "forged")
        .header("x-int", "0");
    assert_eq!(request.status(), 200);

    let received = site.app.last();
    for (name, value) in [
        ("X-User-Header", "zoë-value"),
        ("X-Shared", "user-value"),
        ("X-Int", "42"),
        ("X-Float", "1.5"),
        ("X-Bool", "true"),
        ("X-Null", ""),
        ("X-List", "[\"a\",\"b\"]"),
        ("X-Obj", "{\"k\":\"v\"}"),
    ] {
        assert_eq!(received.header(name), Some(value), "{name}");
    }
    assert_eq!(received.all("X_USER_HEADER"), [""; 0]);
}

#[test]
fn nginx_itself_sees_what_is_set_for_the_application_and_routes_by_none_of_it() {
    let site = Site::builder()
        .provider("basic_auth app_username app_password;")
        .settings(|settings, _| {
            let carol = settings.users.iter_mut().find(|user| user.username == "carol");
            carol.expect("carol").attributes["additionalHeaders"] = json!({
                "User-Agent": "of authentik", "Cookie": "of=authentik", "X-Own": "own",
                "X-Forwarded-For": "192.0.2.9", "Range": "bytes=0-0", "Host": "evil.test",
                "Content-Length": "7",
            });
        })
        .server(
            "add_header X-Seen '$http_authorization|$remote_user|$http_user_agent|$http_cookie|$http_x_forwarded_for|$http_x_own|$http_range|$host|$http_host|$content_length';
             authentik_provider wiki;
             location / { proxy_pass http://app; proxy_set_header Host $http_host; }
             location /anew/ { authentik_provider off; proxy_pass http://app; }
             location /moved { try_files /nothing /anew/; }",
        )
        .start();
    let carol = site.signed_in_as("carol");
    let basic = "Basic Y2Fyb2wtdXBzdHJlYW06cDpzcyB3w7ZyZA==";
    let host = site.url().replace("http://", "");

    for sent in [&[][..], &[("User-Agent", "curl"), ("X-Forwarded-For", "203.0.113.1")]] {
        let request = sent.iter().fold(carol.get("/"), |r, (name, value)| r.header(name, value));
        let answer = request.header("Authorization", "Basic YWRtaW46eA==").send();

        let seen = answer.header("X-Seen").unwrap_or_default();
        let expected = format!(
            "{basic}|carol-upstream|of authentik||192.0.2.9|own|bytes=0-0|wiki.test|{host}|"
        );
        assert_eq!(seen, expected);
        let received = site.app.last();
        assert_eq!(received.all("Authorization"), [basic]);
        assert_eq!(received.all("User-Agent"), ["of authentik"]);
        assert_eq!(received.all("Cookie"), [""; 0], "not the attribute's");
        assert_eq!(received.all("Host"), [host.as_str()]);
    }
    // Another location decides differently: the headers of the first one are also gone for nginx.
    let answer = carol.get("/moved").send();
    assert_eq!(answer.header("X-Seen"), Some(format!("|||||||wiki.test|{host}|").as_str()));
    assert_eq!(site.app.last().all("Authorization"), [""; 0]);
}

#[test]
fn names_reach_an_application_in_the_characters_that_it_reads() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }
         location /percent/ { authentik_header_encoding percent; proxy_pass http://app; }
         location /latin1/ {
             authentik_header_encoding latin1;
             proxy_set_header X-Variable $authentik_name;
             proxy_pass http://app;
         }",
    );
    let browser = site.signed_in_as("zoe");
    // The bytes EB and FC are not UTF-8; the stand-in shows them as U+FFFD.
    for (path, expected) in [
        ("/", "Zoë Müller 日本語 😀"),
        ("/percent/", "Zo%C3%AB M%C3%BCller %E6%97%A5%E6%9C%AC%E8%AA%9E %F0%9F%98%80"),
        ("/latin1/", "Zo\u{fffd} M\u{fffd}ller %E6%97%A5%E6%9C%AC%E8%AA%9E %F0%9F%98%80"),
    ] {
        assert_eq!(browser.get(path).status(), 200, "{path}");
        let told = site.app.last();
        assert_eq!(told.header("X-authentik-name"), Some(expected), "{path}");
        assert_eq!(told.identity_headers().len(), 12, "{path}");
        if path == "/latin1/" {
            assert_eq!(told.header("X-Variable"), Some(expected));
        }
    }
}

/// Names of the identity headers, sorted, in lower case.
fn names(received: &Received) -> Vec<String> {
    let mut names: Vec<String> = received
        .identity_headers()
        .into_iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort();
    names
}

/// docs/protocol.md §7.1, sorted.
const TWELVE: [&str; 12] = [
    "x-authentik-email",
    "x-authentik-entitlements",
    "x-authentik-groups",
    "x-authentik-jwt",
    "x-authentik-meta-app",
    "x-authentik-meta-jwks",
    "x-authentik-meta-outpost",
    "x-authentik-meta-provider",
    "x-authentik-meta-version",
    "x-authentik-name",
    "x-authentik-uid",
    "x-authentik-username",
];

/// Names that CGI-like applications mistake for our headers (CVE-2026-39858, GHSA-f59h-q822-g45g).
const SPELLINGS: [&str; 10] = [
    "X-authentik-username",
    "X-Authentik-Username",
    "x-authentik-username",
    "X-AUTHENTIK-USERNAME",
    "X_authentik_username",
    "x_authentik-groups",
    "X-authentik_groups",
    "X_AUTHENTIK_JWT",
    "X-authentik-meta-app",
    "x-authentik-not-yet-invented",
];
