//! Logout means logout.

use crate::harness::{Browser, Site, parameter};
use crate::outpost::all_workers_say;

#[test]
fn signing_out_ends_all_sessions_of_the_user_in_all_workers_at_once() {
    let site = Site::builder()
        .workers(4)
        .server(
            "authentik_provider wiki;
             add_header X-Worker $pid always;
             location / { proxy_pass http://app; }",
        )
        .start();
    let mut desk = site.signed_in();
    let phone = site.signed_in();
    let bob = site.signed_in_as("bob");
    for known in [&desk, &phone, &bob] {
        assert_eq!(known.get("/").status(), 200);
    }
    let copied = desk.clone();

    let response = desk.step("/outpost.goauthentik.io/sign_out");

    assert_eq!(response.status(), 302);
    site.app.forget();
    for (who, dead) in [("the copied cookie", &copied), ("the other browser", &phone)] {
        assert!(all_workers_say(&site, &dead.get("/"), 401), "{who}");
    }
    assert_eq!(site.app.hits(), 0);
    assert_eq!(desk.session_cookies(), [], "the browser's own cookie is cleared");
    assert_eq!(bob.get("/").status(), 200, "another user stays");
}

#[test]
fn signing_out_goes_on_to_authentik_with_the_token_as_hint() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);
    let token = site.app.last().header("X-authentik-jwt").map(str::to_owned);

    let response = alice.step("/outpost.goauthentik.io/sign_out");

    let end_session = format!("{}/application/o/wiki/end-session/?", site.sso.url());
    assert!(response.location().starts_with(&end_session), "{}", response.location());
    assert_eq!(parameter(response.location(), "id_token_hint"), token);
    let caching = response.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
}

#[test]
fn the_signature_signs_out_on_any_path() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut alice = site.signed_in();
    let copied = alice.clone();

    let response = alice.step("/any/path?X-authentik-logout=true");

    assert_eq!(response.status(), 302);
    assert_eq!(copied.get("/").status(), 401);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn signing_out_reaches_the_sessions_of_the_users_other_applications() {
    let site = Site::builder()
        .settings(|settings, ports| {
            let url = format!("http://wiki.test:{}", ports.main);
            settings.providers.push(authentik_standin::ProviderSettings::new("blog", &url));
        })
        .http(
            "authentik_provider blog {
                 issuer %%SSO%%/application/o/blog/;
                 client_id blog-client-id;
                 client_secret blog-client-secret;
                 external_host http://wiki.test:%%PORT%%;
             }",
        )
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /blog/ { authentik_provider blog; proxy_pass http://app; }",
        )
        .start();
    let mut alice = site.signed_in();
    assert_eq!(alice.open("/blog/").status(), 200);
    let copied = alice.clone();
    for path in ["/", "/blog/"] {
        assert_eq!(copied.get(path).status(), 200, "{path}");
    }

    alice.step("/outpost.goauthentik.io/sign_out");

    for path in ["/", "/blog/"] {
        assert_eq!(copied.get(path).status(), 401, "{path}");
    }
}

#[test]
fn signing_out_without_a_session_is_harmless() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let alice = site.signed_in();
    for stranger in [site.browser(), forged(&site, &alice)] {
        let response = stranger.clone().step("/outpost.goauthentik.io/sign_out");
        assert!(response.status() < 500, "{response:?}");
    }
    assert_eq!(alice.get("/").status(), 200);
    assert_eq!(site.app.hits(), 1);
}

#[test]
fn after_signing_out_the_next_page_signs_in_anew() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut alice = site.signed_in();
    alice.step("/outpost.goauthentik.io/sign_out");

    let trail = alice.open("/page");

    assert_eq!(trail.status(), 200);
    assert_eq!(trail.addresses().len(), 4, "by way of authentik: {:#?}", trail.addresses());
}

#[test]
fn sign_out_works_while_authentik_is_down() {
    let site = Site::start(
        "authentik_provider wiki;
         location / { proxy_pass http://app; }",
    );
    let mut alice = site.signed_in();
    let copied = alice.clone();
    site.sso.down();

    let response = alice.step("/outpost.goauthentik.io/sign_out");

    assert_eq!(response.status(), 302);
    assert_eq!(copied.get("/").status(), 401);
}

fn forged(site: &Site, model: &Browser) -> Browser {
    let mut cookie = model.session_cookies().remove(0);
    cookie.value = "A".repeat(cookie.value.len());
    let mut browser = site.browser();
    browser.plant(cookie);
    browser
}
