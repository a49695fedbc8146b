//! Codes, tokens and states that are somebody else's, old, or used twice.

use std::collections::BTreeSet;

use authentik_standin::{Endpoint, Fault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

use super::{CLOSED, WITH_OPEN_PATHS, assert_untouched};
use crate::error_pages::assert_error_page;
use crate::harness::{Site, parameter};

#[test]
fn s38_every_sign_in_sends_s256_and_the_verifier_that_belongs_to_it() {
    // CVE-2023-48228, CVE-2024-23647: one server let clients omit PKCE, another accepted an
    // exchange without a verifier.
    let site = Site::start(WITH_OPEN_PATHS);
    site.sso.fault_times(Endpoint::Token, Fault::WrongNonce, 1); // one of them fails
    for page in [
        "/page",
        "/outpost.goauthentik.io/start?rd=/page",
        "/outpost.goauthentik.io/start?code_challenge_method=plain&code_challenge=x&rd=/",
        "/any?X-authentik-logout=true",
    ] {
        let mut browser = site.browser();
        let authorize = browser.step(page).location().to_owned();
        assert_eq!(parameter(&authorize, "code_challenge_method").as_deref(), Some("S256"));
        let challenge = parameter(&authorize, "code_challenge").expect("a challenge");
        site.sso.forget_requests();
        browser.open(&authorize);

        let requests = site.sso.requests();
        let exchanges: Vec<_> =
            requests.iter().filter(|seen| seen.path == "/application/o/token/").collect();
        assert_eq!(exchanges.len(), 1, "{page}");
        let verifier = exchanges[0].form_field("code_verifier").expect("a verifier");
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        assert_eq!(URL_SAFE_NO_PAD.encode(hash), challenge, "{page}");
    }
}

#[test]
fn s39_a_logout_token_that_somebody_posts_ends_no_session() {
    // A valid token of the user's own, but not a logout token. For logout tokens, see
    // `logout::bad_tokens`.
    let site = Site::start(CLOSED);
    let alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);
    let token = site.app.last().header("X-authentik-jwt").expect("a token").to_owned();
    site.app.forget();
    for path in [
        "/outpost.goauthentik.io/sign_out",
        "/outpost.goauthentik.io/callback",
        "/outpost.goauthentik.io/start",
        "/outpost.goauthentik.io/ping",
        "/outpost.goauthentik.io/backchannel_logout",
        "/outpost.goauthentik.io/backchannel-logout",
        "/backchannel-logout",
        "/any?X-authentik-logout=true",
    ] {
        for (target, body) in [
            (path.to_owned(), format!("logout_token={token}")),
            (
                format!("{path}{}logout_token={token}", if path.contains('?') { '&' } else { '?' }),
                { String::new() },
            ),
        ] {
            let request = site.request("POST", &target).body(&body);
            let form = ("Content-Type", "application/x-www-form-urlencoded");
            let status = request.headers(&[form]).status();
            assert!(status < 500, "{target:.60}: {status}");
        }
    }
    assert_untouched(&site, "logout tokens");
    assert_eq!(alice.get("/").status(), 200, "she is still signed in");
}

#[test]
fn s40_a_repeated_parameter_is_refused_before_anything_is_done_with_it() {
    // mod_auth_openidc, August 2026: the last of two values won.
    let site = Site::start(CLOSED);
    let mut browser = site.browser();
    let trail = browser.open_until("/page", |url| url.path().ends_with("/callback"));
    let callback = trail.page().location().to_owned();
    let state = parameter(&callback, "state").expect("a state");
    let code = parameter(&callback, "code").expect("a code");
    for doubled in [
        format!("&state={state}"),
        "&state=x".to_owned(),
        "&state=".to_owned(),
        format!("&code={code}"),
        "&code=x".to_owned(),
        "&c%6Fde=x".to_owned(),
        "&error=a&error=b".to_owned(),
    ] {
        for target in [format!("{callback}{doubled}"), callback.replacen('?', &lead(&doubled), 1)] {
            let mut browser = browser.clone();
            let response = browser.step(&target);
            assert_eq!(response.status(), 400, "{doubled}");
            assert_error_page(&response);
            assert_eq!(browser.session_cookies(), [], "{doubled}");
        }
    }
    assert_eq!(site.sso.count("/application/o/token/"), 0, "no code was tried");
    assert_eq!(browser.step(&callback).status(), 302, "alone it is a good one");
    assert_untouched(&site, "callbacks");

    let start = "/outpost.goauthentik.io/start?rd=/one&rd=/two";
    assert_eq!(site.browser().open(start).address().path(), "/");
}

#[test]
fn s44_no_two_states_share_a_nonce_and_a_state_of_another_provider_does_not_open() {
    // CVE-2021-32791: AES-GCM with a constant IV and constant associated data.
    let site = Site::builder()
        .http(
            "authentik_provider twin {
                 issuer %%SSO%%/application/o/twin/;
                 client_id twin-client-id;
                 client_secret_file %%PREFIX%%/wiki.secret; # the same key material
                 external_host http://wiki.test:%%PORT%%;
             }",
        )
        .settings(|settings, ports| {
            let url = format!("http://wiki.test:{}", ports.main);
            let mut twin = authentik_standin::ProviderSettings::new("twin", &url);
            twin.client_secret = authentik_standin::WIKI_CLIENT_SECRET.to_owned();
            settings.providers.push(twin);
        })
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /twin/ { authentik_provider twin; proxy_pass http://app; }",
        )
        .start();
    let state_of = |page: &str| {
        let response = site.navigate(page).send();
        parameter(response.location(), "state").expect("a state")
    };
    let nonce = |state: &str| {
        let (_, sealed) = state.split_once('.').expect("a tag");
        URL_SAFE_NO_PAD.decode(sealed).expect("base64url")[..12].to_owned()
    };
    let nonces: BTreeSet<Vec<u8>> =
        (0..300).map(|i| nonce(&state_of(if i % 2 == 0 { "/page" } else { "/twin/" }))).collect();
    assert_eq!(nonces.len(), 300);

    let mut browser = site.browser();
    let trail = browser.open_until("/twin/", |url| url.path().ends_with("/callback"));
    let callback = trail.page().location().to_owned();
    let (twin, wiki) = (parameter(&callback, "state").expect("a state"), state_of("/page"));
    let (tag, sealed) = (&wiki[..8], &twin[8..]);
    let response = browser.step(&callback.replace(&twin, &format!("{tag}{sealed}")));
    assert_eq!(response.status(), 400);
    assert!(response.text().contains("state-foreign"), "{}", response.text());
    assert_eq!(site.sso.count("/application/o/token/"), 0);
    assert_untouched(&site, "states");
}

/// Puts the parameters before the others.
fn lead(parameters: &str) -> String {
    format!("?{}&", parameters.trim_start_matches('&'))
}
