//! The loop breaker stops loops, not people.

use crate::harness::Site;

const CALLBACK: &str = "/outpost.goauthentik.io/callback";
const START: &str = "/outpost.goauthentik.io/start?rd=/page";

fn site() -> Site {
    Site::start("authentik_provider wiki; location / { proxy_pass http://app; }")
}

#[test]
fn callbacks_that_another_page_sends_a_browser_to_do_not_keep_it_from_signing_in() {
    let site = site();
    let mut browser = site.browser();
    for state in ["nonsense", "a.b.c", "", "nonsense", "nonsense"] {
        let answer = browser.step(&format!("{CALLBACK}?code=x&state={state}"));
        assert_eq!(answer.status(), 400, "{answer:#?}");
        assert!(!answer.text().contains("sign-in-loop"), "{}", answer.text());
    }
    assert_eq!(site.app.hits(), 0);
    assert_eq!(browser.open("/page").status(), 200);
}

#[test]
fn who_has_a_session_may_sign_in_again_and_again() {
    let site = site();
    let mut browser = site.signed_in();
    for _ in 0..6 {
        let trail = browser.open(START);
        assert_eq!(trail.status(), 200, "{trail:#?}");
    }
    // A callback that leads nowhere is not a loop either.
    for _ in 0..4 {
        let answer = browser.step(&format!("{CALLBACK}?code=x&state=nonsense"));
        assert!(!answer.text().contains("sign-in-loop"), "{}", answer.text());
    }
    assert_eq!(browser.open("/page").status(), 200);
}

#[test]
fn six_tabs_at_once_are_no_loop() {
    let site = site();
    let mut browser = site.browser();
    // All tabs start before the first of them returns.
    let starts: Vec<String> =
        (0..6).map(|tab| browser.step(&format!("/tab{tab}")).location().to_owned()).collect();
    for start in &starts {
        let trail = browser.open(start);
        assert_eq!(trail.status(), 200, "{trail:#?}");
    }
    // A request in progress with the session of an earlier tab causes another sign-in.
    let mut session = browser.session_cookies().remove(0);
    session.value = "A".repeat(session.value.len());
    browser.plant(session);
    let trail = browser.open("/page");
    assert_eq!(trail.status(), 200, "{trail:#?}");
}
