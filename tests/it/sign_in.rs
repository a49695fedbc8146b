//! Signing in, from the first page to the page that was asked for.

use std::thread;
use std::time::Duration;

use authentik_standin::{Endpoint, Fault, Settings, Signing};
use url::Url;

use crate::harness::{Cookie, Response, Site, is_session, parameter};

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
    assert_eq!(scopes, ["ak_proxy", "email", "entitlements", "openid", "profile"]);
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
fn each_of_many_tabs_returns_to_its_own_page() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let tabs: Vec<(String, String)> = (0..5)
        .map(|i| {
            let page = format!("/tab/{i}?n={i}");
            (page.clone(), browser.step(&page).location().to_owned())
        })
        .collect();

    // The person signs in where they happen to look first.
    for i in [3, 0, 4, 2, 1] {
        let (page, authorize) = &tabs[i];
        let trail = browser.open(authorize);
        assert_eq!(trail.status(), 200, "{page}: {trail:#?}");
        assert_eq!(trail.address().as_str(), format!("{}{page}", site.url()));
    }
    assert_eq!(browser.state_cookies(), [], "nothing is left of finished sign-ins");
    assert_eq!(browser.session_cookies().len(), 1);
}

#[test]
fn unfinished_sign_ins_cannot_pile_up_in_the_browser() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    for i in 0..60 {
        let response = browser.step(&format!("/a/rather/long/path/{i}?{}", "x".repeat(200)));
        assert_eq!(response.status(), 302, "tab {i}");
    }

    let cookies = browser.cookie_header().unwrap_or_default();
    assert!(browser.state_cookies().len() <= 20, "{}", browser.state_cookies().len());
    // nginx refuses header lines beyond 8 kB by default; others 4 kB.
    assert!(cookies.len() < 4_096, "{} bytes of cookies", cookies.len());
    assert_eq!(browser.open("/last").status(), 200, "the newest tab is not the victim");
}

#[test]
fn a_callback_of_one_browser_is_refused_in_another() {
    // CVE-2024-10318: without it an attacker signs a victim in as the attacker.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut attacker = site.browser();
    let trail = attacker.open_until("/page", |url| url.path().ends_with("/callback"));
    let callback = trail.page().location().to_owned();

    // A genuine state without its cookie begins a sign-in of this browser's own.
    let mut fresh = site.browser();
    let response = fresh.step(&callback);
    assert_eq!(response.status(), 302);
    assert_ne!(parameter(response.location(), "state"), parameter(&callback, "state"));

    let mut busy = site.browser();
    busy.step("/page"); // has a sign-in of its own under way
    assert_eq!(busy.step(&callback).status(), 302);

    // Somebody who can write cookies of a neighbouring host plants one of that name.
    let mut tricked = site.browser();
    for cookie in attacker.state_cookies() {
        let value = "A".repeat(cookie.value.len());
        tricked.plant(Cookie { value, ..cookie });
    }
    let response = tricked.step(&callback);
    assert_eq!(response.status(), 400);
    assert_error_page(&response);

    for victim in [&fresh, &busy, &tricked] {
        assert_eq!(victim.session_cookies(), []);
    }
    assert_eq!(site.sso.count("/application/o/token/"), 0, "the code was not even tried");
    assert_eq!(site.app.hits(), 0);
    assert_eq!(attacker.step(&callback).status(), 302, "it was a good one");
}

#[test]
fn a_browser_that_keeps_no_cookie_at_all_is_told_so_instead_of_looping() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    browser.refuse_cookies(|_| true);

    let trail = browser.open("/page"); // panics after 20 redirects

    assert_eq!(trail.status(), 400);
    assert_error_page(trail.page());
    assert!(trail.page().text().contains("state-no-cookie"), "{}", trail.page().text());
    assert_eq!(site.sso.count("/application/o/token/"), 0);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn a_callback_works_once() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let trail = browser.open_until("/page", |url| url.path().ends_with("/callback"));
    let callback = trail.page().location().to_owned();

    assert_eq!(browser.step(&callback).status(), 302);
    let before = browser.session_cookies();
    let again = browser.step(&callback);

    assert_eq!(again.status(), 302, "a new sign-in: {again:?}");
    assert_ne!(parameter(again.location(), "state"), parameter(&callback, "state"));
    assert_eq!(site.sso.count("/application/o/token/"), 1);
    assert_eq!(browser.session_cookies(), before, "the session that was opened stays");
}

