//! Header authentication: clients that send `Authorization` instead of a session cookie.

use std::net::SocketAddr;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault, ProviderSettings, WIKI_CLIENT_ID};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Request, Response, Site, eventually, within};
use crate::status::status;

const PROTECTED: &str = "authentik_provider wiki;
     authentik_unauth_paths ^/public/;
     location / { proxy_pass http://app; }";

const APP_PASSWORD: &str = "app-password-bob-key-0123456789";

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// An access token of bob for this client.
pub(crate) fn token(site: &Site, client_id: &str) -> String {
    let address: SocketAddr = site.sso.address();
    let body = format!(
        "grant_type=client_credentials&client_id={client_id}&username=bob\
         &password={APP_PASSWORD}&scope=openid+profile+email+entitlements+ak_proxy"
    );
    let request = Request::new(address, "POST", &address.to_string(), "/application/o/token/")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body);
    let answer: serde_json::Value = serde_json::from_str(&request.send().text()).expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

#[test]
fn a_token_of_the_provider_is_an_identity_and_does_not_reach_the_application() {
    let site = Site::start(PROTECTED);
    let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));

    let first = site.get("/api").header("Authorization", &bearer).send();
    let second = site.get("/api").header("Authorization", &bearer).send();

    assert_eq!((first.status(), second.status()), (200, 200));
    assert_eq!(site.app.hits(), 2);
    let received = site.app.last();
    assert_eq!(received.header("X-authentik-username"), Some("bob"));
    assert_eq!(received.header("Authorization"), None);
    assert_eq!(site.sso.count("/application/o/introspect/"), 1, "the answer is kept");
    let offered = |answer: &Response| {
        let cookie = answer.header("Set-Cookie").expect("a session is offered").to_owned();
        cookie.split(';').next().expect("a cookie").to_owned()
    };
    assert!(offered(&first).starts_with("authentik_proxy_"));
    assert_eq!(offered(&first), offered(&second), "one session is enough");
    assert_eq!(site.get("/api").header("Cookie", offered(&second)).status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"));
}

