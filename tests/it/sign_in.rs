//! Signing in, from the first request to the requested page.

use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault, Settings, Signing, WIKI_CLIENT_ID, WIKI_CLIENT_SECRET};
use url::Url;

use crate::harness::{Site, eventually, parameter};

#[test]
fn a_visitor_is_sent_straight_to_authentik_with_pkce_nonce_and_state() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );

    let first = site.navigate("/page").send();
    let second = site.navigate("/page").send();

    assert_eq!(first.status(), 302);
    let authorize = Url::parse(first.location()).expect("a URL");
    assert_eq!(authorize.path(), "/application/o/authorize/");
    let given = |name: &str| parameter(first.location(), name).unwrap_or_default();
    assert_eq!(given("client_id"), authentik_standin::WIKI_CLIENT_ID);
    assert_eq!(given("response_type"), "code");
    assert_eq!(given("code_challenge_method"), "S256");
    assert_eq!(given("code_challenge").len(), 43, "SHA-256 in base64url (RFC 7636 section 4.2)");
    let callback = "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true";
    assert_eq!(given("redirect_uri"), format!("{}{callback}", site.url()));
    let scope = given("scope");
    let mut scopes: Vec<&str> = scope.split(' ').collect();
    scopes.sort_unstable();
    let expected = ["ak_proxy", "email", "entitlements", "offline_access", "openid", "profile"];
    assert_eq!(scopes, expected);
    for fresh in ["state", "nonce", "code_challenge"] {
        assert!(given(fresh).len() >= 22, "{fresh}: {}", given(fresh));
        assert_ne!(parameter(second.location(), fresh), parameter(first.location(), fresh));
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_sign_in_returns_to_the_page_that_was_asked_for() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for page in ["/", "/page", "/page?x=1&y=a%20b+c&z=%C3%BC", "/a%2Fb/", "/?rd=https://evil.test/"]
    {
        site.app.forget();
        let trail = site.browser().open(page);

        assert_eq!(trail.status(), 200, "{page}");
        assert_eq!(trail.address().as_str(), format!("{}{page}", site.url()));
        assert_eq!(trail.addresses().len(), 4, "page, authorize, callback, page");
        assert_eq!(site.app.hits(), 1, "{page}");
        assert_eq!(site.app.last().target, page);
    }
}

#[test]
fn the_session_cookie_is_narrow() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );

    let cookie = site.signed_in().session_cookies().remove(0);

    assert_eq!((cookie.path.as_str(), cookie.host_only), ("/", true));
    assert!(cookie.http_only);
    assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
    assert!(!cookie.secure, "external_host is http");
    let seconds = cookie.max_age.expect("Max-Age");
    assert!((3_500..=3_600).contains(&seconds), "{seconds} s of a token that lives for an hour");
    assert!(cookie.value.len() >= 22, "at least 128 bits: {}", cookie.value);
}

#[test]
fn a_new_sign_in_gets_a_new_session_id_and_ends_the_old_session() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.signed_in();
    let before = browser.clone();

    assert_eq!(browser.open("/outpost.goauthentik.io/start?rd=/").status(), 200);

    assert_ne!(browser.session_cookies(), before.session_cookies());
    assert_eq!(browser.session_cookies().len(), 1);
    assert_eq!(before.get("/").status(), 401, "the old one is over");
    assert_eq!(browser.get("/").status(), 200);
}

#[test]
fn a_session_of_one_provider_opens_nothing_of_another() {
    let site = Site::builder()
        .settings(|settings: &mut Settings, ports| {
            let url = format!("http://wiki.test:{}", ports.main);
            settings.providers.push(authentik_standin::ProviderSettings::new("admin", &url));
        })
        .http(
            "authentik_provider admin {
                 issuer %%SSO%%/application/o/admin/;
                 client_id admin-client-id;
                 client_secret admin-client-secret;
                 external_host http://wiki.test:%%PORT%%;
             }",
        )
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /admin/ { authentik_provider admin; proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();
    let wiki = alice.session_cookies().remove(0);

    assert_eq!(alice.get("/admin/").status(), 401);
    // docs/protocol.md §6.1: the cookie's name is SHA-256 of the client id.
    let thief = site.get("/admin/").header("Cookie", format!("{ADMIN_COOKIE}={}", wiki.value));
    assert_eq!(thief.status(), 401);
    assert_eq!(site.app.hits(), 0);
    let mut browser = site.browser();
    assert_eq!(browser.open("/admin/").status(), 200);
    assert_eq!(browser.session_cookies()[0].name, ADMIN_COOKIE);
    assert_eq!(site.app.last().header("X-authentik-meta-provider"), Some("admin"));
}

