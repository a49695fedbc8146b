//! The exchange of the code, and the handling of invalid tokens.

use authentik_standin::{Endpoint, Fault, Settings, WIKI_CLIENT_ID, WIKI_CLIENT_SECRET};
use serde_json::json;

use crate::error_pages::{assert_error_page, reasons};
use crate::harness::{Site, eventually, parameter};

#[test]
fn the_code_is_exchanged_with_exactly_the_request_that_authentik_expects() {
    // docs/protocol.md §4.4; a second Host broke logins in authentik 2026.8.0.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let authorize = browser.step("/page").location().to_owned();
    assert_eq!(browser.open(&authorize).status(), 200);

    let requests = site.sso.requests();
    let exchange: Vec<_> =
        requests.iter().filter(|seen| seen.path == "/application/o/token/").collect();
    assert_eq!(exchange.len(), 1);
    let exchange = exchange[0];
    assert_eq!((exchange.method.as_str(), exchange.http_version.as_str()), ("POST", "HTTP/1.1"));
    assert_eq!(exchange.headers_named("Host"), [site.sso.address().to_string()]);
    assert_eq!(exchange.headers_named("Content-Type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(exchange.headers_named("Authorization"), [""; 0]);
    assert_eq!(exchange.headers_named("Cookie"), [""; 0]);
    for (field, value) in [
        ("grant_type", "authorization_code"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("redirect_uri", &parameter(&authorize, "redirect_uri").expect("redirect_uri")),
    ] {
        assert_eq!(exchange.form_field(field).as_deref(), Some(value), "{field}");
    }
    let verifier = exchange.form_field("code_verifier").unwrap_or_default();
    assert!((43..=128).contains(&verifier.len()), "RFC 7636 section 4.1: {verifier}");
}

#[test]
fn a_token_that_is_not_right_opens_no_session_and_its_page_says_why() {
    let claim = |name: &str, value| Fault::Claim(name.to_owned(), value);
    check_faults(vec![
        (Fault::WrongIssuer, 502, "token-issuer"),
        (claim("iss", None), 502, "token-issuer"),
        (claim("iss", Some(json!(["x"]))), 502, "token-malformed"),
        (Fault::WrongAudience, 502, "token-audience"),
        (claim("aud", None), 502, "token-audience"),
        (claim("aud", Some(json!([]))), 502, "token-audience"),
        (Fault::WrongSignature, 502, "token-signature"),
        (Fault::WrongAlg, 502, "token-signature"),
        (Fault::AlgNone, 502, "token-signature"),
        (Fault::Expired, 502, "token-time"),
        (Fault::MissingExp, 502, "token-malformed"),
        (claim("exp", Some(json!("tomorrow"))), 502, "token-malformed"),
        (Fault::WrongNonce, 502, "token-nonce"),
        (Fault::NoNonce, 502, "token-nonce"),
        (claim("sub", None), 502, "token-malformed"),
        (claim("preferred_username", None), 502, "token-username"),
        (claim("preferred_username", Some(json!(""))), 502, "token-username"),
        (claim("groups", Some(json!("admins"))), 502, "token-malformed"),
        (claim("preferred_username", Some(json!("admin\u{1}"))), 502, "token-malformed"),
        (claim("preferred_username", Some(json!("admin\u{a0}"))), 502, "token-malformed"),
        (claim("groups", Some(json!(["\u{200b}admins"]))), 502, "token-malformed"),
        (claim("email", Some(json!("ceo@example.test "))), 502, "token-malformed"),
        (claim("groups", Some(json!(["admins\n"]))), 502, "token-malformed"),
        (claim("entitlements", Some(json!([" write"]))), 502, "token-malformed"),
    ]);
}

#[test]
fn an_answer_that_is_not_the_protocol_is_a_page_that_says_to_try_again() {
    check_faults(vec![
        (Fault::OmitAccessToken, 503, "core-garbage"),
        (Fault::NotJson, 503, "core-garbage"),
        (Fault::Truncated, 503, "core-unreachable"),
        (Fault::HugeBody(4_000_000), 503, "core-garbage"),
        (Fault::Garbage, 503, "core-unreachable"),
        (Fault::HtmlError(200), 503, "core-garbage"),
        (Fault::HtmlError(404), 502, "core-mismatch"),
        (Fault::HtmlError(502), 503, "core-unreachable"),
        (Fault::Status(500), 503, "core-unreachable"),
        (Fault::Status(302), 502, "core-mismatch"),
        (Fault::Hangup, 503, "core-unreachable"),
    ]);
}

#[test]
fn a_wrong_client_secret_is_told_apart_from_a_wrong_code() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    site.sso.change(|settings: &mut Settings| {
        settings.providers[0].client_secret = "changed in authentik".to_owned();
    });
    let trail = site.browser().open("/page");
    assert_eq!(trail.status(), 502);
    assert!(trail.page().text().contains("client-rejected"), "{}", trail.page().text());

    site.sso.change(|settings| {
        settings.providers[0].client_secret = WIKI_CLIENT_SECRET.to_owned();
        settings.providers[0].access_code_seconds = 0;
    });
    let trail = site.browser().open("/page");
    assert_eq!(trail.status(), 400);
    assert!(trail.page().text().contains("code-rejected"), "{}", trail.page().text());
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn metadata_of_another_issuer_are_not_believed() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    site.sso.fault(Endpoint::Discovery, Fault::WrongIssuer);

    let response = site.browser().step("/page");

    assert_eq!(response.status(), 502);
    assert_error_page(&response);
    assert!(response.text().contains("core-mismatch"), "{}", response.text());
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_user_who_is_refused_by_authentik_stays_there() {
    // docs/protocol.md §4.3.
    let site = Site::builder()
        .settings(|settings, _| settings.providers[0].only_groups = vec!["staff".to_owned()])
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let mut alice = site.browser();
    alice.become_user("alice");

    let trail = alice.open("/page");

    assert_eq!(trail.address().path(), "/application/o/authorize/");
    assert_eq!(alice.session_cookies(), []);
    assert_eq!(site.app.hits(), 0);
    site.signed_in_as("bob");
}

#[test]
fn no_secret_is_in_any_log() {
    let site = Site::start(
        "access_log access.log combined;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    assert_eq!(browser.open(&callback).status(), 200);
    let session = browser.session_cookies().remove(0);
    let by_signature = callback.replace("/outpost.goauthentik.io/callback", "/any/path");
    browser.open(&by_signature);
    site.sso.fault(Endpoint::Token, Fault::WrongSignature);
    site.browser().open("/page");
    let token = browser.get("/").send();
    assert_eq!(token.status(), 200);
    let token = site.app.last().header("X-authentik-jwt").map(str::to_owned);
    browser.step("/outpost.goauthentik.io/sign_out");

    let exchange = site.sso.requests().into_iter().find(|seen| seen.path.ends_with("/token/"));
    let verifier = exchange.and_then(|seen| seen.form_field("code_verifier"));
    eventually("the requests themselves are logged", || {
        site.file("access.log").lines().count() == 10
    });
    let logs = site.error_log().text() + &site.file("access.log");
    for (what, secret) in [
        ("client secret", Some(WIKI_CLIENT_SECRET.to_owned())),
        ("code verifier", verifier),
        ("code", parameter(&callback, "code")),
        ("state", parameter(&callback, "state")),
        ("token", token),
        ("session cookie", Some(session.value)),
    ] {
        let secret = secret.unwrap_or_else(|| panic!("no {what}"));
        let lines: Vec<&str> = logs.lines().filter(|line| line.contains(&secret)).collect();
        assert!(lines.is_empty(), "{what} in {lines:#?}");
    }
}

#[test]
fn our_own_debug_lines_hold_no_secret_either() {
    // nginx's own debug lines contain every header; ours begin with the module's name.
    let site = Site::start(
        "error_log error.log debug;
         authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/page");
    assert_eq!(browser.open(&callback).status(), 200);

    let lines = site.error_log().lines_with("authentik: ");
    assert!(!lines.is_empty());
    for secret in [parameter(&callback, "code"), parameter(&callback, "state")] {
        let secret = secret.expect("code and state");
        for line in &lines {
            assert!(!line.contains(&secret), "{line}");
        }
    }
}

fn check_faults(cases: Vec<(Fault, u16, &str)>) {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    site.signed_in(); // discovery is done: the faults are those of the token endpoint
    let mut failures = Vec::new();
    for (fault, status, reason) in cases {
        site.sso.clear_faults();
        site.sso.fault(Endpoint::Token, fault.clone());
        let mut browser = site.browser();
        let trail = browser.open("/page");
        if trail.status() != status || !trail.page().text().contains(reason) {
            let text = trail.page().text();
            let got = reasons().into_iter().find(|reason| text.contains(reason));
            failures.push(format!("{fault:?}: {status} {reason}, got {} {got:?}", trail.status()));
            continue;
        }
        assert_error_page(trail.page());
        let retry = trail.page().header("retry-after").is_some();
        assert_eq!(retry, status == 503, "{fault:?}: Retry-After");
        assert_eq!(browser.session_cookies(), [], "{fault:?}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(site.app.hits(), 0);
    site.sso.clear_faults();
    assert_eq!(site.browser().open("/page").status(), 200);
}