#[test]
fn a_token_of_another_provider_is_worth_nothing() {
    // CVE-2024-47077 (S35).
    let site = Site::builder()
        .server(PROTECTED)
        .settings(|settings, _| {
            settings.providers.push(ProviderSettings::new("other", "http://other.test"));
        })
        .start();
    let bearer = format!("Bearer {}", token(&site, "other-client-id"));

    let answer = site.get("/api").header("Authorization", &bearer).send();

    assert_eq!(answer.status(), 401);
    assert!(answer.text().contains("credentials-rejected"), "{}", answer.text());
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn an_app_password_is_an_identity_and_the_accounts_password_is_not() {
    let site = Site::start(PROTECTED);
    let by_token = basic("goauthentik.io/token", &token(&site, WIKI_CLIENT_ID));
    for (credentials, status) in [
        (basic("bob", APP_PASSWORD), 200),
        (by_token, 200),
        (basic("bob", "bob-test-password"), 401),
        (basic("BOB", APP_PASSWORD), 401),
        (basic("bob", ""), 401),
        ("Basic !!!".to_owned(), 401),
        ("Bearer garbage".to_owned(), 401),
    ] {
        site.app.forget();
        let answer = site.get("/api").header("Authorization", &credentials).send();
        assert_eq!(answer.status(), status, "{credentials}: {}", answer.text());
        assert_eq!(site.app.hits(), u64::from(status == 200), "{credentials}");
        if status == 200 {
            assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"));
            assert_eq!(site.app.last().header("Authorization"), None);
        }
    }
}

#[test]
fn a_no_is_remembered_for_a_while() {
    let site = Site::start(PROTECTED);

    for _ in 0..6 {
        let request = site.get("/api").header("Authorization", basic("bob", "wrong"));
        assert_eq!(request.status(), 401);
    }

    assert_eq!(site.sso.count("/application/o/token/"), 1);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn credentials_have_one_session_however_they_are_spelled_and_however_often_they_are_asked_about() {
    let site = Site::builder()
        .server(&format!(
            "{PROTECTED}
             location = /status.json {{ authentik_provider off; authentik_status format=json; }}"
        ))
        .start();
    let right = basic("bob", APP_PASSWORD);
    let ask = |header: &str| {
        let answer = site.get("/api").header("Authorization", header).send();
        assert_eq!(answer.status(), 200, "{header}");
        let cookie = answer.header("Set-Cookie").expect("a session is offered");
        cookie.split(';').next().expect("a cookie").to_owned()
    };

    let session = ask(&right);
    for spelling in [&right, &right.replace("Basic ", "basic   "), &format!("{right} ")] {
        assert_eq!(ask(spelling), session, "{spelling}");
    }
    assert_eq!(site.sso.count("/application/o/token/"), 1);
    // Until authentik is asked again.
    within(KEPT, "the answer is forgotten", || {
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(ask(&right), session);
        site.sso.count("/application/o/token/") == 2
    });
    assert_eq!(status(&site)["zone"]["sessions"], 1);

    // After a sign-out, the session stays dead, and the next one is different.
    let out = site.get("/outpost.goauthentik.io/sign_out").header("Cookie", &session);
    assert_eq!(out.status(), 302);
    assert_ne!(ask(&right), session);
    assert_eq!(site.get("/api").header("Cookie", &session).status(), 401);
    assert_eq!(status(&site)["zone"]["sessions"], 1);
}

/// Answers are valid for a minute; the machine may be busy.
const KEPT: Duration = Duration::from_secs(150);

#[test]
fn authentik_is_asked_once_however_many_requests_bring_the_same_credentials() {
    let site = Site::start(PROTECTED);
    site.sso.fault(Endpoint::Token, Fault::Slow(Duration::from_millis(600)));

    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let request = site.get("/api").header("Authorization", basic("bob", APP_PASSWORD));
                assert_eq!(request.status(), 200);
            });
        }
    });

    assert_eq!(site.sso.count("/application/o/token/"), 1);
    assert_eq!(site.app.hits(), 20);
}

#[test]
fn a_session_wins_and_the_header_is_the_applications() {
    let site = Site::start(PROTECTED);
    let alice = site.signed_in();

    let request = alice.get("/").header("Authorization", basic("bob", APP_PASSWORD));
    assert_eq!(request.status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("X-authentik-username"), Some("alice"));
    assert!(received.header("Authorization").is_some());
}

