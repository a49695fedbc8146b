//! `authentik_require`: who may see which part of a site.

use crate::harness::{Browser, Site, Trail};

#[test]
fn a_location_admits_only_those_who_meet_its_rules() {
    let site = Site::start(
        "authentik_provider wiki;
         authentik_unauth_paths ^/staff/public$;
         location / { proxy_pass http://app; }
         location /staff/ { authentik_require group staff admins; proxy_pass http://app; }
         location /both/ {
             authentik_require group staff;
             authentik_require entitlement publish;
             proxy_pass http://app;
         }
         location /carol/ { authentik_require user carol; proxy_pass http://app; }",
    );
    let bob = site.signed_in_as("bob"); // groups staff, devs, …; entitlement-a
    let alice = site.signed_in(); // no groups
    site.app.forget();

    for (browser, name, path, status) in [
        (&bob, "bob", "/", 200),
        (&bob, "bob", "/staff/", 200),
        (&bob, "bob", "/both/", 403),
        (&bob, "bob", "/carol/", 403),
        (&alice, "alice", "/", 200),
        (&alice, "alice", "/staff/", 403),
        (&alice, "alice", "/staff/public", 200),
    ] {
        let before = site.app.hits();
        assert_eq!(browser.get(path).status(), status, "{name} {path}");
        let reached = site.app.hits() - before;
        assert_eq!(reached, u64::from(status == 200), "{name} {path}");
    }
}

#[test]
fn what_is_missing_is_told_to_the_log_and_not_to_the_visitor() {
    let site = Site::start(
        r#"authentik_provider wiki;
         authentik_require group "secret project";
         location / { proxy_pass http://app; }"#,
    );
    let mut browser = site.browser();
    browser.become_user("bob");

    let trail = browser.open("/plans");

    assert_eq!(trail.status(), 403);
    assert!(trail.page().text().contains("not-permitted"), "{}", trail.page().text());
    assert!(!trail.page().text().contains("secret project"), "{}", trail.page().text());
    assert!(trail.page().text().contains("You are signed in as bob."), "{}", trail.page().text());
    assert!(trail.page().text().contains("href=\"/outpost.goauthentik.io/sign_out\""));
    assert!(trail.page().text().contains("Sign in as somebody else"));
    let line =
        r#"refused, reason: not-permitted, provider: "wiki", missing: group "secret project""#;
    assert_eq!(site.error_log().lines_with(line).len(), 1, "{}", site.error_log().text());
    assert_eq!(site.app.hits(), 0);
    // A stranger still learns first that there is no session.
    assert_eq!(site.get("/plans").status(), 401);
}

#[test]
fn who_may_not_see_a_page_can_sign_in_as_somebody_else_who_may() {
    // authentik with its form: who has a session there is asked only if the application says so.
    let site = Site::builder()
        .server(
            "authentik_provider wiki;
             location / { proxy_pass http://app; }
             location /plans { authentik_require user carol; proxy_pass http://app; }",
        )
        .settings(|settings, _| settings.form = true)
        .start();
    let mut browser = site.browser();
    let form = browser.open("/plans?week=3");
    let refused = pick(&mut browser, &form, "bob");
    assert_eq!(refused.status(), 403, "{:?}", refused.addresses());
    let page = refused.page().text();
    let (before, _) = page.split_once("\">Sign in as somebody else</a>").expect("the link");
    let link = before.rsplit_once("href=\"").expect("its address").1.replace("&amp;", "&");

    let form = browser.open(&link);
    assert!(form.page().text().contains("<form"), "authentik asks: {:?}", form.addresses());
    assert_eq!(site.app.hits(), 0);
    assert_eq!(browser.get("/").send().status(), 200, "until then the session stays");
    let former = browser.clone();

    let arrived = pick(&mut browser, &form, "carol");
    assert_eq!(arrived.status(), 200, "{:?}", arrived.addresses());
    assert_eq!(site.app.last().target, "/plans?week=3");
    assert_eq!(site.app.last().header("X-authentik-username"), Some("carol"));
    let hits = site.app.hits();
    assert_eq!(former.get("/").send().status(), 401, "the session of before has ended");
    assert_eq!(site.app.hits(), hits);
}

/// Picks a user in authentik's form.
fn pick(browser: &mut Browser, form: &Trail, user: &str) -> Trail {
    let address = form.address().as_str();
    let typed = browser.get(address).method("POST").body(format!("pick={user}"));
    let typed = typed.header("Content-Type", "application/x-www-form-urlencoded");
    browser.follow(address, typed.send())
}
