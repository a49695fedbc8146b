//! Signing keys that are set, removed or changed in authentik, which does not announce it: sign-ins
//! still work.

use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault, Signing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::Site;

const CLOSED: &str = "authentik_provider wiki;
     location / { proxy_pass http://app; }";

const DISCOVERY: &str = "/application/o/wiki/.well-known";
const TOKEN: &str = "/application/o/token/";

fn signed_with(signing: Signing, provider: &str) -> Site {
    Site::builder()
        .settings(move |settings, _| settings.providers[0].signing = signing)
        .provider(provider)
        .server(CLOSED)
        .start()
}

fn sign_with(site: &Site, signing: Signing) {
    site.sso.change(|settings| settings.providers[0].signing = signing);
}

#[test]
fn a_signing_key_that_is_set_or_removed_in_authentik_fails_no_sign_in() {
    use Signing::{Es256, Hs256, Rs256};
    for (before, after) in [(Hs256, Rs256), (Rs256, Hs256), (Rs256, Es256)] {
        let site = signed_with(before, "");
        site.signed_in();
        sign_with(&site, after);
        let exchanges = site.sso.count(TOKEN);
        // Both concurrent and later sign-ins.
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let trail = site.browser().open("/page");
                    assert_eq!(trail.status(), 200, "{before:?} {after:?}: {trail:#?}");
                });
            }
        });
        assert_eq!(site.browser().open("/page").status(), 200, "{before:?} {after:?}");
        assert_eq!(site.sso.count(TOKEN), exchanges + 7, "each code is exchanged once");
        assert!(site.sso.count(DISCOVERY) <= 2, "{} times", site.sso.count(DISCOVERY));
    }
}

#[test]
fn a_signing_key_that_is_removed_is_noticed_also_where_endpoints_are_written_by_hand() {
    let site = signed_with(
        Signing::Rs256,
        "authorization_endpoint %%SSO%%/application/o/authorize/;
         token_endpoint %%SSO%%/application/o/token/;
         end_session_endpoint %%SSO%%/application/o/wiki/end-session/;
         jwks_uri %%SSO%%/application/o/wiki/jwks/;",
    );
    site.signed_in();
    sign_with(&site, Signing::Hs256);
    assert_eq!(site.browser().open("/page").status(), 200);
    assert_eq!(site.sso.count(DISCOVERY), 0);
}

#[test]
fn a_signing_key_where_endpoints_are_written_by_hand_without_jwks_uri_is_named() {
    let site = signed_with(
        Signing::Rs256,
        "authorization_endpoint %%SSO%%/application/o/authorize/;
         token_endpoint %%SSO%%/application/o/token/;
         end_session_endpoint %%SSO%%/application/o/wiki/end-session/;",
    );
    let trail = site.browser().open("/page");
    assert_eq!(trail.status(), 502);
    let lines = site.error_log().lines_with("reason: token-signature");
    let cure = "signed with \"RS256\", which does not fit the provider's key; if endpoints are \
                set by hand, write jwks_uri <URL> too";
    assert!(lines[0].contains(cure), "{lines:?}");
}

#[test]
fn tokens_that_never_fit_make_nobody_fetch_more_than_once_a_minute() {
    let site = signed_with(Signing::Hs256, "");
    site.signed_in();
    site.sso.fault(Endpoint::Token, Fault::WrongSignature);
    for _ in 0..6 {
        let trail = site.browser().open("/page");
        assert_eq!(trail.status(), 502);
        assert!(trail.page().text().contains("token-signature"), "{}", trail.page().text());
    }
    assert_eq!(site.sso.count(DISCOVERY), 2, "once, and once more");
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn what_is_known_stays_while_authentik_does_not_say_anything_newer() {
    let site = signed_with(Signing::Hs256, "");
    site.signed_in();
    site.sso.fault(Endpoint::Discovery, Fault::Status(500));
    site.sso.fault_times(Endpoint::Token, Fault::WrongSignature, 1);
    assert_eq!(site.browser().open("/page").status(), 502);
    assert_eq!(site.browser().open("/page").status(), 200, "with what was known before");
}

#[test]
fn credentials_do_not_use_up_what_sign_ins_need() {
    let site = signed_with(Signing::Hs256, "");
    site.signed_in();
    // Only authentik can judge a stranger's tokens, whatever they contain.
    for token in ["eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.e30.c2ln"] {
        let stranger = site.get("/").header("Authorization", format!("Bearer {token}"));
        assert_eq!(stranger.send().status(), 401);
    }
    assert_eq!(site.sso.count(DISCOVERY), 1);

    // A correct password first yields a token that does not verify, and soon another one.
    sign_with(&site, Signing::Rs256);
    let password = format!("Basic {}", STANDARD.encode("bob:app-password-bob-key-0123456789"));
    let program = || site.get("/").header("Authorization", &password).send().status();
    assert_eq!(program(), 502, "its password is right");
    crate::harness::within(Duration::from_secs(20), "it fits", || program() == 200);

    sign_with(&site, Signing::Es256);
    assert_eq!(site.browser().open("/page").status(), 200, "a share of its own");
}