#[test]
fn where_it_is_off_the_header_is_not_checked_and_goes_to_the_application() {
    let site = Site::builder()
        .http("authentik_header_auth off;")
        .server(
            "authentik_provider wiki;
             authentik_unauth_paths ^/public/;
             location / { proxy_pass http://app; }
             location /api/ { authentik_header_auth on; proxy_pass http://app; }",
        )
        .start();
    let right = basic("bob", APP_PASSWORD);

    let refused = site.get("/page").header("Authorization", &right).send();
    assert_eq!(refused.status(), 401);
    assert!(refused.text().contains("no-session"), "{}", refused.text());
    assert_eq!(refused.header("WWW-Authenticate"), None, "none would do");
    assert_eq!(site.app.hits(), 0);

    assert_eq!(site.get("/public/x").header("Authorization", &right).status(), 200);
    assert_eq!(site.app.last().header("Authorization"), Some(right.as_str()));
    assert_eq!(site.app.last().header("X-authentik-username"), None);
    assert_eq!(site.signed_in().get("/").header("Authorization", &right).status(), 200);
    assert_eq!(site.app.last().header("Authorization"), Some(right.as_str()));
    assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
    assert_eq!(site.sso.count("/application/o/introspect/"), 0);

    assert_eq!(site.get("/api/").header("Authorization", &right).status(), 200);
    assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"));
}

#[test]
fn an_internal_redirect_keeps_the_identity_of_accepted_credentials() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { try_files /none /inner; }
         location = /inner { proxy_pass http://app; }",
    );

    let request = site.get("/page").header("Authorization", basic("bob", APP_PASSWORD));
    assert_eq!(request.status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("X-authentik-username"), Some("bob"));
    assert_eq!(received.header("Authorization"), None);
}

#[test]
fn on_an_unauthenticated_path_unknown_credentials_pass_untouched() {
    let site = Site::start(PROTECTED);

    let request = site.get("/public/x").header("Authorization", "Bearer of-the-application");
    assert_eq!(request.status(), 200);

    let received = site.app.last();
    assert_eq!(received.header("Authorization"), Some("Bearer of-the-application"));
    assert_eq!(received.header("X-authentik-username"), None);
}

#[test]
fn while_authentik_is_away_credentials_are_neither_right_nor_wrong() {
    let site = Site::start(PROTECTED);
    assert_eq!(site.navigate("/").status(), 302); // the endpoints are known
    site.sso.down();

    let answer = site.get("/api").header("Authorization", basic("bob", APP_PASSWORD)).send();

    assert_eq!(answer.status(), 503);
    assert!(answer.header("Retry-After").is_some());
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn intercepting_decides_between_401_and_a_redirect() {
    for (lines, status) in [("", 401), ("intercept_header_auth off;", 302)] {
        let site = Site::builder().server(PROTECTED).provider(lines).start();

        let request = site.navigate("/page").header("Authorization", basic("bob", "wrong"));

        assert_eq!(request.status(), status, "{lines}");
        assert_eq!(site.app.hits(), 0);
    }
}

#[test]
fn a_flood_of_bad_credentials_does_not_hold_up_sign_ins() {
    let site = Site::start(PROTECTED);
    let known = site.signed_in();
    site.sso.fault(Endpoint::Introspect, Fault::Slow(Duration::from_secs(6)));

    std::thread::scope(|scope| {
        let site = &site;
        let ask = move |number: u32| {
            let request = site.get("/").header("Authorization", format!("Bearer {number}"));
            let status = request.status();
            assert!(matches!(status, 401 | 503), "{status}");
        };
        let flood: Vec<_> = (0..60).map(|number| scope.spawn(move || ask(number))).collect();
        eventually("authentik is asked", || site.sso.count("/application/o/introspect/") > 0);
        assert_eq!(known.get("/").status(), 200);
        assert_eq!(site.browser().open("/").status(), 200);
        assert!(!flood.iter().any(|one| one.is_finished()), "before the first of them is answered");
    });
}

#[test]
fn on_an_open_path_authentik_is_not_asked_and_the_header_is_the_applications() {
    let site = Site::start(PROTECTED);
    site.sso.fault(Endpoint::Introspect, Fault::Hang);
    site.sso.fault(Endpoint::Token, Fault::Hang);
    for (n, scheme) in ["Bearer", "Basic", "Bearer"].iter().enumerate() {
        let foreign = format!("{scheme} {}", STANDARD.encode(format!("of-the:application-{n}")));
        let answer = site.get("/public/api").header("Authorization", &foreign).send();
        assert_eq!(answer.status(), 200);
        let received = site.app.last();
        assert_eq!(received.header("Authorization"), Some(&*foreign));
        assert_eq!(received.header("X-authentik-username"), None);
    }
    assert_eq!(site.sso.count("/application/o/introspect/"), 0);
    assert_eq!(site.sso.count("/application/o/token/"), 0);
}

#[test]
fn what_is_known_of_credentials_counts_on_an_open_path_too() {
    let site = Site::start(PROTECTED);
    let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
    for (target, name, header) in [
        ("/public/x", None, Some(&*bearer)),
        ("/private", Some("bob"), None),
        ("/public/x", Some("bob"), None),
    ] {
        let answer = site.get(target).header("Authorization", &bearer).send();
        assert_eq!(answer.status(), 200, "{target}");
        let received = site.app.last();
        assert_eq!(received.header("X-authentik-username"), name, "{target}");
        assert_eq!(received.header("Authorization"), header, "{target}");
    }
    assert_eq!(site.sso.count("/application/o/introspect/"), 1);
}
