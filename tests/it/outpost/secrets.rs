//! authentik does not announce a new client secret or signing key: sign-ins discover it, and
//! succeed.

use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault, Signing, WIKI_CLIENT_ID};

use super::{connected, started};
use crate::harness::{Site, eventually};
use crate::header_auth::token;

const TOKEN: &str = "/application/o/token/";
const PROVIDERS: &str = "/api/v3/outposts/proxy/";

/// A site that has finished all requested refreshes.
fn settled() -> Site {
    let site = started(connected());
    site.sso.await_connections(1, Duration::from_secs(10));
    thread::sleep(Duration::from_secs(3));
    site
}

fn sign_in_many(site: &Site) {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let trail = site.browser().open("/page");
                assert_eq!(trail.status(), 200, "{trail:#?}");
            });
        }
    });
}

#[test]
fn a_client_secret_that_is_new_in_authentik_is_noticed_by_nobody() {
    let site = settled();
    let mut browser = site.browser();
    let callback = browser.open_until_callback("/begun");
    let (exchanges, read) = (site.sso.count(TOKEN), site.sso.count(PROVIDERS));
    site.sso.change(|settings| settings.providers[0].client_secret = "x".repeat(64));
    assert_eq!(browser.open(&callback).status(), 200, "begun before");
    assert_eq!(site.sso.count(TOKEN), exchanges + 2, "the code is good still");
    sign_in_many(&site);
    assert!(site.sso.count(PROVIDERS) <= read + 1, "read once");
    assert!(site.error_log().lines_with("client-rejected").is_empty());
}

#[test]
fn a_client_secret_that_changes_again_within_a_minute_is_noticed_by_nobody() {
    let site = started(connected().workers(1));
    site.sso.await_connections(1, Duration::from_secs(10));
    site.signed_in();
    for secret in ["x", "y", "z"] {
        let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
        site.sso.change(|settings| settings.providers[0].client_secret = secret.repeat(64));
        let trail = site.browser().open("/page");
        assert_eq!(trail.status(), 200, "{secret}: {trail:#?}");
        assert_eq!(site.get("/page").header("Authorization", bearer).status(), 200, "{secret}");
    }
    for secret in ["u", "v", "w"] {
        let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
        site.sso.change(|settings| settings.providers[0].client_secret = secret.repeat(64));
        let answer = site.get("/page").header("Authorization", bearer).send();
        assert_eq!(answer.status(), 200, "{secret}: {}", answer.text());
    }
    assert!(site.error_log().lines_with("client-rejected").is_empty());
}

#[test]
fn a_signing_key_that_is_new_or_gone_in_authentik_is_noticed_by_nobody() {
    for (before, after) in [(Signing::Hs256, Signing::Rs256), (Signing::Rs256, Signing::Hs256)] {
        let builder = connected().settings(move |settings, _| {
            settings.providers[0].signing = before;
        });
        let site = started(builder);
        site.signed_in();
        site.sso.change(|settings| settings.providers[0].signing = after);
        let exchanges = site.sso.count(TOKEN);
        sign_in_many(&site);
        assert_eq!(site.sso.count(TOKEN), exchanges + 8, "each code is exchanged once");
        assert!(site.error_log().lines_with("token-signature").is_empty());
    }
}

#[test]
fn a_client_that_authentik_rejects_all_the_same_makes_nobody_ask_more_than_once_a_minute() {
    let site = settled();
    let read = site.sso.count(PROVIDERS);
    site.sso.change(|settings| settings.providers[0].client_secret = "x".repeat(64));
    // The new settings cannot be read.
    site.sso.fault(Endpoint::Providers, Fault::Status(500));
    for _ in 0..6 {
        let trail = site.browser().open("/page");
        assert_eq!(trail.status(), 502, "{trail:#?}");
        assert!(trail.page().text().contains("client-rejected"), "{}", trail.page().text());
    }
    assert!(site.sso.count(PROVIDERS) <= read + 5, "by time and by one call");
    assert_eq!(site.app.hits(), 0);
    site.sso.clear_faults();
    site.sso.push_update();
    eventually("sign-ins work", || site.browser().open("/page").status() == 200);
}

#[test]
fn a_slug_that_is_new_in_authentik_fails_one_sign_in_and_not_those_of_five_minutes() {
    let site = settled();
    site.sso.change(|settings| settings.providers[0].slug = "renamed".to_owned());
    let trail = site.browser().open("/page");
    assert_eq!(trail.status(), 502);
    assert!(trail.page().text().contains("token-issuer"), "{}", trail.page().text());
    eventually("the next one works", || site.browser().open("/page").status() == 200);
}

#[test]
fn a_client_secret_that_is_new_in_authentik_keeps_no_program_out() {
    let site = settled();
    let bearer = |_| format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
    let bearers: Vec<String> = (0..8).map(bearer).collect();
    let read = site.sso.count(PROVIDERS);
    site.sso.change(|settings| settings.providers[0].client_secret = "x".repeat(64));
    // To a client with the old secret, authentik calls every token inactive.
    thread::scope(|scope| {
        for bearer in &bearers {
            let site = &site;
            scope.spawn(move || {
                let answer = site.get("/page").header("Authorization", bearer).send();
                assert_eq!(answer.status(), 200, "{}", answer.text());
            });
        }
    });
    assert!(site.sso.count(PROVIDERS) <= read + 1, "read once");
    assert!(site.error_log().lines_with("client-rejected").is_empty());
}

#[test]
fn a_password_whose_token_is_signed_with_a_new_secret_keeps_no_program_out() {
    let site = settled();
    // bob:app-password-bob-key-0123456789
    let password = "Basic Ym9iOmFwcC1wYXNzd29yZC1ib2Ita2V5LTAxMjM0NTY3ODk=";
    site.sso.change(|settings| settings.providers[0].client_secret = "x".repeat(64));
    assert_eq!(site.get("/page").header("Authorization", password).send().status(), 200);
}

#[test]
fn made_up_tokens_make_nobody_ask_who_we_are_more_than_once_a_minute() {
    let site = settled();
    let (read, asked) = (site.sso.count(PROVIDERS), site.sso.count(TOKEN));
    for number in 0..20 {
        let made_up = format!("Bearer made-up-{number}");
        assert_eq!(site.get("/page").header("Authorization", made_up).send().status(), 401);
    }
    assert_eq!(site.sso.count(TOKEN), asked + 1, "once");
    assert_eq!(site.sso.count(PROVIDERS), read, "authentik knows us: nothing is read");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_program_is_not_told_that_its_token_is_bad_where_it_is_our_secret() {
    let site = settled();
    let bearer = format!("Bearer {}", token(&site, WIKI_CLIENT_ID));
    site.sso.change(|settings| settings.providers[0].client_secret = "x".repeat(64));
    // The new settings cannot be read.
    site.sso.fault(Endpoint::Providers, Fault::Status(500));
    let answer = site.get("/page").header("Authorization", bearer).send();
    assert_eq!(answer.status(), 502);
    assert!(answer.text().contains("client-rejected"), "{}", answer.text());
    let lines = site.error_log().lines_with("credentials not checked");
    assert!(lines[0].contains("[error]") && lines[0].contains("client_secret"), "{lines:?}");
    assert_eq!(site.app.hits(), 0);
}
