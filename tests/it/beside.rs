//! Loading the module changes nothing on servers that do not use it.

use crate::harness::{Builder, Site};

/// Other modules' variables with our names, on a server with these lines and one without.
fn with_variables_of_others(lines: &str) -> Builder {
    let others = "set $authentik_name 'by set';
         add_header X-Seen '$authentik_username|$authentik_email|$authentik_name|$authentik_uid|$authentik_groups' always;
         location ~ ^/named/(?<authentik_uid>[a-z]+)$ { proxy_pass http://app; }
         location / { proxy_pass http://app; }";
    Site::builder()
        .http(&format!(
            "map $arg_who $authentik_email {{ default mapped; jane jane@example.test; }}
             geo $authentik_groups {{ default everybody; }}
             server {{ listen 127.0.0.1:%%PORT2%%; {others} }}"
        ))
        .server(&format!("{lines} {others}"))
}

#[test]
fn variables_of_the_modules_names_are_whose_server_it_is() {
    let site = with_variables_of_others("authentik_provider wiki;").start();
    let alice = site.signed_in();
    let claims = |target: &str| {
        let seen = alice.get(target).send();
        assert_eq!(seen.status(), 200, "{target}");
        seen.header("X-Seen").unwrap_or_default().to_owned()
    };
    let own = claims("/?who=jane");
    assert_eq!(claims("/named/root"), own, "no part of the address is the user's id");
    let parts: Vec<&str> = own.split('|').collect();
    assert_eq!(parts[..3], ["alice", "alice@example.test", "Alice Plain"], "{own}");
    assert_eq!(site.app.last().header("X-authentik-uid"), Some(parts[3]));

    let elsewhere = |target: &str| {
        let seen = site.get(target).to(site.other_address()).send();
        assert_eq!(seen.status(), 200, "{target}");
        seen.header("X-Seen").unwrap_or_default().to_owned()
    };
    assert_eq!(elsewhere("/"), "|mapped|by set||everybody");
    assert_eq!(elsewhere("/?who=jane"), "|jane@example.test|by set||everybody");
    assert_eq!(elsewhere("/named/root"), "|mapped|by set|root|everybody");
}

#[test]
fn a_server_that_does_not_use_the_module_is_as_it_was() {
    let site = Site::builder()
        .http(
            "authentik_identity_headers Remote-User;
             authentik_unauthenticated redirect;
             server {
                 listen 127.0.0.1:%%PORT2%%;
                 location / { proxy_pass http://app; proxy_set_header Host $http_host; }
             }",
        )
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .start();
    let alice = site.signed_in();
    let session = alice.cookie_header().expect("a session");
    let headers = [
        ("X-authentik-username", "root"),
        ("X_Authentik_Groups", "admins"),
        ("Remote-User", "root"),
        ("X-Forwarded-Host", "other.test"),
        ("Cookie", session.as_str()),
    ];
    for target in [
        "/page?x=1",
        "/outpost.goauthentik.io/start?rd=/",
        "/outpost.goauthentik.io/callback?code=x&state=y",
        "/outpost.goauthentik.io/sign_out",
        "/outpost.goauthentik.io/ping",
        "/x?X-authentik-auth-callback=true&code=x&state=y",
        "/x?X-authentik-logout=true",
        "http://other.test/page",
    ] {
        let request = site.get(target).host("Some.Host:1").to(site.other_address());
        let response = request.headers(&headers).send();
        assert_eq!(response.status(), 200, "{target}");
        assert_eq!(response.all("Set-Cookie").count(), 0, "{target}");
        let received = site.app.last();
        assert!(target.ends_with(&received.target), "{target}: {}", received.target);
        for (name, value) in headers.iter().filter(|(name, _)| !name.contains('_')) {
            assert_eq!(received.all(name), [*value], "{target}: {name}");
        }
        assert_eq!(received.all("Host"), ["Some.Host:1"], "{target}");
    }
    assert_eq!(alice.get("/page").status(), 200, "nobody was signed out");
    let lines = site.error_log().lines_with("authentik:");
    assert_eq!(lines.len(), 1, "the sign-in alone: {lines:?}");
}