#[test]
fn a_session_of_one_issuer_opens_nothing_of_another_with_the_same_client_id() {
    let site = Site::builder()
        .http(&format!(
            "authentik_provider twin {{
                 issuer %%SSO%%/application/o/twin/;
                 client_id {WIKI_CLIENT_ID};
                 client_secret {WIKI_CLIENT_SECRET};
                 external_host http://wiki.test:%%PORT%%;
             }}"
        ))
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /twin/ { authentik_provider twin; proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();

    assert_eq!(alice.get("/twin/").status(), 401, "the cookie has the same name");
    assert_eq!(site.app.hits(), 0);
    assert_eq!(alice.get("/").status(), 200, "and still counts where it was got");
}

#[test]
fn a_session_ends_when_its_token_does() {
    let site = Site::builder()
        .settings(|settings, _| settings.providers[0].access_token_seconds = 6)
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();

    // A few seconds, for a busy machine to get here in time; they are whole seconds.
    assert_eq!(alice.get("/").status(), 200);
    eventually("the session is over", || alice.get("/").status() == 401);
}

#[test]
fn tokens_signed_with_a_published_key_are_accepted_also_after_a_key_change() {
    for signing in [Signing::Rs256, Signing::Es256] {
        let site = Site::builder()
            .settings(move |settings, _| settings.providers[0].signing = signing)
            .server(
                "authentik_provider wiki;
                 location / { proxy_pass http://app; }",
            )
            .start();

        assert_eq!(site.browser().open("/").status(), 200, "{signing:?}");
        assert_eq!(site.browser().open("/").status(), 200, "{signing:?}");
        let fetched = site.sso.count("/application/o/wiki/jwks/");
        assert!((1..=2).contains(&fetched), "{signing:?}: keys fetched {fetched} times");
        site.sso.rotate_keys();
        assert_eq!(site.browser().open("/").status(), 200, "{signing:?}: new keys");
    }
}

#[test]
fn endpoints_given_by_hand_need_no_discovery() {
    let jwks_uri = "jwks_uri %%SSO%%/application/o/wiki/jwks/;";
    for (signing, keys) in [(Signing::Hs256, ""), (Signing::Rs256, jwks_uri)] {
        let site = Site::builder()
            .settings(move |settings, _| settings.providers[0].signing = signing)
            .provider(&format!(
                "authorization_endpoint %%SSO%%/application/o/authorize/;
                 token_endpoint %%SSO%%/application/o/token/;
                 end_session_endpoint %%SSO%%/application/o/wiki/end-session/;
                 {keys}"
            ))
            .server(
                "authentik_provider wiki;
                 location / { proxy_pass http://app; }",
            )
            .start();

        assert_eq!(site.browser().open("/page").status(), 200, "{signing:?}");
        assert_eq!(site.sso.count("/application/o/wiki/.well-known"), 0, "{signing:?}");
    }
}

#[test]
fn discovery_is_asked_for_once_however_many_wait_for_it() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    site.sso.fault(Endpoint::Discovery, Fault::Slow(Duration::from_millis(500)));

    thread::scope(|scope| {
        let visitors: Vec<_> =
            (0..20).map(|_| scope.spawn(|| site.browser().open("/page").status())).collect();
        for visitor in visitors {
            assert_eq!(visitor.join().expect("a visitor"), 200);
        }
    });

    let discovery = "/application/o/wiki/.well-known/openid-configuration";
    assert_eq!(site.sso.concurrency_peak(discovery), 1, "one at a time over all workers");
    assert!(site.sso.count(discovery) <= 2, "each worker at most once");
}

/// `authentik_proxy_` and the first 8 hex digits of SHA-256("admin-client-id").
const ADMIN_COOKIE: &str = "authentik_proxy_165dd56c";
