//! Sessions that are no longer justified, or were chosen by somebody else.

use authentik_standin::Settings;

use super::{CLOSED, assert_untouched};
use crate::harness::{Builder, Cookie, Site, eventually};

#[test]
fn s32_an_id_that_somebody_planted_before_the_sign_in_is_not_the_sessions() {
    let site = Site::start(CLOSED);
    let attacker = site.signed_in_as("bob");
    let chosen = attacker.session_cookies().remove(0);
    for value in [chosen.value.clone(), "A".repeat(43)] {
        let planted = Cookie { value, ..chosen.clone() };
        let mut victim = site.browser();
        victim.plant(planted.clone());

        assert_eq!(victim.open("/outpost.goauthentik.io/start?rd=/").status(), 200);

        let of_victim = victim.session_cookies();
        assert_eq!(of_victim.len(), 1);
        assert_ne!(of_victim[0].value, planted.value, "the id is a new one");
        assert_eq!(victim.get("/").status(), 200);
        assert_eq!(site.app.last().header("X-authentik-username"), Some("alice"));
        let header = format!("{}={}", planted.name, planted.value);
        assert_eq!(site.get("/").header("Cookie", header).status(), 401, "the planted one");
    }
}

#[test]
fn s32_another_user_in_the_same_browser_has_another_session() {
    let site = Site::start(CLOSED);
    let mut browser = site.signed_in();
    let alice = browser.clone();
    browser.become_user("bob");

    assert_eq!(browser.open("/outpost.goauthentik.io/start?rd=/").status(), 200);

    assert_ne!(browser.session_cookies(), alice.session_cookies());
    assert_eq!(site.app.last().header("X-authentik-username"), Some("bob"));
    site.app.forget();
    assert_eq!(alice.get("/").status(), 401, "alice's id ended");
    assert_untouched(&site, "an ended session");
}

#[test]
fn s33_a_user_who_was_disabled_is_out_when_the_token_ends() {
    // CVE-2025-29928: deletion and deactivation revoked nothing. Until authentik reports them at
    // once, the limit is the lifetime of the token (`access_token_validity`).
    let site = short_lived().server(CLOSED).start();
    let mut alice = site.signed_in();
    assert_eq!(alice.get("/").status(), 200);

    site.sso.change(|settings| user(settings, "alice").active = false);
    site.sso.end_sessions();
    eventually("the token is over", || alice.get("/").status() == 401);

    site.app.forget();
    assert_ne!(alice.open("/").address().path(), "/");
    let bearer = ("Authorization", "Basic YWxpY2U6YXBwLXBhc3N3b3JkLWFsaWNlLWtleS0wMTIzNDU2Nzg5");
    assert_eq!(site.get("/").headers(&[bearer]).status(), 401, "nor with an app password");
    assert_untouched(&site, "a disabled user");
}

#[test]
fn s34_a_group_that_was_taken_away_is_gone_when_the_token_ends() {
    // CVE-2021-41230: claims were never refreshed.
    let site = short_lived()
        .server(
            "authentik_provider wiki;
             location / { authentik_require group staff; proxy_pass http://app; }",
        )
        .start();
    let mut bob = site.browser();
    bob.become_user("bob");
    assert_eq!(bob.open("/").status(), 200);

    site.sso.change(|settings| user(settings, "bob").groups.clear());
    eventually("the session is over", || bob.get("/").status() == 401);

    site.app.forget();
    assert_eq!(bob.open("/").status(), 403, "signed in anew, without the group");
    assert_untouched(&site, "a former member");
}

/// Tokens that live long enough to be tested on a busy machine.
fn short_lived() -> Builder {
    Site::builder().settings(|settings, _| settings.providers[0].access_token_seconds = 6)
}

fn user<'s>(settings: &'s mut Settings, name: &str) -> &'s mut authentik_standin::User {
    settings.users.iter_mut().find(|user| user.username == name).expect("a user")
}