#[test]
fn every_bit_of_the_state_counts() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    let trail = browser.open_until("/page", |url| url.path().ends_with("/callback"));
    let callback = trail.page().location().to_owned();
    let state = parameter(&callback, "state").expect("a state");

    for at in [0, 1, state.len() / 2, state.len() - 1] {
        let mut changed: Vec<char> = state.chars().collect();
        changed[at] = if changed[at] == 'A' { 'B' } else { 'A' };
        let changed: String = changed.into_iter().collect();
        let response = browser.clone().step(&callback.replace(&state, &changed));
        // The last character may hold bits that encode nothing; then it must still be canonical.
        assert_eq!(response.status(), 400, "character {at}");
        assert_error_page(&response);
    }
    assert_eq!(site.sso.count("/application/o/token/"), 0);
}

#[test]
fn what_authentik_sends_back_instead_of_a_code_is_understood() {
    // recordings/README.md, number 1: the error comes behind a second `?`.
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    for error in ["login_required", "access_denied", "server_error", "<script>"] {
        site.sso.clear_faults();
        site.sso.fault(Endpoint::Authorize, Fault::ErrorRedirect(error.to_owned()));
        let mut browser = site.browser();
        let trail = browser.open("/page");

        assert!(trail.address().query().unwrap_or_default().contains("true?error="), "{error}");
        assert_eq!(trail.status(), 400, "{error}");
        assert_error_page(trail.page());
        assert!(trail.page().text().contains("authorize-error"), "{error}");
        assert!(!trail.page().text().contains("<script>"), "{error}");
        assert_eq!(browser.session_cookies(), [], "{error}");
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_third_failure_in_a_row_says_that_it_goes_round_in_circles() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    site.sso.fault(Endpoint::Token, Fault::WrongSignature);
    let mut browser = site.browser();

    let reasons: Vec<bool> =
        (0..3).map(|_| browser.open("/page").page().text().contains("sign-in-loop")).collect();
    assert_eq!(reasons, [false, false, true]);
    assert_eq!(site.app.hits(), 0);

    site.sso.clear_faults();
    let start_again = "/outpost.goauthentik.io/start?rd=/page";
    assert_eq!(browser.open(start_again).status(), 200, "a person may always try again");
}

#[test]
fn a_browser_that_keeps_no_session_cookie_is_stopped_instead_of_looping() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut browser = site.browser();
    browser.refuse_cookies(is_session);

    let trail = browser.open("/page"); // panics after 20 redirects

    assert_error_page(trail.page());
    assert!(trail.page().text().contains("sign-in-loop"), "{}", trail.page().text());
    assert_eq!(site.app.hits(), 0);
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
    // authentik-outpost.md §7.1: the name of the cookie is SHA-256 of the client id.
    let thief = site.get("/admin/").header("Cookie", format!("{ADMIN_COOKIE}={}", wiki.value));
    assert_eq!(thief.status(), 401);
    assert_eq!(site.app.hits(), 0);
    let mut browser = site.browser();
    assert_eq!(browser.open("/admin/").status(), 200);
    assert_eq!(browser.session_cookies()[0].name, ADMIN_COOKIE);
    assert_eq!(site.app.last().header("X-authentik-meta-provider"), Some("admin"));
}

#[test]
fn a_session_ends_when_its_token_does() {
    let site = Site::builder()
        .settings(|settings, _| settings.providers[0].access_token_seconds = 2)
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }",
        )
        .start();
    let alice = site.signed_in();

    assert_eq!(alice.get("/").status(), 200);
    thread::sleep(Duration::from_millis(3_200));
    assert_eq!(alice.get("/").status(), 401);
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

/// A page of ours: self-contained, not cached, not embeddable, with a reason code and a way on.
pub(crate) fn assert_error_page(response: &Response) {
    let text = response.text();
    let header = |name: &str| response.header(name).unwrap_or_default().to_ascii_lowercase();
    assert!(header("content-type").starts_with("text/html"), "{response:#?}");
    assert!(header("cache-control").contains("no-store"), "{response:#?}");
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{response:#?}");
    assert!(policy.contains("frame-ancestors 'none'") || header("x-frame-options") == "deny");
    assert!(text.contains("href="), "a way on: {text}");
    assert!(!text.contains("src=") && !text.contains("<script"), "self-contained: {text}");
    assert!(text.len() < 10_000, "{} bytes", text.len());
    let named = crate::tokens::REASONS.iter().any(|reason| text.contains(reason));
    assert!(named, "no reason code: {text}");
}

/// `authentik_proxy_` and the first 8 hex digits of SHA-256("admin-client-id").
const ADMIN_COOKIE: &str = "authentik_proxy_165dd56c";
